# One account, audited on day 2 of each month in the time of Berlin.
terraform {
  required_version = ">= 1.6"
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 6.0"
    }
  }
}

provider "aws" {
  region = "eu-central-1"
}

module "auditor" {
  source          = "../.."
  image           = "111122223333.dkr.ecr.eu-central-1.amazonaws.com/auditor@sha256:${var.digest}"
  subnets         = var.subnets
  security_groups = var.security_groups
  retention_days  = 400
  time_zone       = "Europe/Berlin"
}

resource "aws_sns_topic_subscription" "team" {
  topic_arn = module.auditor.topic
  protocol  = "email"
  endpoint  = var.email
}

variable "digest" {
  description = "SHA-256 of the image that was pushed."
  type        = string
}

variable "subnets" {
  description = "Subnets with a way out on port 443."
  type        = list(string)
}

variable "security_groups" {
  description = "Security groups that let port 443 out and nothing in."
  type        = list(string)
}

variable "email" {
  description = "Who hears of runs; the address has to be confirmed by mail."
  type        = string
}

output "bucket" {
  description = "Where packs go."
  value       = module.auditor.bucket
}

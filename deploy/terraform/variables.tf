variable "name" {
  description = "Begins the names of everything that is made."
  type        = string
  default     = "auditor"
  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,30}$", var.name))
    error_message = "Lower-case letters, digits and hyphens, at most 31."
  }
}

variable "image" {
  description = "The container image by digest."
  type        = string
  validation {
    condition     = can(regex("@sha256:[0-9a-f]{64}$", var.image))
    error_message = "Name the image by digest, not by tag."
  }
}

variable "subnets" {
  description = "Subnets with a way out on port 443."
  type        = list(string)
}

variable "security_groups" {
  description = "Security groups that let port 443 out and nothing in."
  type        = list(string)
}

variable "assign_public_ip" {
  description = "Whether tasks get a public address."
  type        = bool
  default     = false
}

variable "retention_days" {
  description = "So long no version of a pack can be deleted."
  type        = number
  default     = 400
}

variable "retention_mode" {
  description = "GOVERNANCE, or COMPLIANCE, which nobody can end."
  type        = string
  default     = "GOVERNANCE"
  validation {
    condition     = contains(["GOVERNANCE", "COMPLIANCE"], var.retention_mode)
    error_message = "GOVERNANCE or COMPLIANCE."
  }
}

variable "prefix" {
  description = "Below which packs lie in the bucket."
  type        = string
  default     = "aws"
}

variable "time_zone" {
  description = "Of the schedules."
  type        = string
  default     = "Etc/UTC"
}

variable "reader_policy_arns" {
  description = "Policies to read the account with; without any they are made from reader-*.json, which auditor policy prints."
  type        = list(string)
  default     = []
}

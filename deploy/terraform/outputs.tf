output "bucket" {
  description = "Where packs go."
  value       = aws_s3_bucket.packs.id
}

output "topic" {
  description = "Subscribe whoever has to hear of it."
  value       = aws_sns_topic.told.arn
}

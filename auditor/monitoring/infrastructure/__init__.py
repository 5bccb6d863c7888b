"""What Terraform and CloudFormation describe, judged before it is deployed."""

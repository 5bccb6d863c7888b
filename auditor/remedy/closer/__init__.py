"""The function that takes opened rules back: code for AWS Lambda, which Auditor ships and never runs."""

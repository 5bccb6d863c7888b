"""The write-once evidence store, and the AWS operations as data."""

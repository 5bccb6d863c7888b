"""What knows nothing of AWS: errors, periods, canonical JSON, bounds on untrusted input, YAML with lines, places."""

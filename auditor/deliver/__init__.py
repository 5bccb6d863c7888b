"""What leaves a run for AWS, and only when an option asks for it. Collects, judges and renders nothing."""

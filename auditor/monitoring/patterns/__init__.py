"""What filter patterns and EventBridge patterns mean, and whether they catch what a control asks for."""

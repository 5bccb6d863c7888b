"""What a pack consists of: its layout, its outcome, what replays and what was imported."""

"""Asks AWS, read-only, and writes down each answer once. Judges nothing."""

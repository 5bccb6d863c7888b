"""Answers that may be open: true, false, or not decided."""

Truth = bool | None
"""True, false, or not decided yet."""

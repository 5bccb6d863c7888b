"""What holds for every test."""

from hypothesis import settings

settings.register_profile("patient", deadline=None)
settings.load_profile("patient")
"""A busy machine is no failure: the time of single examples is not judged."""

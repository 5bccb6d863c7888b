"""Tests of remedies: written, run against a simulated AWS, audited again."""

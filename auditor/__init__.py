"""Auditor audits AWS accounts over a whole period and writes evidence packs that a stranger can verify offline."""

__version__ = "0.1.0"

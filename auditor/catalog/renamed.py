"""Old names of what packs name. A pack carries its rules, and these name check functions: it has to replay in years.

When a check is renamed or moves to another module, its old name is added here and stays. Entries are never changed.
"""

CHECKS: dict[str, str] = {"metrics.group_scaling": "scaling.group_scaling"}
"""Old name of a check, such as ``cloudtrail.digests``, -> the name that it has today."""


def check_name(name: str) -> str:
    """Return the name that a check has today."""
    return CHECKS.get(name, name)

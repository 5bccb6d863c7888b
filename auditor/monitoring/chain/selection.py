"""``fieldSelectionCriteria`` of a metric filter: which accounts and Regions of a log group it looks at.

Source: CloudWatch Logs API, ``PutMetricFilter``: comparisons of ``@aws.account`` and ``@aws.region`` with ``=``,
``!=``, ``IN`` and ``NOT IN``, joined by ``AND`` and ``OR``. The fields name where the log group is, whatever the events
in it name.
"""

import re

from auditor.base.truth import Truth

_TEST = re.compile(
    r"@aws\.(?P<field>account|region)\s*(?P<operator>=|!=|NOT\s+IN|IN)\s*"
    r"(?P<values>[\"'][^\"']*[\"']|\[[^\]]*\])",
    re.IGNORECASE,
)
_QUOTED = re.compile(r"""["']([^"']*)["']""")
_JOINED = re.compile(r"\s+(AND|OR)\s+", re.IGNORECASE)


def takes_in(criteria: str, *, account: str, region: str) -> Truth:
    """Say whether a filter looks at the events of a log group's own account and Region; None when that is not clear."""
    parts = _JOINED.split(criteria.strip())
    joints = {joint.upper() for joint in parts[1::2]}
    answers = [_answer(part, {"account": account, "region": region}) for part in parts[::2]]
    if None in answers or len(joints) > 1:
        return None
    return any(answers) if joints == {"OR"} else all(answers)


def _answer(text: str, own: dict[str, str]) -> Truth:
    found = _TEST.fullmatch(text.strip())
    if found is None:
        return None
    listed = own[found["field"].lower()] in _QUOTED.findall(found["values"])
    return listed is (found["operator"].upper() in {"=", "IN"})

"""What a pack says that nothing in it shows: taken from the run that made it, and listed wherever a pack is checked.

Reads a results document and names of files; opens nothing.
"""

from collections.abc import Collection, Mapping
from typing import Any

from auditor.base.counts import counted

_ALWAYS = (
    "evidence/raw, evidence/meta: that AWS gave these answers, to whom and when; AWS does not sign what it answers",
    "evidence/calls.json: which requests were sent",
    (
        "evidence/scope.json: entity, title, period, as-of time, start and end of the collection, who asked at which "
        "addresses, what was skipped, and the program that collected"
    ),
    "manifest.json: which program made the pack (tool), and the packs before it (--previous compares)",
    "trust/seal.json: the service asked for a time stamp and why one is missing; the level of the PDF's signature",
)
_JOINED = (
    "members: that each pack holds as a whole was checked when they were assembled; `--members` checks it again",
    "rules/assembly.json: which packs were given, whom they are about, and when they were assembled",
    "manifest.json: which program made the pack (tool)",
    "trust/seal.json: the service asked for a time stamp and why one is missing; the level of the PDF's signature",
)
_TRAILS = (
    "evidence/integrity: which log files are altered, missing or planted, and how many, but for those in logs.zip",
    "evidence/integrity: what the bucket listed, its lifecycle rules, and which objects could not be read",
)
_EVENTS = (
    "every event row whose log file is not in a logs.zip of evidence/integrity, and that no other record is of note"
)


def not_derivable(results: Mapping[str, Any], files: Collection[str]) -> tuple[str, ...]:
    """Return what is taken from the run, each in one sentence.

    Args:
        results: the results document.
        files: names of the pack's files.
    """
    if str(results.get("schema", "")).startswith("auditor.assembly/"):
        return _JOINED
    found = list(_ALWAYS)
    if results.get("integrity"):
        found += _TRAILS
    if results.get("run", {}).get("keys_before"):
        found.append("evidence/scope.json: which keys of CloudTrail the pack before had used (--previous compares)")
    if results.get("events"):
        found.append(_EVENTS)
    if activity := results.get("activity"):
        many = counted(len(activity), "question")
        found.append(f"answers to {many} about events, which were asked of all log files")
    if any(document.get("measured") for document in results.get("completeness", ())):
        found.append(
            "where events drawn from Event history stand, how late log files came, how many events there were, and"
            " the records of openings of security groups"
        )
    if results.get("waivers") or results.get("attestations"):
        found.append("rules/waivers.yaml, rules/attestations: that the people named in them said so")
    if results.get("responses"):
        found.append("rules/responses.yaml: that the owners named in it said so")
    if results.get("since"):
        found.append("evidence/previous.json: what the pack before found (--previous compares)")
    if results.get("imported"):
        found.append("evidence/imported: findings of other tools, as they were given")
    if any(name.endswith("securityhub-import.json") for name in files):
        found.append("results/securityhub-import.json: what Security Hub answered")
    return tuple(found)

"""Forgeries of what accounts of an organization were handed, by somebody who derives and hashes everything anew."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from auditor.base.canonical import canonical_json, sha256_hex
from auditor.config import Config
from auditor.org.pack import RolledUp, material_of
from auditor.org.running import _complete
from auditor.pack.layout import EVIDENCE, RULES
from auditor.run import Request, complete
from auditor.run.judging import load_rules
from auditor.simulator.worlds import organization as story
from tests.org.test_run import AS_OF
from tests.org.watching import SETTINGS
from tests.seal.forging import edited

FORGED = story.DENIED
"""The account whose pack is changed: it may ask for little itself, and most is credited to it."""
Change = Callable[[Path], object]
"""What is done to the evidence folder of that account."""
ADDED = "EV-9000"


@dataclass(frozen=True, slots=True)
class Forgery:
    """One row.

    Args:
        id: of the test.
        what: is changed, for the page.
        change: does it to the evidence of ``FORGED``.
        found: the check that finds it.
        file: ends the path that a finding names.
        waiver: by which that account is judged, and no other.
        whole: whether the organization's own evidence is changed instead, and nothing in any account's pack.
    """

    id: str
    what: str
    change: Change
    found: str
    file: str
    waiver: str = ""
    whole: bool = False


def answer(evidence: Path, operation: str, *, of: str, region: str = "eu-central-1") -> Path:
    """Return the metadata of an answer."""
    asked = {"operation": operation, "account": of, "region": region}
    for path in sorted((evidence / "meta").glob("*.json")):
        document = orjson.loads(path.read_bytes())
        if {name: document[name] for name in asked} == asked:
            return path
    raise AssertionError(f"no {operation} of {of}")


def said(operation: str, change: Callable[[dict[str, Any]], object], *, of: str = story.MANAGEMENT) -> Change:
    """Change the first page of an answer, with its hash and counts."""

    def apply(evidence: Path) -> None:
        meta = answer(evidence, operation, of=of, region="global" if operation.startswith("s3:") else "eu-central-1")
        document = orjson.loads(meta.read_bytes())
        raw = evidence / document["path"]
        held = orjson.loads(raw.read_bytes())
        before = canonical_json(held)
        change(held["pages"][0])
        data = canonical_json(held)
        assert data != before
        raw.write_bytes(data)
        meta.write_bytes(canonical_json({**document, "sha256": sha256_hex(data)}))

    return apply


def _taken(operation: str, *, of: str) -> Change:
    def apply(evidence: Path) -> None:
        meta = answer(evidence, operation, of=of)
        (evidence / orjson.loads(meta.read_bytes())["path"]).unlink()
        meta.unlink()

    return apply


def _invented(evidence: Path) -> None:
    """Let the administrator answer for a Region in which nobody asked it."""
    document = orjson.loads(answer(evidence, "guardduty:ListMembers", of=story.AUDIT).read_bytes())
    there = document["path"].replace("eu-central-1", "us-east-1")
    (evidence / there).parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(evidence / document["path"], evidence / there)
    added = {**document, "ref": ADDED, "region": "us-east-1", "path": there}
    (evidence / "meta" / f"{ADDED}.json").write_bytes(canonical_json(added))


def _scope(change: Callable[[dict[str, Any]], object]) -> Change:
    return lambda evidence: edited(evidence / "scope.json", change)


def _record(operation: str, **members: object) -> Change:
    return lambda evidence: edited(
        answer(evidence, operation, of=story.MANAGEMENT), lambda document: document.update(members)
    )


def _more_hours(page: dict[str, Any]) -> None:
    """Say of the owner's verified hours that there are more of them."""
    page["coverage"]["hours_verified"] = page["coverage"]["hours_asked"] = 25


def _renamed(key: str, member: str) -> Callable[[dict[str, Any]], object]:
    """Return what changes a member of the first item of a list."""
    return lambda page: page[key][0].update({member: "other"})


def _topic(page: dict[str, Any]) -> None:
    page["Subscriptions"][0]["SubscriptionArn"] = "PendingConfirmation"


def _event(page: dict[str, Any]) -> None:
    page["counts"]["call"] = 1


def _as_it_was(evidence: Path) -> None:
    """Leave the evidence alone."""


WAIVER = """
waivers:
  - control: guardduty-enabled
    resource: "*"
    justification: Another tool watches.
    approver: ciso@example.com
    ticket: SEC-1
    expires: 2027-01-01
"""

TABLE = (
    Forgery("trail", "the organization's trail as its owner described it", said("cloudtrail:DescribeTrails",
            lambda page: page["trailList"][0].update(LogFileValidationEnabled=False)), "handed-on",
            "DescribeTrails.json"),
    Forgery("status", "whether that trail logs", said("cloudtrail:GetTrailStatus",
            lambda page: page.update(IsLogging=False)), "handed-on", ".json"),
    Forgery("selectors", "what that trail records", said("cloudtrail:GetEventSelectors",
            lambda page: page.update(EventSelectors=[])), "handed-on", ".json"),
    Forgery("filters", "a metric filter of the trail's log group", said("logs:DescribeMetricFilters",
            _renamed("metricFilters", "filterPattern")), "handed-on", "DescribeMetricFilters.json"),
    Forgery("alarms", "an alarm on it", said("cloudwatch:DescribeAlarms", _renamed("MetricAlarms", "StateValue")),
            "handed-on", ".json"),
    Forgery("subscribers", "who is told by the alarm's topic", said("sns:ListSubscriptionsByTopic", _topic),
            "handed-on", ".json"),
    Forgery("analyzer", "the organization's access analyzer", said("accessanalyzer:ListAnalyzers",
            lambda page: page["analyzers"][0].update(status="DISABLED"), of=story.AUDIT), "handed-on",
            "ListAnalyzers.json"),
    Forgery("guardduty", "for whom GuardDuty is on, by its administrator", said("guardduty:ListMembers",
            lambda page: page["Members"].pop(), of=story.AUDIT), "handed-on", ".json"),
    Forgery("securityhub", "for whom Security Hub is on, by its administrator", said("securityhub:ListMembers",
            lambda page: page["Members"].pop(), of=story.AUDIT), "handed-on", ".json"),
    Forgery("deliveries", "which accounts have a folder in the trail's bucket", said("s3:ListObjectsV2",
            lambda page: page["CommonPrefixes"].pop(), of=story.LOG_ARCHIVE), "handed-on", ".json"),
    Forgery("verified", "how many hours of the trail's owner are verified", said("trail:VerifyDigests", _more_hours),
            "handed-on", ".json"),
    Forgery("events", "what the owner's verified records say of changes to the trail", said("trail:NotableEvents",
            _event), "handed-on", ".json"),
    Forgery("record", "when an answer was given that was handed on", _record("sns:ListTopics",
            collected_at="2026-11-02T05:00:00Z"), "handed-on", "ListTopics.json"),
    Forgery("taken", "an answer taken away that was handed on", _taken("trail:NotableEvents", of=story.MANAGEMENT),
            "handed-on", "scope.json"),
    Forgery("invented", "an answer that nobody handed on", _invented, "handed-on", f"{ADDED}.json"),
    Forgery("holder", "an account that holds something and refused, made one that was asked", _scope(
            lambda it: it["holders"][0].update(error="the role was refused")), "handed-on", "scope.json"),
    Forgery("other-run", "the pack of an account exchanged for one of another run", _scope(
            lambda it: it.update(as_of="2026-11-02T06:30:00Z")), "accounts", "manifest.json"),
    Forgery("other-rules", "the pack of an account judged with a waiver that no other has", _as_it_was, "accounts",
            "manifest.json", WAIVER),
    Forgery("unstated", "what the organization's pack says was handed on, all of it taken out", _scope(
            lambda it: it.update(operations=[])), "handed-on", ".json", whole=True),
    Forgery("unstated-in-part", "the same, one operation alone taken out", _scope(
            lambda it: it["operations"].remove("guardduty:ListMembers")), "handed-on", ".json", whole=True),
    Forgery("nobody-holds", "who holds something for others, nobody left in the organization's pack", _scope(
            lambda it: it.update(holders=[], operations=[])), "handed-on", "scope.json", whole=True),
)  # fmt: skip


def table() -> str:
    """Return the rows as the documentation has them."""
    rows = [f"| {row.what} | `{row.found}` fails |" for row in TABLE]
    return "\n".join(["| what is changed in the pack of one account | `auditor verify` |", "|---|---|", *rows]) + "\n"


def derived_anew(pack: Path, folder: Path, row: Forgery) -> Path:
    """Return a copy in which one account's evidence was forged, and all that follows was made again by this program."""
    member = folder / "accounts" / FORGED
    shutil.copytree(pack / "accounts", folder / "accounts")
    shutil.rmtree(member)
    shutil.copytree(pack / "accounts" / FORGED / EVIDENCE, member / EVIDENCE)
    for name in (EVIDENCE, RULES):
        shutil.copytree(pack / name, folder / name)
    shutil.copyfile(pack / "replay.txt", folder / "replay.txt")
    given = {"org": True, **SETTINGS, "out": str(folder)}
    waivers = folder.with_name(f"{folder.name}.yaml")
    waivers.write_text(row.waiver)
    row.change((folder if row.whole else member) / EVIDENCE)
    rules = load_rules(Config.model_validate({**given, "waivers": str(waivers) if row.waiver else ""}))
    complete(member, rules, lambda *_: None)
    request = Request(Config.model_validate(given), AS_OF, now=lambda: AS_OF)
    _complete(request, RolledUp(folder, material_of(folder)), lambda *_: None)
    return folder

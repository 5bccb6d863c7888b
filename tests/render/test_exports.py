"""Every export of the same results: counts agree, required fields are there, others' tools accept them."""

import copy
import csv
import html
import io
import json
import re
import subprocess
import sys
import tracemalloc
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import botocore.session
import cmarkgfm
import jsonschema
import junitparser
import openpyxl
import pytest
from botocore.validate import ParamValidator
from cmarkgfm.cmark import Options
from hypothesis import example, given
from hypothesis import strategies as st
from py_ocsf_models.events.findings.compliance_finding import ComplianceFinding
from trestle.oscal.assessment_plan import AssessmentPlan
from trestle.oscal.assessment_results import AssessmentResults

from auditor.base.errors import UsageError
from auditor.catalog.responses import Response
from auditor.catalog.waivers import load_waivers
from auditor.evaluate.engine import evaluate
from auditor.evaluate.exceptions import apply_exceptions
from auditor.evaluate.responses import apply_responses
from auditor.model import State
from auditor.pack.outcome import results_document
from auditor.render.exports import EXPORTS, Source, resources
from auditor.render.exports import export as export_each
from auditor.render.exports.markdown import literal
from auditor.render.exports.resources import resource_of
from auditor.render.exports.sarif import sarif
from auditor.render.exports.tables import IMPORTED_HEADS, safe_cell
from auditor.render.exports.workbook import workbook
from auditor.render.text import visible
from tests.evaluate.test_engine import REGIONS, World, build_catalog, vpc
from tests.evaluate.test_exceptions import waiver

FRAMEWORK = """
id: test-1
title: Test
requirements:
  "1": {controls: [vpc-is-tagged]}
  "2": {controls: [trail-is-validated]}
  "3": {controls: [password-is-long]}
  "4": {controls: [people-are-trained]}
"""
HOSTILE = (
    "<script>alert(1)</script>",
    "=cmd|' /C calc'!A0",
    "../../x",
    "x" * 10_000,
    "\u202egnp.exe",
    "a\x00b\x1bc|d`",
    "<r><t>a & b</t></r>",
    " =1+1",
    "www.evil.example/x jane@example.com @octocat #1",
    "a\u2028b\u2029c\x85d\ufffe\ufdd0\U0010ffff\U0001f469\u200d\U0001f467\U0001f1e9\u0338\u2066]]>",
)


ANSWER = Response(
    control="vpc-is-tagged",
    resource="vpc-*",
    account="",
    region="",
    owner="Network team",
    response="Tags *follow* with <b>the</b> new network.",
    ticket="NET-4",
    due=datetime(2027, 2, 1, tzinfo=UTC),
    origin="responses.yaml:2",
)


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Source:
    """A run in which every state occurs, some of it with hostile names."""
    folder = tmp_path_factory.mktemp("exports")
    world = World(folder)
    names = [vpc(name, Tagged=False) for name in HOSTILE]
    world.answer("ec2:DescribeVpcs", "eu-central-1", {"Vpcs": [*names, vpc("vpc-eu-old", Tagged=False)]})
    world.answer("ec2:DescribeVpcs", "us-east-1", {"Vpcs": [vpc("vpc-good"), vpc("vpc-default", IsDefault=True)]})
    for region in REGIONS:
        world.fail("cloudtrail:DescribeTrails", region, "AccessDenied")
    world.answer("iam:GetAccountPasswordPolicy", "global", {"PasswordPolicy": {"MinimumPasswordLength": 14}})
    evidence = world.evidence()
    results = evaluate(evidence, build_catalog(folder / "controls", framework=FRAMEWORK))
    results = apply_exceptions(results, load_waivers(waiver(folder)))
    results = apply_responses(results, (ANSWER, replace(ANSWER, resource="*", owner="=1+1", due=None)))
    records = {record.ref: record.document() for record in evidence.records}
    return Source(results_document(results), records, "20261102T060000Z-0123abcd", "0.1.0")


def export(source: Source, formats: Iterable[str]) -> dict[str, bytes]:
    """Return the files of some formats, each as a whole."""
    return {name: b"".join(pieces) for name, pieces in export_each(source, formats)}


@pytest.fixture(scope="module")
def exported(source: Source) -> dict[str, bytes]:
    return export(source, EXPORTS)


@pytest.fixture(scope="module")
def expected(source: Source) -> Counter[State]:
    counts = Counter(finding.state for finding in source.findings())
    assert set(counts) == set(State)
    return counts


def test_same_results_give_the_same_bytes(source: Source, exported: dict[str, bytes]) -> None:
    assert export(source, EXPORTS) == exported


def test_an_unknown_format_is_a_usage_error(source: Source) -> None:
    with pytest.raises(UsageError, match="docx"):
        export(source, ["docx"])


def test_the_counts_of_all_formats_agree(exported: dict[str, bytes], expected: Counter[State]) -> None:
    rows = list(csv.DictReader(io.StringIO(exported["results.csv"].decode())))
    assert Counter(State(row["state"]) for row in rows) == expected

    findings = json.loads(exported["asff.json"])
    assert Counter(State(item["ProductFields"]["auditor/state"]) for item in findings) == expected

    events = [json.loads(line) for line in exported["ocsf.ndjson"].splitlines()]
    assert Counter(State(item["unmapped"]["auditor"]["state"]) for item in events) == expected

    run = json.loads(exported["results-all.sarif"])["runs"][0]
    kinds = Counter((item["kind"], "suppressions" in item) for item in run["results"])
    assert kinds == {
        ("pass", False): expected[State.PASS],
        ("fail", False): expected[State.FAIL],
        ("fail", True): expected[State.WAIVED],
        ("open", False): expected[State.NOT_ASSESSED],
        ("notApplicable", False): expected[State.NOT_APPLICABLE],
        ("review", False): expected[State.MANUAL],
    }

    report = junitparser.JUnitXml.fromstring(exported["junit.xml"])
    report.update_statistics()  # type: ignore[no-untyped-call]
    skipped = expected[State.WAIVED] + expected[State.NOT_APPLICABLE] + expected[State.MANUAL]
    assert (report.tests, report.failures, report.errors, report.skipped) == (
        expected.total(),
        expected[State.FAIL],
        expected[State.NOT_ASSESSED],
        skipped,
    )

    oscal = json.loads(exported["oscal-ar.json"])["assessment-results"]["results"][0]
    concluded = Counter(item["target"]["status"]["reason"] for item in oscal["findings"])
    assert concluded == {
        "pass": expected[State.PASS],
        "fail": expected[State.FAIL],
        "other": expected[State.WAIVED],
    }
    observed = [item for item in oscal["observations"] if not is_of_what_was_handed_in(item)]
    assert len(observed) == expected.total()

    sheet = openpyxl.load_workbook(io.BytesIO(exported["evidence.xlsx"]))["Results"]
    assert Counter(State(row[4]) for row in sheet.iter_rows(min_row=2, values_only=True)) == expected


def is_of_what_was_handed_in(observation: Mapping[str, Any]) -> bool:
    return any(item["name"] == "handed-in" for item in observation["props"])


def test_the_sarif_level_is_none_unless_something_failed(exported: dict[str, bytes]) -> None:
    for item in json.loads(exported["results-all.sarif"])["runs"][0]["results"]:
        assert (item["level"] == "none") == (item["kind"] != "fail")
        assert item["locations"][0]["physicalLocation"]["region"]["startLine"] == 1


def test_github_gets_failures_only_worst_first_and_apart(
    source: Source, exported: dict[str, bytes], expected: Counter[State]
) -> None:
    run = json.loads(exported["results.sarif"])["runs"][0]
    assert len(run["results"]) == expected[State.FAIL]
    rules = run["tool"]["driver"]["rules"]
    scores = [float(rules[item["ruleIndex"]]["properties"]["security-severity"]) for item in run["results"]]
    assert scores == sorted(scores, reverse=True)
    places = [item["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] for item in run["results"]]
    hashes = [item["partialFingerprints"]["primaryLocationLineHash"] for item in run["results"]]
    assert len(set(hashes)) == len(set(places)) == len(places)
    account = source.document["run"]["accounts"][0]["id"]
    assert run["automationDetails"]["id"].rpartition("/")[0] == f"auditor/{account}/test-1"


def test_the_category_names_what_was_judged_where_no_framework_was_chosen(source: Source) -> None:
    run = {**source.document["run"], "frameworks": [], "controls": ["iam-root-mfa", "vpc-flow-logs"]}
    single = replace(source, document={**source.document, "run": run})
    (log,) = json.loads(b"".join(sarif(single)))["runs"]
    assert log["automationDetails"]["id"].split("/")[2] == "iam-root-mfa+vpc-flow-logs"


def test_github_gets_no_more_than_it_keeps(source: Source) -> None:
    assert len(json.loads(b"".join(sarif(source, most=2)))["runs"][0]["results"]) == 2


def test_sarif_says_why_a_result_is_open(source: Source, exported: dict[str, bytes]) -> None:
    def told(data: bytes) -> list[str]:
        (invocation,) = json.loads(data)["runs"][0]["invocations"]
        notes = invocation["toolExecutionNotifications"]
        return [item["message"]["text"] for item in notes if item["level"] == "warning"]

    assert len(told(exported["results.sarif"])) == len(source.document["gaps"])
    without = export(replace(source, document={**source.document, "gaps": []}), ["sarif"])["results.sarif"]
    unknown = [finding.result["reason"] for finding in source.findings() if finding.state is State.NOT_ASSESSED]
    assert unknown
    assert [text.partition(": ")[2] for text in told(without)] == unknown


def test_sarif_rules_carry_what_code_scanning_asks_for(exported: dict[str, bytes]) -> None:
    for rule in json.loads(exported["results.sarif"])["runs"][0]["tool"]["driver"]["rules"]:
        assert all(rule[key]["text"] for key in ("shortDescription", "fullDescription", "help"))


OCSF_REQUIRED: dict[str, dict[str, type]] = {
    "": {
        "activity_id": int,
        "category_uid": int,
        "class_uid": int,
        "type_uid": int,
        "severity_id": int,
        "time": int,
        "metadata": dict,
        "finding_info": dict,
        "compliance": dict,
        "cloud": dict,
    },
    "metadata": {"version": str, "product": dict, "profiles": list},
    "finding_info": {"uid": str},
    "cloud": {"provider": str},
    "compliance": {"status_id": int, "control": str, "status_details": list},
}


def test_every_reader_of_lines_finds_one_ocsf_event_a_line(source: Source, exported: dict[str, bytes]) -> None:
    events = [json.loads(line) for line in exported["ocsf.ndjson"].decode().splitlines()]
    named = {resource["name"] for event in events for resource in event["resources"]}
    assert len(events) == len(list(source.findings()))
    assert {finding.result["resource"] for finding in source.findings()} <= named | {""}


def test_ocsf_events_have_every_required_field_of_1_8_0(exported: dict[str, bytes]) -> None:
    for line in exported["ocsf.ndjson"].splitlines():
        event: dict[str, Any] = json.loads(line)
        for parent, fields in OCSF_REQUIRED.items():
            holder = event[parent] if parent else event
            assert {name: type(holder.get(name)) for name in fields} == fields
        assert event["type_uid"] == event["class_uid"] * 100 + event["activity_id"]
        assert event["metadata"]["version"] == "1.8.0"
        assert "status_detail" not in event["compliance"], "deprecated for status_details"
        for evidence in event.get("evidences", ()):
            assert evidence["api"]["operation"]
            assert len(evidence["file"]["hashes"][0]["value"]) == 64


def test_ocsf_events_are_accepted_by_an_independent_model(exported: dict[str, bytes]) -> None:
    for line in exported["ocsf.ndjson"].splitlines():
        event = json.loads(line)
        for evidence in event.get("evidences", ()):
            # That model is of 1.5.0 and asks a service for more than the schema does.
            evidence["api"]["service"] |= {"uid": "x", "version": "x"}
        ComplianceFinding.model_validate(event)


ASFF_STATUS = {"PASSED", "FAILED", "WARNING", "NOT_AVAILABLE"}


def test_asff_findings_keep_every_documented_limit(exported: dict[str, bytes]) -> None:
    findings = json.loads(exported["asff.json"])
    assert len({item["Id"] for item in findings}) == len(findings)
    for item in findings:
        assert item["SchemaVersion"] == "2018-10-08"
        assert item["ProductArn"].startswith("arn:aws:securityhub:")
        assert item["Compliance"]["Status"] in ASFF_STATUS
        assert item["Severity"]["Label"] in {"INFORMATIONAL", "LOW", "MEDIUM", "HIGH", "CRITICAL"}
        limits = (
            (item["Title"], 256),
            (item["Description"], 1024),
            (item["Resources"][0]["Id"], 512),
            (item["Id"], 512),
        )
        for text, limit in limits:
            assert 1 <= len(text) <= limit
        assert ("StatusReasons" in item["Compliance"]) == (item["Compliance"]["Status"] == "NOT_AVAILABLE")


def test_a_waived_failure_is_suppressed_but_still_failed(exported: dict[str, bytes]) -> None:
    waived = [
        item
        for item in json.loads(exported["asff.json"])
        if item["ProductFields"]["auditor/state"] == State.WAIVED.value
    ]
    assert [(item["Compliance"]["Status"], item["Workflow"]["Status"]) for item in waived] == [("FAILED", "SUPPRESSED")]


def test_oscal_is_accepted_by_trestle(exported: dict[str, bytes]) -> None:
    document = json.loads(exported["oscal-ar.json"])
    AssessmentResults(**document["assessment-results"])


def test_oscal_is_accepted_by_the_schema_of_its_version(exported: dict[str, bytes], tmp_path: Path) -> None:
    """That library unpacks its schemas into the working folder, so it gets one of its own."""
    document = json.loads(exported["oscal-ar.json"])
    bad = copy.deepcopy(document)
    del bad["assessment-results"]["results"][0]["findings"][0]["target"]["status"]
    assert loads_as_oscal(tmp_path, document, bad) == [True, False]


def loads_as_oscal(folder: Path, *documents: object) -> list[bool]:
    names = [f"{number}.json" for number in range(len(documents))]
    for name, document in zip(names, documents, strict=True):
        (folder / name).write_text(json.dumps(document))
    script = f"import oscal; print([bool(oscal.OSCAL.load(name)) for name in {names}])"
    done = subprocess.run([sys.executable, "-c", script], cwd=folder, capture_output=True, text=True, check=True)
    found: list[bool] = json.loads(done.stdout.splitlines()[-1].lower())
    return found


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\uff1d", " =", "\u00a0=", "\ufeff=", "\u200b@", "\t", "\r"])
def test_a_cell_that_begins_like_a_formula_is_text(start: str) -> None:
    assert safe_cell(f"{start}1+1") == f"'{start}1+1"


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        pytest.param("x;=1+41;y", "x;'=1+41;y", id="semicolon"),
        pytest.param("x\t@SUM(A1)", "x\t'@SUM(A1)", id="tab"),
        pytest.param("x\r\n=1+1", "x\r\n'=1+1", id="line-break"),
        pytest.param('x; "=1', "x; \"'=1", id="blank-and-quote"),
        pytest.param("012345678901", "'012345678901", id="leading-zero"),
        pytest.param("1E10", "'1E10", id="exponent"),
        pytest.param("111122223333", "111122223333", id="account"),
        pytest.param("1.10", "'1.10", id="version"),
        pytest.param("10-11", "'10-11", id="day-and-month"),
        pytest.param("3:45", "'3:45", id="time-of-day"),
        pytest.param("SEPT2", "'SEPT2", id="month-and-day"),
        pytest.param("2026-12-31", "2026-12-31", id="iso-date"),
        pytest.param("2026-11-02T06:00:00Z", "2026-11-02T06:00:00Z", id="iso-time"),
        pytest.param("10.0.0.1", "10.0.0.1", id="address"),
        pytest.param("440", "440", id="count"),
        pytest.param("a-b; c", "a-b; c", id="plain"),
    ],
)
def test_no_separator_makes_a_formula_or_another_number(text: str, kept: str) -> None:
    assert safe_cell(text) == kept


def test_a_long_cell_is_cut_where_every_reader_takes_it() -> None:
    cell = safe_cell("x" * 140_000)
    assert len(cell) == 32_000
    assert cell.endswith("...")


CELLS = st.text(alphabet="=+-@;\t\r\n\"', ax01E\u00a0\uff1d", max_size=14)


@example([';""='], ";")
@given(st.lists(CELLS, min_size=1, max_size=4), st.sampled_from(";\t"))
def test_no_cell_is_a_formula_however_the_file_is_split(texts: list[str], separator: str) -> None:
    """A spreadsheet that is told another separator ignores our commas and quotes."""
    line = ",".join('"' + safe_cell(text).replace('"', '""') + '"' for text in texts)
    for part in re.split(rf"[{separator}\r\n]", line)[1:]:
        before = part[: len(part) - len(part.lstrip(" \u00a0\"'\t\r\n"))]
        assert not part[len(before) :].startswith(("=", "+", "-", "@", "\uff1d")) or "'" in before


def test_a_byte_order_mark_comes_when_asked_for(source: Source, exported: dict[str, bytes]) -> None:
    marked = export(replace(source, bom=True), ["results-csv"])["results.csv"]
    assert marked == b"\xef\xbb\xbf" + exported["results.csv"]


def test_results_carry_what_a_table_alone_needs(source: Source, exported: dict[str, bytes]) -> None:
    rows = list(csv.DictReader(io.StringIO(exported["results.csv"].decode())))
    assert all(row["title"] and row["severity"] and row["service"] and row["judged as of"] for row in rows)
    (waived,) = [row for row in rows if row["state"] == State.WAIVED.value]
    assert waived["waiver justification"]
    assert waived["waiver approver"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", waived["waiver until"])


def test_a_response_stands_beside_its_finding_in_every_table_and_as_a_planned_remediation(
    exported: dict[str, bytes],
) -> None:
    rows = list(csv.DictReader(io.StringIO(exported["results.csv"].decode())))
    answered = [row for row in rows if row["response owner"]]
    assert {row["state"] for row in answered} == {"FAIL", "WAIVED"}
    old = next(row for row in answered if row["resource"] == "vpc-eu-old")
    assert (old["response due"], old["response ticket"]) == ("2027-01-31", "NET-4")
    assert {row["response owner"] for row in answered} == {"Network team", "'=1+1"}
    book = openpyxl.load_workbook(io.BytesIO(exported["evidence.xlsx"]), read_only=True)
    kinds = [row[0] for row in book["Accepted and answered"].iter_rows(values_only=True)]
    assert kinds.count("Response") == 2
    result = json.loads(exported["oscal-ar.json"])["assessment-results"]["results"][0]
    risks = [risk for risk in result["risks"] if "remediations" in risk]
    assert len(risks) == len(answered)
    assert {risk["status"] for risk in risks} == {"open", "deviation-approved"}
    named = [item["related-risks"][0]["risk-uuid"] for item in result["findings"] if "related-risks" in item]
    assert sorted(named) == sorted(risk["uuid"] for risk in result["risks"])


def test_what_was_handed_in_has_a_table_of_its_own_in_csv(source: Source, exported: dict[str, bytes]) -> None:
    rows = list(csv.DictReader(io.StringIO(exported["accepted.csv"].decode())))
    assert [row["kind"] for row in rows] == ["Waiver", "Response", "Response"]
    assert (rows[0]["last day"], rows[0]["applied"]) == ("2027-01-31", "yes")
    allowed = ["not-assessed:trail-is-validated", "not-assessed:vpc-is-tagged"]
    more = replace(source, document={**source.document, "rules": {"allow": allowed}})
    gaps = list(csv.DictReader(io.StringIO(export(more, ["csv"])["accepted.csv"].decode())))[-2:]
    assert [(row["control"], row["applied"], row["notes"]) for row in gaps] == [
        ("trail-is-validated", "yes", ""),
        ("vpc-is-tagged", "no", "unused: nothing of it was left open"),
    ]
    nothing = replace(source, document={**source.document, "waivers": [], "attestations": [], "responses": []})
    assert "accepted.csv" not in export(nothing, ["csv"])


@pytest.fixture(scope="module")
def handed_in(source: Source) -> Source:
    """The same run with a waiver and an attestation that expired, a waiver for a control that was not judged, and an
    attestation on which a result rests."""
    (waived,) = source.document["waivers"]
    expired = {**waived, "used": False, "resource": "=1+1 <b>*x*</b>", "notes": ["expired: it was not applied"]}
    elsewhere = {**waived, "used": False, "control": "sg-closed", "notes": ["unused: no failure fits it"]}
    attestation = {
        "control": "people-are-trained",
        "account": "",
        "statement": "All have been trained.",
        "criterion": "met",
        "person": "Jane Doe, internal audit",
        "date": "2026-10-20",
        "valid_until": "2027-10-20T00:00:00Z",
        "attachments": [{"name": "minutes.pdf", "sha256": "ab" * 32}],
        "origin": "attestations.yaml:1",
    }
    controls = [
        {**item, "results": [{**result, "details": {"attestation": attestation}} for result in item["results"]]}
        if item["id"] == attestation["control"]
        else item
        for item in source.document["controls"]
    ]
    past = {**attestation, "used": False, "notes": ["expired: it was not applied"]}
    document = {
        **source.document,
        "controls": controls,
        "waivers": [waived, expired, elsewhere],
        "attestations": [{**attestation, "used": True, "notes": []}, past],
    }
    return replace(source, document=document)


NOT_APPLIED = (
    "Waiver for vpc-is-tagged, last day 2027-01-31: expired: it was not applied",
    "Waiver for sg-closed, last day 2027-01-31: unused: no failure fits it",
    "Attestation for people-are-trained, last day 2027-10-19: expired: it was not applied",
)


def test_each_format_tells_what_was_not_applied_and_why(handed_in: Source, expected: Counter[State]) -> None:
    exported = export(handed_in, EXPORTS)
    (run,) = json.loads(exported["results.sarif"])["runs"]
    told = [item["message"]["text"] for item in run["invocations"][0]["toolExecutionNotifications"]]
    report = junitparser.JUnitXml.fromstring(exported["junit.xml"])
    output = "\n".join(element.text or "" for element in elements_of(exported["junit.xml"], "system-out"))
    assert report.tests == expected.total(), "it is no test, and no build breaks on it"
    oscal = json.loads(exported["oscal-ar.json"])["assessment-results"]["results"][0]
    observed = [item["description"].replace("\\", "") for item in oscal["observations"]]
    events = [json.loads(line) for line in exported["ocsf-accepted.ndjson"].splitlines()]
    assert Counter(event["status"] for event in events) == {"Success": 4, "Not applied": 3}
    for line in NOT_APPLIED:
        for texts in (told, output.splitlines(), observed, [event["message"] for event in events]):
            assert [text for text in texts if text.startswith(line)], line
        assert f"- {line}" in exported["summary.md"].decode()
    fields = [item["ProductFields"].get("auditor/to-mind", "") for item in json.loads(exported["asff.json"])]
    for line in (NOT_APPLIED[0], NOT_APPLIED[2]):
        assert [text for text in fields if text.startswith(line)]
    assert not any("sg-closed" in text for text in fields), "Security Hub has no place for it"


def test_each_format_names_who_accepted_or_answered(handed_in: Source) -> None:
    exported = export(handed_in, EXPORTS)
    said = "criterion met by the word of Jane Doe, internal audit on 2026-10-20, valid until 2027-10-19"
    (accepted,) = {item.people for item in handed_in.findings() if item.state is State.WAIVED}
    assert accepted.startswith("waived until 2027-01-31 (")
    cases = [case for suite in junitparser.JUnitXml.fromstring(exported["junit.xml"]) for case in suite]
    skipped = [mark.message for case in cases for mark in case.result]
    findings = json.loads(exported["asff.json"])
    comments = [json.loads(line).get("comment", "") for line in exported["ocsf.ndjson"].splitlines()]
    fields = [item["ProductFields"].get("auditor/people", "") for item in findings]
    for texts in (skipped, comments, fields):
        for line in (said, accepted):
            assert [text for text in texts if line in text]
    rows = csv.DictReader(io.StringIO(exported["results.csv"].decode()))
    assert [row["control"] for row in rows if said in row["attestation"]] == ["people-are-trained"]
    oscal = json.loads(exported["oscal-ar.json"])["assessment-results"]["results"][0]
    (attested,) = oscal["attestations"]
    assert attested["parts"][0]["prose"] == "Criterion met: All have been trained."


def test_junit_names_who_attested_that_a_criterion_is_not_met(handed_in: Source) -> None:
    controls = copy.deepcopy(handed_in.document["controls"])
    (result,) = next(item["results"] for item in controls if item["id"] == "people-are-trained")
    result.update(state="FAIL", evidence=[])
    exported = export(replace(handed_in, document={**handed_in.document, "controls": controls}), EXPORTS)
    failures = list(elements_of(exported["junit.xml"], "failure"))
    (failure,) = [item for item in failures if "Jane Doe, internal audit" in str(item.get("message"))]
    assert str(failure.text).endswith("evidence: none")


def test_what_was_handed_in_keeps_each_format_valid(handed_in: Source, tmp_path: Path) -> None:
    exported = export(handed_in, EXPORTS)
    document = json.loads(exported["oscal-ar.json"])
    AssessmentResults(**document["assessment-results"])
    assert loads_as_oscal(tmp_path, document) == [True]
    for element in elements_of(exported["junit.xml"]):
        children, attributes = JUNIT[element.tag]
        assert {child.tag for child in element} <= children
        assert set(element.keys()) <= attributes
    securityhub = botocore.session.get_session().create_client("securityhub", region_name="eu-central-1")
    shape = securityhub.meta.service_model.operation_model("BatchImportFindings").input_shape
    for name, data in exported.items():
        if name.startswith("asff/"):
            report = ParamValidator().validate({"Findings": json.loads(data)}, shape)
            assert not report.has_errors(), report.generate_report()
    for event in map(json.loads, exported["ocsf-accepted.ndjson"].splitlines()):
        assert {name: event[name] for name in ("category_uid", "class_uid", "activity_id", "type_uid")} == {
            "category_uid": 0,
            "class_uid": 0,
            "activity_id": 99,
            "type_uid": 99,
        }
        assert event.keys() <= OCSF_BASE
    nothing = replace(handed_in, document={**handed_in.document, "waivers": [], "attestations": [], "responses": []})
    assert "ocsf-accepted.ndjson" not in export(nothing, ["ocsf"])


def elements_of(data: bytes, tag: str | None = None) -> list[ET.Element]:
    return list(ET.fromstring(data).iter(tag))  # noqa: S314 (we wrote it ourselves)


_SUITE = {"name", "tests", "failures", "errors", "skipped", "time", "timestamp"}
_CASE_PARTS = {"skipped", "error", "failure", "system-out", "system-err"}
JUNIT: dict[str, tuple[set[str], set[str]]] = {
    "testsuites": ({"testsuite"}, {"name", "time", "tests", "failures", "errors"}),
    "testsuite": ({"testcase", "properties", "system-out", "system-err"}, _SUITE),
    "testcase": (_CASE_PARTS, {"name", "time", "classname"}),
    **dict.fromkeys(("failure", "error", "skipped"), (set[str](), {"message", "type"})),
    "system-out": (set(), set()),
}
"""Elements of the Jenkins junit-10 schema: what may stand in each, and their attributes as far as they are used."""

OCSF_BASE = {
    *("activity_id", "activity_name", "category_name", "category_uid", "class_name", "class_uid", "message"),
    *("metadata", "severity", "severity_id", "status", "status_detail", "status_id", "time", "type_uid", "unmapped"),
}
"""Members of OCSF's base event, as far as they are used."""


def test_findings_come_in_files_that_one_call_takes(exported: dict[str, bytes]) -> None:
    batches = [json.loads(data) for name, data in exported.items() if name.startswith("asff/")]
    assert all(0 < len(batch) <= 100 for batch in batches)
    assert [item for batch in batches for item in batch] == json.loads(exported["asff.json"])


@pytest.mark.parametrize(
    ("service", "resource", "found"),
    [
        pytest.param("ec2", "sg-0ab1", ("AwsEc2SecurityGroup", "arn:aws:ec2:r:1:security-group/sg-0ab1"), id="group"),
        pytest.param("s3", "my-bucket", ("AwsS3Bucket", "arn:aws:s3:::my-bucket"), id="bucket"),
        pytest.param("iam", "arn:aws:iam::1:user/a", ("AwsIamUser", "arn:aws:iam::1:user/a"), id="user"),
        pytest.param("config", "eu-west-1", ("AwsAccount", "AWS::::Account:1"), id="region"),
        pytest.param("iam", "111122223333", ("AwsAccount", "AWS::::Account:111122223333"), id="account"),
        pytest.param("iam", "  ", ("AwsAccount", "AWS::::Account:1"), id="blank"),
        pytest.param("logs", "/my/group", ("Other", "arn:aws:logs:r:1:log-group:/my/group"), id="log-group"),
        pytest.param("logs", "my group", ("Other", "my group"), id="unknown"),
        pytest.param(
            "elasticloadbalancing",
            "arn:aws:elasticloadbalancing:r:1:loadbalancer/net/web/0a1b",
            ("AwsElbv2LoadBalancer", "arn:aws:elasticloadbalancing:r:1:loadbalancer/net/web/0a1b"),
            id="load-balancer",
        ),
        pytest.param(
            "ec2",
            "pcx-0ab1",
            ("AwsEc2VpcPeeringConnection", "arn:aws:ec2:r:1:vpc-peering-connection/pcx-0ab1"),
            id="peering",
        ),
    ],
)
def test_a_resource_has_the_type_and_id_of_security_hub(service: str, resource: str, found: tuple[str, str]) -> None:
    assert resource_of({"service": service}, {"resource": resource, "account": "1"}, "aws", "r") == found


def test_each_type_of_resource_is_one_of_security_hub() -> None:
    model = botocore.session.get_session().get_service_model("securityhub")
    known = {*model.shape_for("ResourceDetails").members, "AwsAccount", "Other"}
    assert {kind for _, kind in resources.BY_ARN} | {kind for _, kind, *_ in resources.BY_ID} <= known


def test_the_assessment_plan_is_there_and_accepted_by_trestle(exported: dict[str, bytes]) -> None:
    document = json.loads(exported["oscal-ar.json"])["assessment-results"]
    plan = json.loads(exported[document["import-ap"]["href"]])["assessment-plan"]
    AssessmentPlan(**plan)
    here = {item["uuid"] for item in plan["back-matter"]["resources"]}
    assert plan["import-ssp"]["href"].removeprefix("#") in here


def test_nothing_becomes_markup_in_oscal(exported: dict[str, bytes]) -> None:
    document = json.loads(exported["oscal-ar.json"])["assessment-results"]["results"][0]
    for item in (*document["observations"], *document["findings"]):
        page = cmarkgfm.github_flavored_markdown_to_html(item["description"], options=Options.CMARK_OPT_UNSAFE)
        assert not re.search(r"<(?!/?p>)", page)
        assert item["description"].isprintable()


def test_nist_controls_have_the_ids_of_their_catalogue(source: Source) -> None:
    asked = {"id": "AC-2(1)", "controls": ["vpc-is-tagged"], "state": None, "title": "", "assessment": "automated"}
    edition = {"id": "nist-800-53-r5", "requirements": [asked, {**asked, "id": "AC-3", "controls": []}], "url": ""}
    document = {**source.document, "frameworks": [edition]}
    made = json.loads(export(replace(source, document=document), ["oscal"])["oscal-ar.json"])["assessment-results"]
    _, nist = made["results"][0]["reviewed-controls"]["control-selections"]
    assert nist["include-controls"] == [{"control-id": "ac-2.1"}]


@pytest.mark.parametrize("name", ["controls.csv", "results.csv"])
def test_no_csv_cell_begins_like_a_formula(exported: dict[str, bytes], name: str) -> None:
    for row in csv.reader(io.StringIO(exported[name].decode())):
        for cell in row:
            assert not cell.lstrip().startswith(("=", "+", "-", "@"))
            assert not cell.startswith(("\t", "\r"))
            assert "\x00" not in cell


def test_no_workbook_cell_is_a_formula_and_heads_are_frozen(exported: dict[str, bytes]) -> None:
    book = openpyxl.load_workbook(io.BytesIO(exported["evidence.xlsx"]))
    assert book.sheetnames == [
        "Cover",
        "Controls",
        "Results",
        "Frameworks",
        "Accepted and answered",
        "Evidence",
        "Not assessed",
    ]
    for sheet in book:
        assert sheet.freeze_panes == "A2"
        assert sheet.auto_filter.ref
        assert all(cell.data_type in {"s", "n"} for row in sheet.iter_rows() for cell in row)
    names = {row[3].rstrip() for row in book["Results"].iter_rows(min_row=2, values_only=True)}
    assert "<r><t>a & b</t></r>" in names, "what looks like the writer's own markup is text as well"


def test_a_workbook_holds_no_more_than_the_row_it_writes(source: Source) -> None:
    record = next(iter(source.records.values()))
    many = replace(source, records={f"EV-{number:05}": record for number in range(5_000)})
    tracemalloc.start()
    try:
        written = sum(map(len, workbook(many)))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 4 << 20  # 19 MB where every cell is held
    assert written > 50_000, "all of them are there"


def test_a_table_that_no_sheet_holds_goes_on_in_further_sheets(source: Source, exported: dict[str, bytes]) -> None:
    whole = openpyxl.load_workbook(io.BytesIO(exported["evidence.xlsx"]))
    split = openpyxl.load_workbook(io.BytesIO(b"".join(workbook(source, sheet_rows=4))))
    for sheet in whole:
        parts = [part for part in split if re.fullmatch(rf"{re.escape(sheet.title)}( \(\d+\))?", part.title)]
        heads, *rows = sheet.iter_rows(values_only=True)
        found = [list(part.iter_rows(values_only=True)) for part in parts]
        assert all(part[0] == heads and len(part) <= 5 for part in found)
        assert [row for part in found for row in part[1:]] == rows
    assert "Results (3)" in split.sheetnames


def test_markdown_shows_hostile_names_as_text(exported: dict[str, bytes]) -> None:
    text = exported["summary.md"].decode()
    page = cmarkgfm.github_flavored_markdown_to_html(text, options=Options.CMARK_OPT_UNSAFE)
    assert "&lt;script&gt;" in page
    assert "<script" not in page
    assert not re.search("(href|src)=", page), "no link of a job page would lead into the pack"
    rows = [line for line in text.splitlines() if line.startswith("| `")]
    assert rows
    for row in rows:
        assert row.replace("\\|", "").count("|") == 5


WORDS = st.sampled_from(
    [
        *("www.evil.example/x", "(www.evil.example)", "https://evil.example/x", "jane@example.com", "@octocat", "#12"),
        *(
            "![x](http://e/x.png)",
            "<img src=x>",
            "[a](b)",
            "~~x~~",
            "`@x\\`",
            "a\\|b",
            "&lt;b&gt;",
            ":smile:",
            "<!--",
            "1.",
        ),
    ]
) | st.text(alphabet="`|\\\\@w.:#a\u202e", max_size=9)


@given(st.lists(WORDS, max_size=5).map(" ".join))
def test_no_text_becomes_markup_a_link_or_a_mention_in_a_cell_of_githubs_markdown(text: str) -> None:
    page = cmarkgfm.github_flavored_markdown_to_html(f"| a | b |\n| --- | --- |\n| {literal(text)} | z |\n")
    cell, last = re.findall("<td>(.*?)</td>", page.partition("<tbody>")[2], re.DOTALL)
    assert last == "z"
    assert set(re.findall(r"<\w+", cell)) <= {"<code"}
    assert html.unescape(re.sub("</?code>", "", cell)) == " ".join(visible(" ".join(text.split())).split())
    assert "@" not in re.sub("<code>.*?</code>", "", cell)


def test_markdown_names_only_what_is_in_the_pack(source: Source) -> None:
    bare = export(replace(source, pages=()), ["markdown"])["summary.md"].decode()
    assert "report." not in bare
    assert "`results/results.json`" in bare
    paper = export(replace(source, pages=("pdf",)), ["markdown"])["summary.md"].decode()
    assert "`report.pdf`" in paper
    assert "report.html" not in paper


def test_markdown_reads_well_as_it_stands(source: Source) -> None:
    findings: list[Any] = [{"level": "fail", "kind": "altered"}, {"level": "incomplete", "kind": "gap_digest"}]
    trail = {"ref": "EV-1", "trail": {"name": "main", "arn": "x"}, "verdict": "fail", "findings": findings}
    shown = replace(source, document={**source.document, "integrity": [trail]})
    text = export(shown, ["markdown"])["summary.md"].decode()
    assert "- main: alteration, deletion or forgery is shown; 0 of 0 Region-hours verified; 1 finding" in text
    assert "\\-" not in text.partition("## Not met")[0]


def test_findings_of_other_tools_get_a_sheet_of_their_own(source: Source, exported: dict[str, bytes]) -> None:
    finding = dict.fromkeys(IMPORTED_HEADS[2:-1], "=theirs")
    imported = [{"file": "evidence/imported/1.json", "tool": "T", "note": "not judged by us", "findings": [finding]}]
    document = {**source.document, "imported": imported}
    data = export(replace(source, document=document), ["xlsx", "csv", "results-csv"])
    book = openpyxl.load_workbook(io.BytesIO(data["evidence.xlsx"]))
    rows = list(book["Other tools, not judged"].iter_rows(values_only=True))
    assert rows[1][2] == "=theirs"
    assert rows[1][-1] == "not judged by us"
    assert "Other tools, not judged" not in openpyxl.load_workbook(io.BytesIO(exported["evidence.xlsx"])).sheetnames
    assert data["controls.csv"] == exported["controls.csv"]
    assert data["results.csv"] == exported["results.csv"]


CODE_QUALITY = {
    "type": "array",
    "items": {
        "type": "object",
        "required": ["description", "check_name", "fingerprint", "severity", "location"],
        "properties": {
            "description": {"type": "string", "minLength": 1},
            "check_name": {"type": "string", "minLength": 1},
            "fingerprint": {"type": "string", "minLength": 1},
            "severity": {"enum": ["info", "minor", "major", "critical", "blocker"]},
            "location": {
                "type": "object",
                "required": ["path", "lines"],
                "properties": {
                    "path": {"type": "string", "pattern": r"^(?![./])[A-Za-z0-9%_.~/-]+$"},
                    "lines": {"type": "object", "required": ["begin"], "properties": {"begin": {"const": 1}}},
                },
            },
        },
    },
}
"""What GitLab asks of a code quality report (GitLab Docs, "Code Quality", "Code Quality report format")."""


def test_gitlab_takes_the_code_quality_report(exported: dict[str, bytes], expected: Counter[State]) -> None:
    data = exported["gl-code-quality-report.json"]
    assert data[:1] == b"["  # no byte order mark
    report = json.loads(data)
    jsonschema.Draft202012Validator(CODE_QUALITY).validate(report)
    prints = [item["fingerprint"] for item in report]
    assert len(prints) == len(set(prints)) == expected[State.FAIL] + expected[State.NOT_ASSESSED]
    order = ["blocker", "critical", "major", "minor", "info"]
    assert [item["severity"] for item in report] == sorted((item["severity"] for item in report), key=order.index)
    gaps = [item for item in report if item["description"].startswith("Not assessed: ")]
    assert len(gaps) == expected[State.NOT_ASSESSED]
    assert {item["severity"] for item in gaps} == {"info"}
    for item in report:
        assert not {"", ".", ".."} & set(item["location"]["path"].split("/"))


def test_the_same_finding_has_the_same_fingerprint_in_another_run(source: Source) -> None:
    later = replace(source, report_id="20261202T060000Z-89abcdef", version="9.9.9")
    assert export(later, ["codequality"]) == export(source, ["codequality"])


def test_no_format_is_held_as_a_whole(source: Source) -> None:
    """A large account has tens of thousands of results: what was written has to be gone when the next is made."""
    control = max(source.document["controls"], key=lambda item: len(item["results"]))
    failing = {**control["results"][0], "state": "FAIL", "details": {}, "waiver": None, "reason": "It is not so. " * 20}
    controls = [
        {
            **control,
            "id": f"{control['id']}-{number}",
            "state": "FAIL",
            "results": [{**failing, "resource": f"vpc-{number}-{count}"} for count in range(40)],
        }
        for number in range(60)
    ]
    large = replace(source, document={**source.document, "controls": controls})
    for name in EXPORTS.keys() - {"xlsx", "csv", "imported-csv", "markdown"}:  # a workbook is made in memory
        tracemalloc.start()
        written = sum(len(piece) for _, pieces in export_each(large, [name]) for piece in pieces)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < written / 2, f"{name}: {peak:,} of {written:,} bytes"

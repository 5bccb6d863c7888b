"""Findings of other tools: understood in their documented shapes, kept byte for byte, and of no influence on ours."""

import csv
import io
import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from auditor.base.canonical import sha256_hex
from auditor.base.errors import IntegrityError, UsageError
from auditor.cli.rooms import render
from auditor.config import Config, load_config
from auditor.pack.imports import NOTE, Finding, load_imports, parse, store_imports, stored_imports
from auditor.pack.layout import EVIDENCE
from auditor.pack.outcome import exit_code, results_document
from auditor.run import complete, judge, load_rules
from auditor.run.replaying import replay
from tools.schemas import FOLDER

SAMPLE = Path(__file__).resolve().parents[2] / "reports" / "sample"
BUCKET = "arn:aws:s3:::northwind-invoices"


def ocsf(**changes: Any) -> dict[str, Any]:
    """Return a Detection Finding with the fields that Prowler fills."""
    return {
        "activity_id": 1,
        "category_uid": 2,
        "class_uid": 2004,
        "class_name": "Detection Finding",
        "type_uid": 200401,
        "time": 1793563200,
        "message": "Bucket northwind-invoices does not deny insecure transport.",
        "metadata": {
            "event_code": "s3_bucket_secure_transport_policy",
            "product": {"name": "Prowler", "vendor_name": "Prowler", "version": "5.13.0"},
            "version": "1.5.0",
        },
        "cloud": {"provider": "aws", "region": "eu-central-1", "account": {"uid": "111122223333", "type_id": 10}},
        "finding_info": {"uid": "prowler-aws-s3-1", "title": "Check that buckets deny insecure transport"},
        "resources": [{"uid": BUCKET, "name": "northwind-invoices", "region": "eu-central-1", "type": "AwsS3Bucket"}],
        "severity": "Medium",
        "severity_id": 3,
        "status": "New",
        "status_id": 1,
        "status_code": "FAIL",
        **changes,
    }


def asff(**changes: Any) -> dict[str, Any]:
    """Return a finding as ``GetFindings`` gives it."""
    return {
        "SchemaVersion": "2018-10-08",
        "Id": "arn:aws:securityhub:eu-central-1:111122223333:subscription/cis/v/3.0.0/2.1.1/finding/1",
        "ProductArn": "arn:aws:securityhub:eu-central-1::product/aws/securityhub",
        "ProductName": "Security Hub",
        "CompanyName": "AWS",
        "GeneratorId": "cis/3.0.0/2.1.1",
        "AwsAccountId": "111122223333",
        "Region": "eu-central-1",
        "CreatedAt": "2026-10-02T01:00:00Z",
        "UpdatedAt": "2026-10-02T01:00:00Z",
        "Title": "2.1.1 Ensure S3 Bucket Policy is set to deny HTTP requests",
        "Description": "Checks whether the bucket policy denies requests without TLS.",
        "Severity": {"Label": "MEDIUM"},
        "Compliance": {"Status": "FAILED"},
        "Workflow": {"Status": "NEW"},
        "RecordState": "ACTIVE",
        "Resources": [{"Type": "AwsS3Bucket", "Id": BUCKET, "Region": "eu-central-1"}],
        **changes,
    }


def dumped(document: Any) -> bytes:
    return json.dumps(document).encode()


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(dumped([ocsf(), ocsf(class_uid=2003)]), id="list"),
        pytest.param(dumped(ocsf()) + b"\n" + dumped(ocsf()) + b"\n\n", id="lines"),
    ],
)
def test_ocsf_findings_are_read_in_their_own_words(data: bytes) -> None:
    found = parse(data)
    assert found.tool == "Prowler 5.13.0"
    assert found.findings == 2 * (
        Finding(
            id="prowler-aws-s3-1",
            title="Check that buckets deny insecure transport",
            account="111122223333",
            region="eu-central-1",
            resource=BUCKET,
            status="FAIL",
            severity="Medium",
            time="2026-11-01T20:00:00Z",
        ),
    )


@pytest.mark.parametrize(
    ("item", "time"),
    [
        pytest.param(ocsf(time=1793563200), "2026-11-01T20:00:00Z", id="seconds-as-prowler-writes-them"),
        pytest.param(ocsf(time=1793563200000), "2026-11-01T20:00:00Z", id="milliseconds-as-the-standard-asks"),
        pytest.param(ocsf(time=1793563200500), "2026-11-01T20:00:00.500000Z", id="half-a-second"),
        pytest.param(ocsf(time=None, time_dt="2026-11-01T20:00:00"), "2026-11-01T20:00:00", id="text-only"),
        pytest.param(ocsf(time=10**30), "", id="out-of-time"),
        pytest.param(ocsf(time=-1), "", id="before-time"),
        pytest.param(ocsf(time=True), "", id="no-number"),
        pytest.param(asff(UpdatedAt="2026-10-03T01:00:00Z"), "2026-10-03T01:00:00Z", id="security-hub"),
        pytest.param(asff(UpdatedAt=None), "", id="security-hub-without-time"),
    ],
)
def test_a_finding_says_when_the_other_tool_found_it(item: Mapping[str, Any], time: str) -> None:
    assert parse(dumped([item])).findings[0].time == time


@pytest.mark.parametrize("document", [[asff()], {"Findings": [asff()], "NextToken": "x"}], ids=["list", "answer"])
def test_security_hub_findings_are_read_in_their_own_words(document: Any) -> None:
    found = parse(dumped(document))
    assert found.tool == "AWS Security Hub"
    (finding,) = found.findings
    assert finding.title.startswith("2.1.1 Ensure")
    assert (finding.account, finding.region, finding.resource) == ("111122223333", "eu-central-1", BUCKET)
    assert (finding.status, finding.severity) == ("FAILED", "MEDIUM")


@pytest.mark.parametrize(
    ("item", "status"),
    [
        pytest.param(ocsf(status_code="PASS"), "PASS", id="prowler-pass"),
        pytest.param(ocsf(status="Suppressed"), "FAIL (suppressed)", id="prowler-muted"),
        pytest.param(ocsf(status_code=None, compliance={"status": "Pass"}), "Pass", id="compliance-finding"),
        pytest.param(ocsf(status_code=None), "New", id="no-verdict"),
        pytest.param(asff(Workflow={"Status": "SUPPRESSED"}), "FAILED (suppressed)", id="hub-suppressed"),
        pytest.param(asff(Compliance=None), "", id="hub-without-compliance"),
    ],
)
def test_a_status_is_kept_and_a_suppression_is_not_lost(item: Mapping[str, Any], status: str) -> None:
    found = parse(dumped([item]))
    assert found.findings[0].status == status
    assert found.document("x")["counts"] == {status: 1}


def test_a_finding_about_several_resources_names_all_of_them() -> None:
    found = parse(dumped([asff(Resources=[{"Id": "a"}, {"Id": "b"}])]))
    assert found.findings[0].resource == "a; b"


@pytest.mark.parametrize(
    ("data", "words"),
    [
        pytest.param(b"", "not JSON", id="empty"),
        pytest.param(b"<html>", "not JSON", id="html"),
        pytest.param(dumped(ocsf()) + b"\n{", "line 2", id="broken-line"),
        pytest.param(dumped([ocsf(), {"class_uid": 6003}]), "item 2", id="another-class"),
        pytest.param(dumped([asff(), 7]), "item 2", id="no-object"),
        pytest.param(dumped([asff(), ocsf()]), "mixes", id="both"),
        pytest.param(dumped({"Findings": "many"}), "item 1", id="no-list"),
        pytest.param(b"[" * 100_000, "not JSON", id="deep"),
        pytest.param(b'[{"class_uid": 2004, "severity": "\\ud800"}]', "not JSON", id="lone-surrogate"),
        pytest.param(b"[" + b"1," * 50_000 + b"1]", "more than 50,000", id="too-many"),
    ],
)
def test_anything_else_is_refused_with_what_is_wrong(data: bytes, words: str, tmp_path: Path) -> None:
    path = tmp_path / "findings.json"
    path.write_bytes(data)
    with pytest.raises(UsageError, match=words):
        load_imports([path])


def test_a_file_that_is_missing_or_too_large_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        load_imports([tmp_path / "nowhere.json"])
    with (tmp_path / "huge.json").open("wb") as file:
        file.truncate(65_000_000)
    with pytest.raises(UsageError, match="larger than"):
        load_imports([tmp_path / "huge.json"])


anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-9, 9)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=50)
@given(
    st.dictionaries(st.sampled_from(sorted(ocsf())), anything),
    st.dictionaries(st.sampled_from(sorted(asff())), anything),
)
def test_whatever_stands_in_a_finding_is_read_as_bounded_text(first: dict[str, Any], second: dict[str, Any]) -> None:
    for item in ({**ocsf(), **first, "class_uid": 2003}, {**asff(), **second, "SchemaVersion": "2018-10-08"}):
        found = parse(dumped([item])).document("x")
        assert all(isinstance(text, str) and len(text) <= 2048 for text in found["findings"][0].values())


def test_long_text_is_cut_and_shows_it() -> None:
    found = parse(dumped([ocsf(severity="x" * 5000, finding_info={"uid": "y" * 5000})]))
    assert len(found.findings[0].severity) == 100
    assert len(found.findings[0].id) == 2048
    assert found.findings[0].id.endswith("...")


@pytest.fixture
def files(tmp_path: Path) -> list[str]:
    (tmp_path / "prowler.ocsf.json").write_bytes(dumped([ocsf(), ocsf(status_code="PASS")]))
    (tmp_path / "hub.json").write_bytes(b" " + dumped({"Findings": [asff(Title="=HYPERLINK(1)")]}))
    return [str(tmp_path / name) for name in ("prowler.ocsf.json", "hub.json", "hub.json")]


def test_a_pack_keeps_the_files_and_lists_their_findings_without_being_moved_by_them(
    tmp_path: Path, files: list[str]
) -> None:
    pack = tmp_path / "pack"
    shutil.copytree(SAMPLE / EVIDENCE, pack / EVIDENCE)
    alone = judge(pack / EVIDENCE, load_rules(Config()))
    with_imports, _ = complete(pack, load_rules(Config(formats=["csv"], imports=files)), lambda *_: None)
    document = results_document(with_imports)
    jsonschema.Draft202012Validator(json.loads((FOLDER / "results.schema.json").read_text())).validate(document)
    assert [(item["tool"], item["counts"]) for item in document["imported"]] == [
        ("Prowler 5.13.0", {"FAIL": 1, "PASS": 1}),
        ("AWS Security Hub", {"FAILED": 1}),
    ]
    for item, file in zip(document["imported"], files, strict=False):
        data = (pack / item["file"]).read_bytes()
        assert data == Path(file).read_bytes()
        assert item["sha256"] == sha256_hex(data)
        assert item["note"] == NOTE
    assert {**document, "imported": []} == results_document(alone)
    assert exit_code(with_imports) == exit_code(alone)
    manifest = json.loads((pack / "manifest.json").read_bytes())
    assert [entry["path"] for entry in manifest["files"] if entry["role"] == "imported"] == sorted(
        item["file"] for item in document["imported"]
    )
    rows = list(csv.DictReader(io.StringIO((pack / "results" / "imported.csv").read_text())))
    assert [row["status"] for row in rows] == ["FAIL", "PASS", "FAILED"]
    assert rows[2]["title"] == "'=HYPERLINK(1)"
    assert replay(pack).differences == ()


def test_imported_files_are_named_beside_the_settings(tmp_path: Path) -> None:
    (tmp_path / "auditor.yaml").write_text("imports: [hub.json]\n")
    assert load_config(tmp_path / "auditor.yaml", {}).imports == [str(tmp_path / "hub.json")]


def test_a_wrong_file_is_told_before_anything_is_written(tmp_path: Path) -> None:
    shutil.copytree(SAMPLE / EVIDENCE, tmp_path / "pack" / EVIDENCE)
    (tmp_path / "bad.json").write_text("{}")
    outcome = CliRunner().invoke(
        render, [str(tmp_path / "pack"), "--quiet", "--import", str(tmp_path / "bad.json")], standalone_mode=False
    )
    assert isinstance(outcome.exception, UsageError)
    assert [path.name for path in (tmp_path / "pack").iterdir()] == [EVIDENCE]


def test_stored_files_come_back_in_the_order_of_import(tmp_path: Path) -> None:
    found = [parse(dumped([asff(Id=str(number))])) for number in range(12)]
    store_imports(tmp_path, found)
    assert [item for _, item in stored_imports(tmp_path)] == found


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("1-000000000000.json", id="another-hash"),
        pytest.param("0-{hash}.json", id="number"),
        pytest.param("1-{hash}.txt", id="ending"),
        pytest.param("notes.json", id="name"),
    ],
)
def test_a_pack_with_a_file_that_no_run_imports_is_refused(tmp_path: Path, name: str) -> None:
    data = dumped([asff()])
    (tmp_path / "imported").mkdir()
    (tmp_path / "imported" / name.format(hash=sha256_hex(data)[:12])).write_bytes(data)
    with pytest.raises(IntegrityError, match="imported"):
        stored_imports(tmp_path)


def test_a_link_in_place_of_an_imported_file_is_refused(tmp_path: Path) -> None:
    store_imports(tmp_path, [parse(dumped([asff()]))])
    (path,) = (tmp_path / "imported").iterdir()
    path.rename(tmp_path / "elsewhere.json")
    path.symlink_to(tmp_path / "elsewhere.json")
    with pytest.raises(IntegrityError, match="no file that a run imports"):
        stored_imports(tmp_path)

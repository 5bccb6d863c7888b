"""The twenty questions that a careful auditor asks of a pack, each a test under its own name."""

import csv
import hashlib
import html
import io
import json
import random
import re
import shutil
import zipfile
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import jsonschema
import junitparser
import openpyxl
import pikepdf
from py_ocsf_models.events.findings.compliance_finding import ComplianceFinding
from trestle.oscal.assessment_results import AssessmentResults

from auditor.base.pointer import resolve
from auditor.collect.guard import is_read
from auditor.model import State
from auditor.seal.pack import Sealing, reseal_pack
from auditor.seal.signer import pem
from auditor.seal.timestamp import Tsa
from auditor.simulator import ACCESS_KEY, SECRET_KEY, Simulator
from auditor.simulator.worlds.hostile import CANARIES
from tests.acceptance.conftest import HOSTILE, MORE_LOG_GROUPS, Pack, auditor, squeezed
from tests.acceptance.reading import (
    PLACE,
    as_shown,
    bookmarks,
    destinations,
    meta,
    metas,
    prose_of,
    references,
    state_in_sarif,
    stored,
    streams,
    text_of,
    verdict,
)
from tests.seal.authority import YEAR, issued_signer, make_authority, openssl_service, served, stamping_service
from tests.seal.by_hand import commands, failing, run

TAMPERED = {
    "log_altered": "20261012T1035Z",
    "log_missing": "20261023T0315Z",
    "log_unvouched": "20261018T1205Z_Q3ZfK8mN2xVb7TgR",
}
"""What was done to the demo account's log files, and to which."""


# --- is it whole, whose is it, since when? ----------------------------------------------------------------------------


def test_stranger_verifies_in_minutes(pack: Pack, own_copy: Path, tmp_path: Path) -> None:
    """With coreutils and openssl alone, by the lines in the pack; each line of the report is one of them."""
    now = datetime.now(UTC).replace(microsecond=0)
    authority = make_authority("Example TSA Root", at=now)
    (tmp_path / "tsa.pem").write_bytes(pem(authority.certificate))
    made = auditor("keygen", "--name", "Example Auditor", "--no-password", "--out", tmp_path / "identity")
    assert made.code == 0, made.stderr
    with served(openssl_service(tmp_path / "service", authority, now=now)) as url:
        key, certificate = (tmp_path / "identity" / f"signing-{name}.pem" for name in ("key", "certificate"))
        stamped = ("--tsa", url, "--tsa-ca", tmp_path / "tsa.pem")
        sealed = auditor("seal", own_copy, "--key", key, "--certificate", certificate, *stamped)
    assert sealed.code == 0, sealed.stderr

    assert len(commands(own_copy)) == 9
    assert failing(own_copy) == []
    page = (own_copy / "report.html").read_text()
    (shell,) = re.findall(r'<pre class="shell">(sha256sum.*?)</pre>', page, re.DOTALL)
    printed = html.unescape(shell).replace("\\\n  ", "").splitlines()
    assert [line for line in printed if line not in commands(own_copy)] == []

    code, report = verdict(own_copy, "--trust", certificate, "--trust", tmp_path / "tsa.pem")
    assert (code, report["verdict"], report["signer"]) == (0, "pass", "CN=Example Auditor")
    assert report["manifest_sha256"] in pack.page
    assert report["manifest_sha256"] in pack.paper


def test_one_bit(own_copy: Path) -> None:
    """One bit in each file: every file is named, by ``auditor verify`` and by ``sha256sum``."""
    spoilt = sorted(path for path in own_copy.rglob("*") if path.is_file() and path.name != "SHA256SUMS")
    drawn = random.Random(20261102)  # noqa: S311 - any bit will do, but the same ones in every run
    for path in spoilt:
        data = bytearray(path.read_bytes())
        data[drawn.randrange(len(data))] ^= 1 << drawn.randrange(8)
        path.write_bytes(data)
    names = {str(path.relative_to(own_copy)) for path in spoilt}
    code, report = verdict(own_copy)
    assert code == 4
    assert {item["path"] for item in report["findings"] if item["kind"] == "changed"} >= names
    answer = run("sha256sum --check SHA256SUMS", own_copy)
    assert {line.partition(":")[0] for line in answer.stdout.splitlines() if line.endswith("FAILED")} == names


def test_time(own_copy: Path, tmp_path: Path) -> None:
    """A time stamp keeps a signature alive after its certificate; without one, or with another, it is dead."""
    now = datetime.now(UTC).replace(microsecond=0)
    then = now - timedelta(days=400)
    root, tsa_root = make_authority(at=now), make_authority("Example TSA Root", at=now)
    (tmp_path / "trust.pem").write_bytes(pem(root.certificate, tsa_root.certificate))
    signer = issued_signer(root, start=then - YEAR, end=now - YEAR)
    tsa = Tsa("http://tsa.example", (tsa_root.certificate,), post=stamping_service(tsa_root, time=then).answer)
    reseal_pack(own_copy, Sealing(signer, then, tsa))
    code, report = verdict(own_copy, "--trust", tmp_path / "trust.pem")
    assert (code, report["sealed_at"]) == (0, f"{then:%Y-%m-%dT%H:%M:%SZ}")
    assert failing(own_copy) == []

    token = (own_copy / "SHA256SUMS.p7s.tsr").read_bytes()
    (own_copy / "SHA256SUMS.p7s.tsr").write_bytes(token.replace(f"{then:%Y%m%d%H%M%SZ}".encode(), b"20200101000000Z"))
    assert verdict(own_copy, "--trust", tmp_path / "trust.pem")[0] == 4
    assert failing(own_copy) != []

    reseal_pack(own_copy, Sealing(signer, then))
    code, report = verdict(own_copy, "--trust", tmp_path / "trust.pem")
    assert code == 4
    assert [item["check"] for item in report["findings"]] == ["certificate"]


# --- does the judgement follow from the evidence? ---------------------------------------------------------------------


def test_replay(impaired: Pack, tmp_path: Path) -> None:
    """The evidence judged again, without any network, gives the same bytes; a forged verdict is named.

    That a PDF is drawn again as it was, and that verified trails are, is shown by the hostile pack and the sample.
    """
    code, report = verdict(impaired.path, "--replay")
    assert (code, {item["name"]: item["outcome"] for item in report["checks"]}["replay"]) == (0, "pass")

    shutil.copytree(impaired.path, tmp_path / "forged")
    path = tmp_path / "forged" / "results" / "results.json"
    document = json.loads(path.read_bytes())
    victim = next(item for item in document["controls"] if item["id"] == "iam-root-not-used")
    victim["results"][0]["state"] = "PASS"
    path.write_bytes(json.dumps(document).encode())
    code, report = verdict(tmp_path / "forged", "--replay")
    assert code == 4
    assert "results/results.json" in {item["path"] for item in report["findings"]}


def test_reproducible(hostile: Pack, tmp_path: Path) -> None:
    """A process with another hash seed, time zone, language and folder writes the same zip, byte for byte."""
    settings = {"PYTHONHASHSEED": "4242", "TZ": "America/St_Johns", "LC_ALL": "C"}
    again = auditor("demo", "--world", *HOSTILE, "--out", tmp_path / "packs", "--json", "--quiet", env=settings)
    zips = [Path(hostile.answer["zip"]), Path(json.loads(again.stdout)["zip"])]
    assert zips[0] != zips[1]
    one, two = (zipfile.ZipFile(path) for path in zips)
    with one, two:
        different = [name for name in one.namelist() if one.read(name) != two.read(name)]
        assert {"report.pdf", "report.html"} <= {name.rpartition("/")[2] for name in one.namelist()}
    assert different == []
    assert zips[0].read_bytes() == zips[1].read_bytes()


def test_reconciliation(pack: Pack, impaired: Pack, waived: Pack) -> None:
    """Sources are the sum of their parts, counts those of their rows, and the file lists those of the folder."""
    for made in (pack, impaired, waived):
        for control in made.results["controls"]:
            for item in (control["population"], *control["populations"]):
                assert item["source"] == item["tested"] + item["excluded"] + item["not_assessed"]
            for key in ("source", "tested", "excluded", "not_assessed"):
                assert control["population"][key] == sum(item[key] for item in control["populations"]), control["id"]
        states = Counter(control["state"] for control in made.results["controls"])
        assert {name: count for name, count in made.results["counts"].items() if count} == states
        manifest = json.loads((made.path / "manifest.json").read_bytes())
        assert manifest["counts"] == made.results["counts"]
        listed = {item["path"] for item in manifest["files"]}
        sums = {line[66:] for line in (made.path / "SHA256SUMS").read_text().splitlines()}
        files = {str(path.relative_to(made.path)) for path in made.path.rglob("*") if path.is_file()}
        assert sums == files - {"SHA256SUMS"}
        later = {"manifest.json", "VERIFY.md", "report.pdf", "report.html"}
        assert {name for name in files - listed if not name.startswith("trust/")} <= later | {"SHA256SUMS"}


# --- what was not looked at? ------------------------------------------------------------------------------------------


def test_missing_permission(impaired: Pack) -> None:
    """A refused call is nobody's success: it is named with its error and its IAM action, in the first lines too."""
    for name in ("iam-password-min-length", "iam-password-reuse-24"):
        control = impaired.control(name)
        assert control["state"] == "NOT_ASSESSED"
        (result,) = control["results"]
        assert "iam:GetAccountPasswordPolicy" in result["reason"]
        assert "AccessDenied" in result["reason"]
        assert squeezed(control["title"]) in impaired.page
    gap = next(item for item in impaired.results["gaps"] if item["operation"] == "iam:GetAccountPasswordPolicy")
    assert gap["action"] == "iam:GetAccountPasswordPolicy"
    assert "could not be assessed" in impaired.results["headline"]
    assert impaired.answer["exit_code"] != 0
    summary = (impaired.path / "results" / "summary.md").read_text()
    assert "could not be assessed" in summary


def test_missing_account(tmp_path: Path) -> None:
    """An account that cannot be entered is never reported on: the run ends, names it, and leaves no pack."""
    with Simulator("empty") as aws:
        aws.deny("sts:AssumeRole")
        whom = ("--account", "444455556666", "--role-name", "AuditorReadOnly", "--framework", "cis-aws-5.0.0")
        outcome = auditor("run", *whom, "--out", tmp_path, "--json", "--quiet", env=aws.environment())
    assert outcome.code == 5
    assert "arn:aws:iam::444455556666:role/AuditorReadOnly" in outcome.stderr
    assert "AccessDenied" in outcome.stderr
    assert list(tmp_path.iterdir()) == []


def test_pagination(pack: Pack, impaired: Pack) -> None:
    """A lost page takes the verdict away, a page without its list as well; whole pages are all counted."""
    lost, hollow, whole = (
        stored(impaired, name) for name in ("ec2:DescribeVpcs", "ec2:DescribeSecurityGroups", "logs:DescribeLogGroups")
    )
    for record, name in ((lost, "vpc-flow-logs"), (hollow, "sg-no-open-admin-ports-ipv4")):
        assert not record["complete"]
        assert record["error"]
        states = {item["state"] for item in impaired.control(name)["results"] if item["region"] == PLACE}
        assert "NOT_ASSESSED" in states, "what was read may show a failure, and never that all is well"
        assert states <= {"NOT_ASSESSED", "FAIL"}

    before = stored(pack, "logs:DescribeLogGroups")
    assert (whole["complete"], whole["items"]) == (True, before["items"] + MORE_LOG_GROUPS)
    assert whole["pages"] > before["pages"]
    sources = [
        next(
            item["source"]
            for item in made.control("log-group-expiry-decided")["populations"]
            if item["region"] == PLACE
        )
        for made in (pack, impaired)
    ]
    assert sources[1] == sources[0] + MORE_LOG_GROUPS


# --- does it speak for the whole period? ------------------------------------------------------------------------------


def test_trail_gap(pack: Pack) -> None:
    """Two hours without logging are a gap with its cause, and no control over the period passes across it."""
    (report,) = pack.results["integrity"]
    (gap,) = [item for item in report["gaps"] if item["region"] == "eu-central-1"]
    assert (gap["start"], gap["end"], gap["cause"]) == (
        "2026-10-14T02:10:00Z",
        "2026-10-14T04:10:00Z",
        "logging_stopped",
    )
    for name in ("trail-chain-verified", "trail-logging-uninterrupted"):
        assert (pack.control(name)["test_type"], pack.control(name)["state"]) == ("POT", "FAIL")
    states = {item["state"] for item in pack.results["controls"] if item["test_type"] == "POT"}
    assert "PASS" not in states
    for text in (pack.page, pack.paper):
        assert squeezed("2026-10-14 02:10") in text


def test_altered_deleted_swapped(pack: Pack, own_copy: Path) -> None:
    """Of logs and of the pack itself: what was changed, what is gone, what changed places, what was put there."""
    (report,) = pack.results["integrity"]
    for kind, key in TAMPERED.items():
        assert [key in item["object"] for item in report["findings"] if item["kind"] == kind] == [True]
        assert key in pack.page
        assert key in pack.paper
    assert pack.answer["exit_code"] == 4

    raw = sorted((own_copy / "evidence" / "raw").rglob("*.json"))
    altered, deleted, one, other = raw[0], raw[10], raw[20], raw[21]
    altered.write_bytes(altered.read_bytes().replace(b"{", b"{ ", 1))
    deleted.unlink()
    first, second = one.read_bytes(), other.read_bytes()
    assert first != second
    one.write_bytes(second)
    other.write_bytes(first)
    planted = raw[0].with_name("planted.json")
    planted.write_text("{}")
    code, found = verdict(own_copy)
    assert code == 4
    named = {(item["kind"], item["path"]) for item in found["findings"] if item["check"] == "files"}
    assert named == {
        ("changed", str(altered.relative_to(own_copy))),
        ("missing", str(deleted.relative_to(own_copy))),
        ("changed", str(one.relative_to(own_copy))),
        ("changed", str(other.relative_to(own_copy))),
        ("added", str(planted.relative_to(own_copy))),
    }


def test_flip_flop(pack: Pack) -> None:
    """A setting that was off for two hours: right at the moment, not over the period, and the events are named."""
    moment = pack.control("trail-delivery-current")
    period = pack.control("trail-logging-uninterrupted")
    assert (moment["test_type"], period["test_type"]) == ("PIT", "POT")
    assert {item["state"] for item in moment["results"]} == {"PASS"}
    assert period["state"] == "FAIL"
    rows = [row for document in pack.results["events"] for row in document["rows"]]
    events = {row["event_name"]: row for row in rows if row["event_name"] in {"StopLogging", "StartLogging"}}
    told = json.dumps(period["results"])
    for name in ("StopLogging", "StartLogging"):
        assert events[name]["event_id"] in told or events[name]["event_time"] in told


def test_waiver(pack: Pack, waived: Pack) -> None:
    """A waived failure keeps its reason and is shown with who accepted it; an expired waiver accepts nothing."""
    before, after = (made.control("kms-key-rotation") for made in (pack, waived))
    assert (before["state"], after["state"]) == ("FAIL", "WAIVED")
    failed = {item["resource"]: item["reason"] for item in before["results"] if item["state"] == "FAIL"}
    accepted = {item["resource"]: item for item in after["results"] if item["state"] == "WAIVED"}
    assert {name: item["reason"] for name, item in accepted.items()} == failed
    for item in accepted.values():
        assert (item["waiver"]["approver"], item["waiver"]["expires"]) == ("Head of IT", "2027-02-01T00:00:00Z")
    assert waived.control("iam-root-not-used")["state"] == "FAIL"
    assert {item["control"]: (item["used"], item["notes"]) for item in waived.results["waivers"]} == {
        "kms-key-rotation": (True, []),
        "iam-root-not-used": (False, ["expired: it was not applied"]),
    }
    for words in ("Replaced in January, with the old ledger.", "Head of IT", *failed.values()):
        assert squeezed(words) in waived.page


# --- where does each statement come from? -----------------------------------------------------------------------------


def test_traceability_in_three_steps(pack: Pack) -> None:
    """Statement -> reference -> raw file -> the very value; and every link on the page leads somewhere."""
    cited = 0
    for control in pack.results["controls"]:
        for result in control["results"]:
            for citation in result["evidence"]:
                record = meta(pack, citation["ref"])  # 1. the reference
                data = (pack.path / "evidence" / record["path"]).read_bytes()  # 2. the raw file
                assert hashlib.sha256(data).hexdigest() == record["sha256"]
                resolve({"pages": json.loads(data)["pages"]}, citation["pointer"])  # 3. the value
                cited += 1
    assert cited > 200
    page = (pack.path / "report.html").read_text()
    anchors = set(re.findall(r'\bid="([^"]+)"', page))
    assert set(re.findall(r'href="#([^"]+)"', page)) <= anchors
    assert {f"control-{control['id']}" for control in pack.results["controls"]} <= anchors
    summary = (pack.path / "results" / "summary.md").read_text()
    links = re.findall(r"\]\(([^)#]+)(?:#([^)]*))?\)", summary)
    for target, anchor in links:
        assert (pack.path / "results" / target).resolve().is_file(), target
        assert not anchor or anchor in anchors
    refs = {citation["ref"] for item in pack.results["controls"] for r in item["results"] for citation in r["evidence"]}
    assert {ref.lower() for ref in refs} <= anchors


def test_source_box_on_every_table(pack: Pack) -> None:
    """Beside each table of results: call, parameters, place, time, hash and file; rows add up."""
    page = (pack.path / "report.html").read_text()
    principal = squeezed(pack.results["run"]["principal"])
    assert principal in pack.page
    articles = dict(re.findall(r'<article class="control" id="control-([^"]+)".*?>(.*?)</article>', page, re.DOTALL))
    assert set(articles) == {control["id"] for control in pack.results["controls"]}
    for control in pack.results["controls"]:
        box = text_of(articles[control["id"]])
        population = control["population"]
        assert squeezed(f"{population['source']:,} = {population['tested']:,} tested") in box
        for operation in control["operations"]:
            assert squeezed(operation) in box
    for ref in sorted({ref for control in pack.results["controls"] for ref in references(control)}):
        record = meta(pack, ref)
        told = [
            record["operation"],
            record["account"],
            record["region"],
            record["sha256"],
            f"evidence/{record['path']}",
        ]
        told += [value for value in record["parameters"].values() if isinstance(value, str) and len(value) < _SHORT]
        for fact in told:
            assert squeezed(fact) in pack.page, (ref, fact)
    for row in [row for document in pack.results["events"] for row in document["rows"]][:50]:
        for key in ("event_name", "event_time", "actor", "source_ip", "event_id", "log_file"):
            assert squeezed(as_shown(row[key])) in pack.page, (key, row[key])


_SHORT = 100
"""Characters; longer parameters are cut on the page and whole in the metadata."""


# --- what does it come in, and how is it said? ------------------------------------------------------------------------


def test_formats(waived: Pack) -> None:
    """Every format of one run in which every state occurs: others' tools accept it, and all counts agree."""
    folder = waived.path / "results"
    schema = json.loads((Path(__file__).parents[2] / "docs" / "schemas" / "results.schema.json").read_text())
    jsonschema.Draft202012Validator(schema).validate(waived.results)
    expected = Counter(State(result["state"]) for item in waived.results["controls"] for result in item["results"])
    assert set(expected) == set(State)
    counted: dict[str, Counter[State]] = {}

    rows = list(csv.DictReader(io.StringIO((folder / "results.csv").read_text())))
    counted["results.csv"] = Counter(State(row["state"]) for row in rows)
    sheet = openpyxl.load_workbook(folder / "evidence.xlsx")["Results"]
    counted["evidence.xlsx"] = Counter(State(row[4]) for row in sheet.iter_rows(min_row=2, values_only=True))
    findings = json.loads((folder / "asff.json").read_bytes())
    counted["asff.json"] = Counter(State(item["ProductFields"]["auditor/state"]) for item in findings)
    events = [json.loads(line) for line in (folder / "ocsf.ndjson").read_bytes().splitlines()]
    counted["ocsf.ndjson"] = Counter(State(item["unmapped"]["auditor"]["state"]) for item in events)
    for event in events:
        for evidence in event.get("evidences", ()):
            evidence["api"]["service"] |= {"uid": "x", "version": "x"}  # that model is of 1.5.0 and stricter here
        ComplianceFinding.model_validate(event)
    log = json.loads((folder / "results-all.sarif").read_bytes())["runs"][0]
    counted["results-all.sarif"] = Counter(state_in_sarif(item) for item in log["results"])
    oscal = json.loads((folder / "oscal-ar.json").read_bytes())
    AssessmentResults(**oscal["assessment-results"])
    concluded = Counter(
        item["target"]["status"]["reason"] for item in oscal["assessment-results"]["results"][0]["findings"]
    )
    assert concluded == {"pass": expected[State.PASS], "fail": expected[State.FAIL], "other": expected[State.WAIVED]}
    assert [name for name, count in counted.items() if count != expected] == []

    junit = junitparser.JUnitXml.fromstring((folder / "junit.xml").read_bytes())
    junit.update_statistics()  # type: ignore[no-untyped-call]
    skipped = expected[State.WAIVED] + expected[State.NOT_APPLICABLE] + expected[State.MANUAL]
    assert (junit.tests, junit.failures, junit.errors, junit.skipped) == (
        expected.total(),
        expected[State.FAIL],
        expected[State.NOT_ASSESSED],
        skipped,
    )

    controls = Counter(State(control["state"]) for control in waived.results["controls"])
    listed = csv.DictReader(io.StringIO((folder / "controls.csv").read_text()))
    assert Counter(State(row["state"]) for row in listed) == controls
    summary = (folder / "summary.md").read_text()
    page = (waived.path / "report.html").read_text()
    assert (
        Counter(State(state) for state in re.findall(r'<article class="control" [^>]*data-state="(\w+)"', page))
        == controls
    )
    for number in controls.values():
        assert re.search(rf"\b{number}\b", summary)


def test_pdf(pack: Pack) -> None:
    """One archival, accessible file: markers, language, title, fonts, bookmarks, destinations, the evidence inside."""
    with pikepdf.open(pack.path / "report.pdf") as document:
        with document.open_metadata() as metadata:
            assert (metadata["pdfaid:part"], metadata["pdfaid:conformance"]) == ("3", "A")
            assert metadata["pdfuaid:part"] == "1"
            assert metadata["dc:title"]
        assert str(document.Root.Lang)
        assert document.Root.MarkInfo.Marked
        assert document.Root.ViewerPreferences.DisplayDocTitle
        fonts = [item for item in document.objects if isinstance(item, pikepdf.Dictionary) and "/FontName" in item]
        assert fonts
        assert all({"/FontFile", "/FontFile2", "/FontFile3"} & set(font.keys()) for font in fonts)
        marked = {squeezed(title) for title in bookmarks(document)}
        assert {squeezed(control["title"]) for control in pack.results["controls"]} <= marked
        assert {f"control-{control['id']}" for control in pack.results["controls"]} <= set(destinations(document))
        attached = {name: item.get_file().read_bytes() for name, item in document.attachments.items()}
        for item in document.attachments.values():
            assert item.description
            assert item.relationship in {pikepdf.Name.Source, pikepdf.Name.Data, pikepdf.Name.Supplement}
            assert item.get_file().creation_date
    raw = {str(path.relative_to(pack.path)) for path in (pack.path / "evidence" / "raw").rglob("*.json")}
    assert set(attached) == raw | {"manifest.json", "results/results.json"}
    assert all(data == (pack.path / name).read_bytes() for name, data in attached.items())


BANNED = (
    "compliant",
    "certified",
    "guarantees?",
    "guaranteed",
    "in place",
    "effective",
    "secure",
    r"passes (cis|pci|iso|soc|hipaa|nist)",
)
"""Words that belong to the auditor who reads the report, not to it."""


def test_wording(pack: Pack, waived: Pack, impaired: Pack) -> None:
    """What is generated says what the evidence shows, and leaves the conclusion to the reader."""
    for made in (pack, waived, impaired):
        prose = [made.results["headline"]]
        for control in made.results["controls"]:
            prose += [control[key] for key in ("title", "objective", "criterion", "test", "why")]
            prose += [result["reason"] for result in control["results"]]
        files = [made.path / name for name in ("README.txt", "VERIFY.md", "replay.txt", "results/summary.md")]
        prose += [path.read_text() for path in files if path.exists()]
        prose.append(prose_of((made.path / "report.html").read_text()))
        for text in prose:
            for word in BANNED:
                assert not re.search(rf"\b{word}\b", text, re.IGNORECASE), (word, text[:300])


def test_secrets(pack: Pack, hostile: Pack) -> None:
    """Nothing planted and nothing of our own comes out, compressed streams included; every redaction is listed."""
    planted = [text.encode() for text in (*CANARIES.values(), ACCESS_KEY, SECRET_KEY)]
    for made in (pack, hostile):
        for path in made.path.rglob("*"):
            if path.is_file():
                for data in streams(path) if path.suffix == ".pdf" else (path.read_bytes(),):
                    assert not any(secret in data for secret in planted), path
    redacted = 0
    for path in (hostile.path / "evidence" / "meta").glob("*.json"):
        record = json.loads(path.read_bytes())
        raw = json.loads((hostile.path / "evidence" / record["path"]).read_bytes())
        for item in record["redactions"]:
            assert item["reason"]
            assert item["hash"][:8] in json.dumps(resolve(raw, item["pointer"])) or item["reason"] == "page token"
            redacted += 1
    assert redacted > 20


def test_read_only_proof(pack: Pack) -> None:
    """The pack lists every call, all of them reads that the printed policy allows; that policy has nothing else."""
    calls = json.loads((pack.path / "evidence" / "calls.json").read_bytes())
    assert sum(call["requests"] for call in calls) > 100
    assert [call for call in calls if not is_read(f"{call['service']}:{call['operation']}")] == []
    answered = {(record["operation"], record["region"]) for record in metas(pack) if record["request_ids"]}
    listed = {f"{call['service']}:{call['operation']}" for call in calls}
    assert {operation for operation, _ in answered} <= listed
    policies = json.loads(auditor("policy", "--json").stdout)["policies"]
    actions = [action for policy in policies for item in policy["Statement"] for action in item["Action"]]
    reads = ("Describe", "Get", "List", "Lookup", "Head", "BatchGet", "Test", "GenerateCredentialReport", "GET")
    assert [action for action in actions if not action.partition(":")[2].startswith(reads)] == []
    assert "NotAction" not in json.dumps(policies)

"""Evidence is written once, numbered the same whatever came first, and believed only while its hash holds."""

import json
import shutil
import tempfile
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.base.canonical import canonical_json, sha256_hex
from auditor.base.errors import IntegrityError
from auditor.base.period import Period
from auditor.base.pointer import pointer_to, resolve
from auditor.evidence.answer import Answer, CallError
from auditor.evidence.operations import Call
from auditor.evidence.store import Evidence, EvidenceWriter
from auditor.model import AccountScope, RunInfo

ACCOUNT = "111122223333"
NOW = datetime(2026, 11, 1, 6, 30, tzinfo=UTC)
RUN = RunInfo(
    entity="Example",
    title="Test",
    accounts=(AccountScope(ACCOUNT, "aws", ("eu-west-1",), "main"),),
    period=Period(NOW - timedelta(days=30), NOW, "30d"),
    as_of=NOW,
    started=NOW,
    ended=NOW,
    frameworks=("cis-aws-5.0.0",),
    principal="arn:aws:iam::111122223333:role/Auditor",
    tool="auditor 0",
    skipped=("events",),
    operations=("kms:ListKeys",),
)


def answer(
    operation: str = "kms:ListKeys", *, region: str = "eu-west-1", pages: Any = None, **parameters: Any
) -> Answer:
    return Answer(
        account=ACCOUNT,
        call=Call(operation, region, tuple(sorted(parameters.items()))),
        pages=tuple([{"Keys": [{"KeyId": "a"}]}] if pages is None else pages),
        principal=RUN.principal,
        request_ids=("r1",),
        http_status=200,
        collected_at=NOW,
    )


def written(folder: Path, *answers: Answer) -> Evidence:
    writer = EvidenceWriter(folder)
    for item in answers:
        writer.add(item)
    writer.close(RUN)
    return Evidence(folder)


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


THREE = (
    answer("cloudtrail:DescribeTrails", pages=[{"trailList": []}]),
    answer("kms:DescribeKey", KeyId="b", pages=[{"KeyMetadata": {}}]),
    answer("kms:DescribeKey", KeyId="a", pages=[{"KeyMetadata": {}}]),
)


def test_what_was_written_is_read_back(tmp_path: Path) -> None:
    given_answer = replace(
        answer(Limit=5, pages=[{"Keys": [{"When": NOW, "Blob": b"\xff"}]}, {"Keys": []}]),
        error=CallError("AccessDenied", "page 3 was refused", "kms:ListKeys"),
    )
    evidence = written(tmp_path, given_answer)
    (record,) = evidence.of(ACCOUNT, "kms:ListKeys")
    first = {"Keys": [{"When": "2026-11-01T06:30:00Z", "Blob": {"base64": "/w=="}}]}
    assert evidence.pages(record) == (first, {"Keys": []})
    assert (record.ref, record.pages, record.items, record.complete) == ("EV-0001", 2, 1, False)
    assert record.error == given_answer.error
    assert record.collected_at == NOW
    assert dict(record.call.parameters) == {"Limit": 5}
    assert evidence.run == RUN


def test_an_absent_thing_is_no_complete_answer(tmp_path: Path) -> None:
    gone = replace(answer(pages=[]), error=CallError("NoSuchEntity", "", ""), absent=True, http_status=404)
    (record,) = written(tmp_path, gone).records
    assert (record.absent, record.complete, record.pages) == (True, False, 0)


def test_the_same_call_is_stored_once(tmp_path: Path) -> None:
    writer = EvidenceWriter(tmp_path)
    writer.add(answer())
    before = files(tmp_path)
    with pytest.raises(IntegrityError, match="already stored"):
        writer.add(answer(pages=[{"Keys": []}]))
    assert files(tmp_path) == before


def test_a_file_that_is_there_already_is_never_overwritten(tmp_path: Path) -> None:
    EvidenceWriter(tmp_path).add(answer())
    with pytest.raises(FileExistsError):
        EvidenceWriter(tmp_path).add(answer(pages=[{"Keys": []}]))


def test_an_evidence_folder_is_closed_once(tmp_path: Path) -> None:
    written(tmp_path, answer())
    with pytest.raises(FileExistsError):
        EvidenceWriter(tmp_path).close(RUN)


def test_references_do_not_depend_on_who_answered_first(tmp_path: Path) -> None:
    folders = []
    for number, order in enumerate(permutations(THREE)):
        written(tmp_path / str(number), *order)
        folders.append(files(tmp_path / str(number)))
    assert all(folder == folders[0] for folder in folders)


def test_many_threads_may_write(tmp_path: Path) -> None:
    writer = EvidenceWriter(tmp_path)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: writer.add(answer(Number=number)), range(200)))
    writer.close(RUN)
    evidence = Evidence(tmp_path)
    assert [record.ref for record in evidence.records] == [f"EV-{number:04d}" for number in range(1, 201)]
    assert all(evidence.pages(record) for record in evidence.records)


@pytest.mark.parametrize(
    "bad",
    [
        pytest.param(replace(answer(), account="../../etc"), id="account"),
        pytest.param(replace(answer(), account="11112222333"), id="short-account"),
        pytest.param(answer(region="../x"), id="region"),
        pytest.param(answer(region=""), id="no-region"),
        pytest.param(answer("kms:../List"), id="operation"),
        pytest.param(answer("kms"), id="no-operation"),
        pytest.param(answer("kms:List\nKeys"), id="line-break"),
    ],
)
def test_no_name_from_outside_leaves_the_folder(tmp_path: Path, bad: Answer) -> None:
    folder = tmp_path / "evidence"
    with pytest.raises(ValueError, match="not an account"):
        EvidenceWriter(folder).add(bad)
    assert files(tmp_path) == {}


SAFE_INTEGERS = st.integers(-(2**53) + 1, 2**53 - 1)


@given(st.dictionaries(st.text(max_size=20), st.text() | SAFE_INTEGERS | st.none() | st.lists(st.text()), max_size=5))
def test_any_parameters_give_a_safe_path(parameters: dict[str, Any]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        evidence = written(Path(folder) / "evidence", answer(**{f"P{key}": value for key, value in parameters.items()}))
        (record,) = evidence.records
        path = (Path(folder) / "evidence" / record.path).resolve()
        assert path.is_relative_to((Path(folder) / "evidence" / "raw").resolve())
        assert evidence.pages(record) == ({"Keys": [{"KeyId": "a"}]},)


def test_what_is_redacted_is_never_written(tmp_path: Path) -> None:
    def redact(operation: str, pages: Any) -> tuple[Any, tuple[Mapping[str, str], ...]]:
        assert operation == "kms:ListKeys"
        return [{"Keys": ["gone"]} for _ in pages], ({"pointer": "/pages/0/Keys/0", "reason": "key", "hash": "x"},)

    writer = EvidenceWriter(tmp_path, redact=redact)
    writer.add(answer(pages=[{"Keys": ["canary"]}]))
    writer.close(RUN)
    (record,) = Evidence(tmp_path).records
    assert record.redactions == ({"pointer": "/pages/0/Keys/0", "reason": "key", "hash": "x"},)
    assert b"canary" not in b"".join(files(tmp_path).values())


def test_much_that_was_read_is_let_go_and_read_anew(tmp_path: Path) -> None:
    little = written(tmp_path / "little", answer())
    much = written(tmp_path / "much", answer(pages=[{"Keys": [{"KeyId": "k" * 40}] * 50_000}]))
    for evidence in (little, much):
        before = evidence.pages(evidence.records[0])
        evidence.let_go()
        assert evidence.pages(evidence.records[0]) == before
        assert (evidence.pages(evidence.records[0]) is before) == (evidence is little)
    (raw,) = (tmp_path / "much" / "raw").rglob("*.json")
    raw.write_bytes(raw.read_bytes().replace(b"kk", b"kj", 1))
    much.let_go()
    with pytest.raises(IntegrityError, match="does not have the SHA-256"):
        much.pages(much.records[0])


def edit(path: str, change: Callable[[Any], Any]) -> Callable[[Path], None]:
    def apply(folder: Path) -> None:
        target = folder / path
        target.write_bytes(canonical_json(change(json.loads(target.read_bytes()))))

    return apply


RAW = f"raw/{ACCOUNT}/eu-west-1/cloudtrail.DescribeTrails.json"
META = "meta/EV-0001.json"


def forge(folder: Path) -> None:
    """Change a raw file and fix its hash, but hold on to something the metadata cannot cover: its place."""
    (folder / "outside.json").write_bytes(b'{"pages":[]}')
    document = json.loads((folder / META).read_bytes())
    document |= {"path": "../outside.json", "sha256": sha256_hex(b'{"pages":[]}')}
    (folder / META).write_bytes(canonical_json(document))


def swell(folder: Path) -> None:
    """Fill a raw file with more values than anybody has memory for, and fix its hash."""
    data = b'{"pages":[' + b"[]," * 10_000_000 + b"[]]}"
    (folder / RAW).write_bytes(data)
    edit(META, lambda document: document | {"sha256": sha256_hex(data)})(folder)


def link(folder: Path) -> None:
    """Put the very same bytes behind a link: what it leads to may change when nobody looks."""
    (folder / RAW).rename(folder / "kept.json")
    (folder / RAW).symlink_to(folder / "kept.json")


@pytest.mark.parametrize(
    "attack",
    [
        pytest.param(lambda folder: (folder / RAW).write_bytes(b'{"pages":[]}'), id="raw-file-changed"),
        pytest.param(lambda folder: (folder / RAW).write_bytes((folder / RAW).read_bytes() + b" "), id="byte-added"),
        pytest.param(lambda folder: (folder / RAW).unlink(), id="raw-file-missing"),
        pytest.param(edit(META, lambda document: document | {"sha256": "0" * 64}), id="hash-changed"),
        pytest.param(edit(META, lambda document: document | {"region": "us-east-1"}), id="region-changed"),
        pytest.param(edit(META, lambda document: document | {"operation": "kms:ListKeys"}), id="operation-changed"),
        pytest.param(edit(META, lambda document: document | {"parameters": {"a": 1}}), id="parameters-changed"),
        pytest.param(edit(META, lambda document: document | {"ref": "EV-0009"}), id="reference-changed"),
        pytest.param(edit(META, lambda document: document | {"ref": "../EV-0001"}), id="reference-leads-elsewhere"),
        pytest.param(edit(META, lambda document: document | {"path": "/etc/passwd"}), id="absolute-path"),
        pytest.param(
            edit(META, lambda document: {key: document[key] for key in document if key != "error"}), id="lost-key"
        ),
        pytest.param(edit(META, lambda _: []), id="list-instead-of-mapping"),
        pytest.param(edit(META, lambda document: document | {"collected_at": "yesterday"}), id="time-is-none"),
        pytest.param(edit("scope.json", lambda document: document | {"accounts": 7}), id="scope-malformed"),
        pytest.param(lambda folder: (folder / "scope.json").unlink(), id="scope-missing"),
        pytest.param(lambda folder: (folder / META).write_bytes(b"{"), id="meta-is-not-json"),
        pytest.param(lambda folder: (folder / META).write_bytes(b" " * 5_000_001), id="meta-is-huge"),
        pytest.param(forge, id="path-leads-outside"),
        pytest.param(lambda folder: shutil.copy(folder / META, folder / "meta/EV-0007.json"), id="record-twice"),
        pytest.param(link, id="symbolic-link"),
        pytest.param(swell, id="countless-values"),
    ],
)
def test_evidence_that_was_touched_is_not_believed(tmp_path: Path, attack: Callable[[Path], Any]) -> None:
    written(tmp_path, *THREE)
    attack(tmp_path)
    with pytest.raises(IntegrityError):
        read_everything(tmp_path)


def read_everything(folder: Path) -> None:
    evidence = Evidence(folder)
    for record in evidence.records:
        evidence.pages(record)


def test_any_changed_byte_of_a_raw_file_is_noticed(tmp_path: Path) -> None:
    written(tmp_path, THREE[0])
    data = (tmp_path / RAW).read_bytes()
    for position in range(len(data)):
        (tmp_path / RAW).write_bytes(data[:position] + bytes([data[position] ^ 1]) + data[position + 1 :])
        with pytest.raises(IntegrityError):
            read_everything(tmp_path)


json_values = st.recursive(
    st.none() | st.booleans() | SAFE_INTEGERS | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=30,
)


@given(json_values)
def test_a_pointer_leads_back_to_what_it_points_to(document: Any) -> None:
    for value in every(document):
        if isinstance(value, dict | list) and value:
            pointer = pointer_to(document, value)
            assert resolve(document, pointer) is value


def every(value: Any) -> list[Any]:
    below = list(value.values()) if isinstance(value, dict) else value if isinstance(value, list) else []
    return [value, *(found for item in below for found in every(item))]


@pytest.mark.parametrize("pointer", ["/a/5", "/b", "/a/x", "/a/0/x", "/a/-"])
def test_a_pointer_to_nothing_is_a_key_error(pointer: str) -> None:
    with pytest.raises(KeyError):
        resolve({"a": ["x"]}, pointer)


def test_pointers_escape_what_rfc_6901_escapes() -> None:
    target = {"x": 1}
    document = {"a/b~c": [target]}
    assert pointer_to(document, target) == "/a~1b~0c/0"
    assert resolve(document, "/a~1b~0c/0/x") == 1
    assert pointer_to(document, {"x": 1}) == ""

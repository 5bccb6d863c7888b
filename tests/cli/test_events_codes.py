"""The exit code of a question tells what was done to what it rests on, whatever the source, question or form."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import pytest

from auditor.cli import _run
from tests.trail.account_server import AccountHandler, account_store, serving
from tests.trail.bucket import HOUR, START, TRAIL, Bucket, filled, record
from tests.trail.faulty_store import refusing
from tests.trail.test_cli import aws, with_settings
from tests.trail.test_fetch import download

AT: Final = START + 2 * HOUR
SPAN: Final[dict[str, Any]] = {"start": START - HOUR, "end": START + 5 * HOUR}
PERIOD: Final = ["--period", "2026-10-05T01:00:00Z/2026-10-05T03:00:00Z", "--as-of", "2026-10-06T00:00:00Z", "--quiet"]
OWN: Final = "title: All\nanswers: All.\nlist: events\n"


def edited(body: bytes) -> bytes:
    return body.replace(b"198.51.100.7", b"203.0.113.66")


def twice(bucket: Bucket) -> None:
    """Let one event id stand for two contents, in log files that are both as delivered."""
    same = [record(AT + timedelta(minutes=3), 777, sourceIPAddress=f"198.51.100.{last}") for last in (1, 2)]
    bucket.objects.clear()
    filled(extra=same, into=bucket, **SPAN)


def planted(bucket: Bucket) -> None:
    """Lay a log file beside the others whose name is none that CloudTrail gives."""
    key = bucket.log_key(AT)
    bucket.objects[TRAIL.bucket, key.replace(".json.gz", "x.json.gz")] = bucket.objects[bucket.place(key)]


DONE: Final[dict[str, tuple[Callable[[Bucket], None], int, int]]] = {
    "nothing": (lambda _: None, 0, 3),
    "log file altered": (lambda bucket: bucket.edit(bucket.log_key(AT), edited), 4, 3),
    "log file cut": (lambda bucket: bucket.change(bucket.log_key(AT), b"no gzip"), 4, 3),
    "log file deleted": (lambda bucket: bucket.delete(bucket.log_key(AT)), 4, 3),
    "digest altered": (lambda bucket: bucket.edit(bucket.digest_key(AT), lambda body: body[:-1] + b" }"), 4, 3),
    "digest deleted": (lambda bucket: bucket.delete(bucket.digest_key(AT)), 4, 3),
    "log file after the period altered": (lambda bucket: bucket.edit(bucket.log_key(AT + HOUR), edited), 4, 3),
    "digest after the period altered": (
        lambda bucket: bucket.edit(bucket.digest_key(AT + 2 * HOUR), lambda body: body[:-1] + b" }"), 4, 3,
    ),
    "log file planted": (planted, 3, 3),
    "one id with two contents": (twice, 4, 4),
}  # fmt: skip
"""What was done; the code where the public keys are at hand, and where they are not and nothing can be proved."""


def code_of(*arguments: str | Path) -> int:
    return _run(["events", *map(str, arguments)])


def changed(change: Callable[[Bucket], None]) -> Bucket:
    bucket = filled(**SPAN)
    change(bucket)
    return bucket


@pytest.mark.parametrize("done", DONE)
def test_a_folder_answers_with_the_code_of_what_was_done_to_it(
    done: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    change, expected, unproved = DONE[done]
    folder, store = download(changed(change), tmp_path / "trail"), tmp_path / "store"
    keys, own = tmp_path / "keys.json", tmp_path / "own"
    own.mkdir()
    (own / "all-of-it.yaml").write_text(OWN)
    (folder / "public-keys.json").rename(keys)
    assert code_of("who-did", "--dir", folder, *PERIOD) == unproved
    forms: list[list[str | Path]] = [
        ["who-did", "--dir", folder, "--keys", keys, *PERIOD, "--store", store],
        ["who-did", "--dir", folder, "--keys", keys, *PERIOD, "--store", store, "--csv"],
        ["who-did", "--store", store],
        ["who-did", "--store", store, "--csv"],
        ["who-did", "--store", store, "--json"],
        ["who-did", "--store", store, "--user", "nobody"],
        ["who-did", "--store", store, "--parquet", tmp_path / "rows.parquet"],
        ["sql", "SELECT 1 AS one", "--store", store],
        ["all-of-it", "--questions", own, "--store", store],
    ]
    assert {" ".join(map(str, form)): code_of(*form) for form in forms} == {
        " ".join(map(str, form)): expected for form in forms
    }
    capsys.readouterr()
    hours = {hour: code_of("who-did", "--store", store, "--since", f"2026-10-05T0{hour}:00:00Z", "--until",
                           f"2026-10-05T0{hour + 1}:00:00Z", "--json") for hour in (1, 2)}  # fmt: skip
    assert max(hours.values()) == expected, "some hour of a kept store has what the whole has"
    assert code_of("who-did", "--lookup", "--dir", folder, *PERIOD) == 2


@contextmanager
def served(bucket: Bucket, monkeypatch: pytest.MonkeyPatch, refused: str) -> Iterator[None]:
    store = account_store(bucket, IsMultiRegionTrail=False, IsOrganizationTrail=False)
    if refused:
        store.faults[refused] = refusing(403, "AccessDenied")
    with serving(store, AccountHandler) as place:
        with_settings(monkeypatch, {name: value for name, value in aws(place).items() if name.startswith("AWS_")})
        yield


@pytest.mark.parametrize("source", ["--trail", "--s3"])
@pytest.mark.parametrize("done", ["nothing", "log file altered", "digest after the period altered", "log file refused"])
def test_a_bucket_answers_with_the_code_of_what_was_done_to_it(
    done: str, source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    change, expected, _ = DONE.get(done, (lambda _: None, 3, 3))
    bucket = changed(change)
    refused = bucket.log_key(AT) if done == "log file refused" else ""
    keys = download(Bucket(), tmp_path) / "public-keys.json"
    place: list[str | Path] = (
        [TRAIL.arn] if source == "--trail" else [f"s3://{TRAIL.bucket}/{TRAIL.prefix}", "--keys", keys]
    )
    with served(bucket, monkeypatch, refused):
        code = code_of("who-did", source, *place, *PERIOD, "--json")
    found = json.loads(capsys.readouterr().out)
    assert (code, found["exit_code"]) == (expected, expected)
    assert bool(found["searched"]["not_searched"]) == bool(expected)

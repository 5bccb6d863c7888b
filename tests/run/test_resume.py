"""A run that is cut off at any point is taken up again and ends in the bytes of one that went through."""

import errno
import fcntl
import json
import os
import random
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from auditor.base.errors import CollectionError, UsageError
from auditor.base.period import parse_time
from auditor.base.whole import UNFINISHED
from auditor.evidence.journal import Journal
from auditor.run import Finished, Request, audit, take_up
from auditor.run.keeping import clear_up
from auditor.run.workroom import JOURNAL, PACK, read_state
from auditor.seal.sums import UNSUMMED
from auditor.simulator import Simulator
from tests.run.killed import SALT, TOOL, run, settings
from tests.seal.forging import verified

pytestmark = pytest.mark.simulator

POINTS = int(os.environ.get("AUDITOR_KILL_POINTS", "2"))
"""How many points are tried: `make kill-points` tries fifty."""

UNDER_WAY = 24
"""Requests that may have been on their way when the process was killed, and stand in no list."""

OF_THE_PACK = {"README.txt", "VERIFY.md", "manifest.json", "trust/attestation.intoto.json", *UNSUMMED}
"""Name or hash the pack as a whole, and so differ as soon as one statement does."""


@pytest.fixture(scope="module")
def aws() -> Iterator[Simulator]:
    with Simulator("demo", enabled=["eu-central-1"]) as simulated:
        yield simulated


@pytest.fixture
def environment(aws: Simulator, monkeypatch: pytest.MonkeyPatch) -> Mapping[str, str]:
    aws.clear()
    for name in [name for name in os.environ if name.startswith(("AWS_", "AUDITOR_"))]:
        monkeypatch.delenv(name)
    for name, value in aws.environment().items():
        monkeypatch.setenv(name, value)
    return {**os.environ, "KILLED_AS_OF": aws.about["as_of"]}


def killed(out: Path, point: int, environment: Mapping[str, str], *options: str) -> int:
    """Run in a process of its own until that point; return how it ended."""
    command = [sys.executable, "-m", "tests.run.killed", str(out), str(point), *options]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False).returncode


def undisturbed(out: Path, environment: Mapping[str, str], *options: str) -> tuple[Path, int]:
    """Run to the end; return the pack, and how many changes were made on the way."""
    command = [sys.executable, "-m", "tests.run.killed", str(out), "0", *options]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    told = json.loads(done.stdout)
    return Path(told["pack"]), int(told["changes"])


def resumed(out: Path, environment: Mapping[str, str], **others: Any) -> Finished:
    return run(settings(out, resume=True, **others), parse_time(environment["KILLED_AS_OF"]))


def said_of(pack: Path) -> dict[str, Any]:
    """Return the bytes of a pack without what says that it was resumed, and without what names the pack as a whole."""
    found: dict[str, Any] = {
        str(path.relative_to(pack)): path.read_bytes() for path in sorted(pack.rglob("*")) if path.is_file()
    }
    scope = json.loads(found["evidence/scope.json"])
    scope.pop("resumed", None)
    results = json.loads(found["results/results.json"])
    results["run"].pop("resumed", None)
    results["notices"] = [item for item in results["notices"] if item["kind"] != "resumed"]
    found |= {"evidence/scope.json": scope, "results/results.json": results}
    return {name: data for name, data in found.items() if name not in OF_THE_PACK | {"evidence/calls.json"}}


def requests_of(pack: Path) -> dict[tuple[str, str, str], int]:
    calls = json.loads((pack / "evidence" / "calls.json").read_bytes())
    return {(item["service"], item["operation"], item["region"]): item["requests"] for item in calls}


def packs_in(out: Path) -> list[Path]:
    """Return what looks like a pack: any folder that shows and has a manifest or checksums."""
    shown = [path for path in out.iterdir() if not path.name.startswith(".")] if out.exists() else []
    return sorted(
        {path.parent for folder in shown for path in folder.rglob("*") if path.name in UNSUMMED | {"manifest.json"}}
    )


def test_a_killed_run_ends_in_the_same_bytes(environment: Mapping[str, str], tmp_path: Path) -> None:
    pack, changes = undisturbed(tmp_path / "whole", environment)
    whole, asked = said_of(pack), requests_of(pack)
    points = sorted(random.Random(2026).sample(range(1, changes), POINTS))  # noqa: S311 - seeded, no secret
    for point in points:
        out = tmp_path / f"{point}"
        assert killed(out, point, environment) == -signal.SIGKILL, point
        cut_off = any((folder / PACK).exists() for folder in out.glob(f"{UNFINISHED}*"))
        if not cut_off:
            continue  # before its folder was there, or after the pack was in its place
        assert packs_in(out) == [], point
        finished = resumed(out, environment)
        assert said_of(finished.pack) == whole, point
        assert verified(finished.pack).findings == (), point
        again = requests_of(finished.pack)
        assert {key for key in asked if again.get(key, 0) < asked[key] - UNDER_WAY} == set(), point
        assert [path.name for path in out.iterdir()] == ["111122223333"], point
        shutil.rmtree(out)


class Breaker:
    """Does something once a run has come so far."""

    def __init__(self, stage: str, count: int, act: Callable[[], object]) -> None:
        self._stage, self._count, self._act = stage, count, act

    def __call__(self, stage: str, done: int, total: int, note: str = "") -> None:
        del total, note
        if stage.startswith(self._stage) and done >= self._count:
            self._count = sys.maxsize
            self._act()


def broken_off(out: Path, aws: Simulator, breaker: Breaker, **others: Any) -> BaseException:
    """Run until it breaks off, and return by what."""
    moment = parse_time(aws.about["as_of"])
    request = Request(settings(out, **others), moment, now=lambda: moment, salt=SALT, tool=TOOL)
    with pytest.raises((CollectionError, KeyboardInterrupt, OSError)) as caught:
        audit(request, breaker)
    return caught.value


QUICK = {"limits": {"attempts": 1, "read_seconds": 120}}


@pytest.mark.parametrize(
    ("kind", "stage", "words"),
    [
        pytest.param("expired-token", "Collect", "sign in again", id="session-expired"),
        pytest.param("reset", "Collect", "check network", id="network-lost"),
        pytest.param("expired-token", "Verify", "sign in again", id="session-expired-among-log-files"),
    ],
)
def test_a_run_breaks_off_when_nothing_can_be_asked_any_more_and_goes_on_later(
    kind: str, stage: str, words: str, aws: Simulator, environment: Mapping[str, str], tmp_path: Path
) -> None:
    error = broken_off(
        tmp_path, aws, Breaker(stage, 40 if stage == "Collect" else 0, lambda: aws.fault("*", kind)), **QUICK
    )
    assert isinstance(error, CollectionError)
    assert words in error.hint
    assert "--resume" in error.__notes__[0]
    assert packs_in(tmp_path) == []
    before = aws.calls()
    aws.clear()
    finished = resumed(tmp_path, environment)
    assert len(finished.results.run.resumed) == 1
    assert finished.results.gaps == ()
    assert sum(aws.calls().values()) < sum(before.values()) + 400


def test_one_service_that_cannot_be_reached_breaks_nothing_off(
    aws: Simulator, environment: Mapping[str, str], tmp_path: Path
) -> None:
    aws.fault("sns:*", "reset")
    finished = resumed(tmp_path, environment, skip=["trail"], limits={"attempts": 1, "read_seconds": 120})
    assert {gap.operation.partition(":")[0] for gap in finished.results.gaps} >= {"sns"}


def test_a_full_disk_and_an_interruption_lose_nothing(
    aws: Simulator, environment: Mapping[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: Journal, document: object) -> None:
        del self, document
        raise OSError(errno.ENOSPC, "No space left on device")

    def interrupt() -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        error = broken_off(tmp_path, aws, Breaker("Collect", 60, lambda: patched.setattr(Journal, "write", full)))
    assert "No space left" in str(error)
    assert "--resume" in error.__notes__[0]
    aws.clear()
    error = broken_off(tmp_path, aws, Breaker("Evaluate", 0, interrupt), resume=True)
    assert isinstance(error, KeyboardInterrupt)
    finished = resumed(tmp_path, environment)
    assert len(finished.results.run.resumed) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["111122223333"]


@pytest.fixture(scope="module")
def once_cut_off(aws: Simulator, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return an output folder with a run that was cut off while it collected."""

    def interrupt() -> None:
        raise KeyboardInterrupt

    out = tmp_path_factory.mktemp("cut-off")
    with pytest.MonkeyPatch.context() as patched:
        for name, value in aws.environment().items():
            patched.setenv(name, value)
        broken_off(out, aws, Breaker("Collect", 60, interrupt), skip=["trail"])
    return out


@pytest.fixture
def cut_off(once_cut_off: Path, environment: Mapping[str, str], tmp_path: Path) -> Path:
    """Return a copy of it."""
    del environment
    shutil.copytree(once_cut_off, tmp_path / "out")
    return tmp_path / "out"


def test_other_settings_are_refused_by_name(cut_off: Path, aws: Simulator, environment: Mapping[str, str]) -> None:
    for others, words in (
        ({"regions": ["us-east-1"]}, "--regions is us-east-1 now and was us-east-1,eu-central-1"),
        ({"period": "2026-09"}, "--period is 2026-09 now and was 2026-10-01/2026-10-03"),
        ({"skip": []}, "--skip is not given now and was trail"),
    ):
        with pytest.raises(UsageError, match="cannot be gone on with") as caught:
            resumed(cut_off, environment, **{"skip": ["trail"], **others})
        assert words in caught.value.message
    request = Request(settings(cut_off, skip=["trail"]), parse_time("2026-11-03T06:00:00Z"))
    with pytest.raises(UsageError, match="--as-of is 2026-11-03T06:00:00Z now and was 2026-11-02T06:00:00Z"):
        take_up(request, as_of_given=True)
    found = take_up(request, as_of_given=False)
    assert (found.as_of, found.salt) == (parse_time(aws.about["as_of"]), SALT)


def test_what_was_changed_or_torn_is_asked_again(cut_off: Path, aws: Simulator, environment: Mapping[str, str]) -> None:
    (room,) = cut_off.glob(f"{UNFINISHED}*")
    journal = room / JOURNAL
    lines = journal.read_bytes().splitlines(keepends=True)
    records = [json.loads(line)["record"] for line in lines if b'"record"' in line]
    plain = [item for item in records if item["complete"] and not item["redactions"]]
    changed, gone, torn = plain[0], plain[1], plain[-1]
    path = room / PACK / "evidence" / changed["path"]
    path.write_bytes(path.read_bytes().replace(b"{", b"{ ", 1))
    (room / PACK / "evidence" / gone["path"]).unlink()
    (room / PACK / "evidence" / "raw" / "planted.json").write_text("{}")
    cut = next(line for line in lines if torn["path"].encode() in line)
    journal.write_bytes(b"".join(line for line in lines if line != cut) + cut[: len(cut) // 2])
    finished = resumed(cut_off, environment, skip=["trail"])
    asked = aws.calls()
    assert all(asked.get(item["operation"], 0) >= 1 for item in (changed, gone, torn))
    assert verified(finished.pack).findings == ()
    assert not (finished.pack / "evidence" / "raw" / "planted.json").exists()
    assert sum(asked.values()) < len(records)


def test_a_resumed_pack_says_so_everywhere(cut_off: Path, environment: Mapping[str, str]) -> None:
    finished = resumed(cut_off, environment, skip=["trail"])
    manifest = json.loads((finished.pack / "manifest.json").read_bytes())
    assert manifest["collection"]["resumed"] == ["2026-11-02T06:00:00Z"]
    assert any("cut off and taken up again at 2026-11-02T06:00:00Z" in item for item in verified(finished.pack).notices)
    assert any(item["kind"] == "resumed" for item in finished.results.notices)
    assert not any(b"salt that stands" in path.read_bytes() for path in finished.pack.rglob("*") if path.is_file())


def test_two_runs_in_one_folder_do_not_mix(cut_off: Path, aws: Simulator, environment: Mapping[str, str]) -> None:
    moment = parse_time(aws.about["as_of"])
    request = take_up(Request(settings(cut_off, skip=["trail"]), moment, now=lambda: moment), as_of_given=True)
    assert request.room is not None
    lock = os.open(request.room, os.O_RDONLY)
    fcntl.flock(lock, fcntl.LOCK_EX)
    with pytest.raises(UsageError, match="another run is at work"):
        audit(request, lambda *_: None)
    with pytest.raises(UsageError, match="still at work"):
        take_up(Request(settings(cut_off, skip=["trail"]), moment), as_of_given=True)
    clear_up(cut_off, lambda *_: None)
    assert read_state(request.room) is not None
    os.close(lock)
    assert resumed(cut_off, environment, skip=["trail"]).results.run.resumed == (moment,)


def test_a_new_run_leaves_what_can_be_gone_on_with_until_it_has_done_the_same(cut_off: Path, aws: Simulator) -> None:
    moment = parse_time(aws.about["as_of"])
    told: list[str] = []
    another = Request(settings(cut_off, skip=["trail"], entity="another"), moment, now=lambda: moment)
    audit(another, lambda stage, *_: told.append(stage))
    assert any("--resume" in words for words in told)
    assert len(list(cut_off.glob(f"{UNFINISHED}*"))) == 1
    audit(Request(settings(cut_off, skip=["trail"]), moment, now=lambda: moment), lambda *_: None)
    assert list(cut_off.glob(f"{UNFINISHED}*")) == []


def test_what_a_killed_seal_left_does_not_stand_in_the_way(cut_off: Path, environment: Mapping[str, str]) -> None:
    (room,) = cut_off.glob(f"{UNFINISHED}*")
    (room / PACK / ".sealing-dead").mkdir()
    (room / PACK / ".sealing-dead" / "0").write_text("half")
    assert verified(resumed(cut_off, environment, skip=["trail"]).pack).findings == ()


def test_a_folder_that_somebody_else_planted_is_not_gone_on_with(
    cut_off: Path, environment: Mapping[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    moment = parse_time(environment["KILLED_AS_OF"])
    request = Request(settings(cut_off, skip=["trail"]), moment)
    assert take_up(request, as_of_given=True).room is not None
    monkeypatch.setattr(os, "geteuid", lambda: 12345)
    assert take_up(request, as_of_given=True).room is None


def test_a_gate_without_pdf_is_gone_on_with_too(aws: Simulator, environment: Mapping[str, str], tmp_path: Path) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    gate = {"gate": True, "formats": ["pdf", "csv"], "skip": ["trail"]}
    broken_off(tmp_path, aws, Breaker("Collect", 20, interrupt), **gate)
    assert len(resumed(tmp_path, environment, **gate).results.run.resumed) == 1


def test_a_run_of_wrong_settings_leaves_nothing(aws: Simulator, environment: Mapping[str, str], tmp_path: Path) -> None:
    del environment
    moment = parse_time(aws.about["as_of"])
    with pytest.raises(UsageError, match="not enabled"):
        audit(Request(settings(tmp_path, regions=["ap-south-2"]), moment), lambda *_: None)
    assert list(tmp_path.iterdir()) == []

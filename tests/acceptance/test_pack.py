"""The pack in the hands of a careful stranger."""

import shutil
import socket
from pathlib import Path

import pytest

from auditor.pack.layout import RULES
from auditor.pack.outcome import results_json
from auditor.run import judge, open_rules
from tests.acceptance.conftest import Pack, auditor


def test_judging_again_needs_no_network_and_gives_the_same_bytes(pack: Pack, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("evaluation opened a socket")

    monkeypatch.setattr(socket, "socket", refuse)
    recorded = (pack.path / "results" / "results.json").read_bytes()
    for _ in range(2):
        assert results_json(judge(pack.path / "evidence", open_rules(pack.path / RULES))) == recorded


def test_the_command_judges_the_same_twice(pack: Pack, tmp_path: Path) -> None:
    written = []
    for name in ("one.json", "two.json"):
        outcome = auditor("evaluate", pack.path, "--rules", pack.path / "rules", "--out", tmp_path / name)
        assert outcome.code == 4, outcome.stderr
        written.append((tmp_path / name).read_bytes())
    assert written[0] == written[1] == (pack.path / "results" / "results.json").read_bytes()


def test_two_runs_never_mix_and_nothing_unfinished_is_left(pack: Pack) -> None:
    out = pack.path.parents[2]
    assert [path.name for path in out.iterdir()] == ["111122223333"]


def test_a_pack_moved_elsewhere_still_holds(pack: Pack, tmp_path: Path) -> None:
    shutil.copytree(pack.path, tmp_path / "else" / "where")
    assert auditor("verify", tmp_path / "else" / "where").code == 0

"""The comparison with event-ruler: says in one line that it cannot be made, and draws the same pairs every time."""

import itertools
from pathlib import Path

import pytest

from tools.event_ruler import _drawn, _of_controls, _ours, main


def test_without_java_and_maven_it_says_so_and_fails_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert main([]) == 0
    said = capsys.readouterr().out
    assert said == "event-ruler: not compared, because java and mvn cannot be found on this machine\n"


def test_the_pairs_are_the_same_every_time_and_reach_every_answer() -> None:
    pairs = list(_drawn(500))
    assert pairs == list(_drawn(500))
    assert {_ours(*pair) for pair in pairs} == {"true", "false", "invalid"}
    assert {_ours(*pair) for pair in itertools.islice(_of_controls(), 200)} == {"true", "false"}

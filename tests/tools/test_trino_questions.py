"""The comparison with Trino: says in one line that it cannot be made, and asks each question in Athena's words."""

import re
from pathlib import Path

import pytest

from auditor.events.question import load_questions
from tools.trino_questions import athena_text, few, main


def test_without_java_and_maven_it_says_so_and_fails_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert main([]) == 0
    said = capsys.readouterr().out
    assert said == "questions: not compared with Trino, because java and mvn cannot be found on this machine\n"


@pytest.mark.parametrize("name", load_questions())
def test_every_text_for_athena_is_whole(name: str) -> None:
    text = athena_text(name)
    assert "$since" not in text
    assert "{" not in re.sub(r"'(?:[^']|'')*'", "", text)


def test_a_few_routine_records_and_all_others_are_compared() -> None:
    ids = {name for log in few() for name in str(log.data).split('"eventID": "') if name.startswith("routine")}
    assert 0 < len({name[:11] for name in ids}) <= 8

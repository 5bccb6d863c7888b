"""The page of questions shows each question that ships, and only commands that there are."""

import shlex

from auditor.cli.events import command
from auditor.events.question import load_questions
from tools.event_questions import PAGE, QUESTIONS, lines_of


def test_every_question_is_on_the_page() -> None:
    text = PAGE.read_text("utf-8")
    assert [name for name in load_questions() if name not in text] == []
    assert len(QUESTIONS) >= 20


def test_every_command_on_the_page_can_be_given() -> None:
    for line in lines_of(PAGE.read_text("utf-8")):
        program, group, name, *arguments = shlex.split(line)
        assert (program, group) == ("auditor", "events")
        assert name in {*load_questions(), "sql"}
        found = command.get_command(None, name)  # type: ignore[arg-type] # the group asks nothing of the context
        assert found is not None
        found.make_context(name, arguments)

"""Help of every command: examples on lines of their own that can be given, options in groups, exit codes."""

import re
import shlex

import click
import pytest

from auditor.cli import auditor
from auditor.cli.help import EXAMPLES, GROUPS
from auditor.cli.variables import walk

_OWN = re.compile(r"\x08\n\s*(auditor|eval) ")


def commands() -> list[tuple[str, click.Command]]:
    return [(" ".join(words), one) for words, one in walk(auditor) if not isinstance(one, click.Group)]


@pytest.mark.parametrize(("name", "command"), commands())
def test_help_has_exit_codes_and_no_mark_of_ours(name: str, command: click.Command) -> None:
    context = click.Context(command, info_name=f"auditor {name}", terminal_width=100)
    told = command.get_help(context)
    assert "Exit codes, the same for every command" in told
    assert "\\b" not in told
    examples = re.findall(r"^ +(auditor .*|eval .*)$", told, re.MULTILINE)
    assert examples
    assert told.count("Examples:") + bool(_OWN.search(command.help or "")) == 1
    for line in examples:
        assert "auditor " not in line[8:] or line.startswith("eval"), "each example stands on a line of its own"


@pytest.mark.parametrize("name", sorted(EXAMPLES))
def test_examples_are_of_commands_and_options_that_there_are(name: str) -> None:
    command = dict(commands())[name]
    known = {option for item in command.params for option in item.opts} | {"--help"}
    for line in EXAMPLES[name]:
        words = shlex.split(line.partition(" > ")[0], comments=False)
        assert words[: 1 + len(name.split())] == ["auditor", *name.replace("NAME", "root-activity").split()]
        assert {word for word in words if word.startswith("-")} <= known


def test_every_grouped_option_is_one_of_run_or_its_like() -> None:
    names = {item.name for _, command in commands() for item in command.params}
    assert frozenset().union(*(group for _, group in GROUPS)) <= names
    told = dict(commands())["run"].get_help(click.Context(dict(commands())["run"], terminal_width=100))
    titles = [title for title, names in GROUPS if names & {item.name for item in dict(commands())["run"].params}]
    assert [title for title in titles if f"{title}:" in told] == titles

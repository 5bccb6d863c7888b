"""Help of every command: examples on lines of their own that can be given, options in groups, exit codes."""

import re
import shlex

import click
import pytest

from auditor.cli import _COMMANDS, auditor
from auditor.cli.help import EXAMPLES, GROUPS


def commands() -> list[tuple[str, click.Command]]:
    found: list[tuple[str, click.Command]] = []
    context = click.Context(auditor)
    for name in _COMMANDS:
        command = auditor.get_command(context, name)
        assert command is not None
        inner = getattr(command, "commands", {})
        found += [(f"{name} {below}", one) for below, one in inner.items()] if inner else [(name, command)]
    return found


@pytest.mark.parametrize(("name", "command"), commands())
def test_help_has_exit_codes_and_no_mark_of_ours(name: str, command: click.Command) -> None:
    context = click.Context(command, info_name=f"auditor {name}", terminal_width=100)
    told = command.get_help(context)
    assert "Exit codes, the same for every command" in told
    assert "\\b" not in told
    for line in re.findall(r"^ +(auditor .*)$", told, re.MULTILINE):
        assert "auditor " not in line[8:], "each example stands on a line of its own"


@pytest.mark.parametrize("name", sorted(EXAMPLES))
def test_examples_are_of_commands_and_options_that_there_are(name: str) -> None:
    command = dict(commands())[name]
    known = {option for item in command.params for option in item.opts} | {"--help"}
    for line in EXAMPLES[name]:
        words = shlex.split(line.partition(" > ")[0], comments=False)
        assert words[: 1 + len(name.split())] == ["auditor", *name.split()]
        assert {word for word in words if word.startswith("-")} <= known


def test_every_grouped_option_is_one_of_run_or_its_like() -> None:
    names = {item.name for _, command in commands() for item in command.params}
    assert frozenset().union(*(group for _, group in GROUPS)) <= names
    told = dict(commands())["run"].get_help(click.Context(dict(commands())["run"], terminal_width=100))
    titles = [title for title, _ in GROUPS]
    assert [title for title in titles if f"{title}:" in told] == titles

"""Options of every command: one that takes one value refuses a second one, and each may come from a variable."""

from collections.abc import Callable
from typing import Any

import click

from auditor.cli.variables import FromVariables, name_variables


class Once(FromVariables):
    """An option that takes one value: given twice, one of the two would be lost without a word."""

    def add_to_parser(self, parser: Any, ctx: click.Context) -> None:
        """Let the parser refuse a second value."""
        super().add_to_parser(parser, ctx)
        for name in self.opts:
            option = parser._long_opt.get(name) or parser._short_opt.get(name)  # noqa: SLF001 - click has no other way
            option.process = self._refusing(option.process)

    def _refusing(self, process: Callable[[Any, Any], None]) -> Callable[[Any, Any], None]:
        def refuse(value: Any, state: Any) -> None:
            if self.name in state.opts:
                raise click.UsageError(f"{self.opts[0]} was given twice; it takes one value")
            process(value, state)

        return refuse


def strict(command: click.Command, *words: str) -> click.Command:
    """Make every option of a command, and of the commands below it, refuse what it would lose, and name its variables.

    Args:
        command: changed in place.
        words: how it is called.
    """
    for parameter in command.params:
        if type(parameter) is click.Option:
            several = parameter.multiple or parameter.is_flag or parameter.count
            parameter.__class__ = FromVariables if several else Once
    name_variables(command, words)
    for name, inner in getattr(command, "commands", {}).items():
        strict(inner, *words, name)
    return command

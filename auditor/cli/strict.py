"""Options of every command: one that takes one value refuses a second one, and each may come from a variable.

A value that is none of those to choose from is refused with the one that was probably meant.
"""

from collections.abc import Callable
from typing import Any

import click

from auditor.base.suggest import closest
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


class Suggesting(click.Choice[Any]):
    """Words to choose from, of which a wrong one names its neighbour."""

    def get_invalid_choice_message(self, value: Any, ctx: click.Context | None) -> str:
        """Say what there is, and what was probably meant: ``hihg`` is ``high``, ``governance`` is ``GOVERNANCE``."""
        said = super().get_invalid_choice_message(value, ctx).removesuffix(".")
        close = closest(str(value), map(str, self.choices))
        return f"{said}; did you mean {close}?" if close else f"{said}."


def strict(command: click.Command, *words: str) -> click.Command:
    """Make every option of a command, and of the commands below it, refuse what it would lose, and name its variables.

    Args:
        command: changed in place.
        words: how it is called.
    """
    for parameter in command.params:
        if type(parameter.type) is click.Choice:
            parameter.type = Suggesting(parameter.type.choices, case_sensitive=parameter.type.case_sensitive)
        if type(parameter) is click.Option:
            several = parameter.multiple or parameter.is_flag or parameter.count
            parameter.__class__ = FromVariables if several else Once
    name_variables(command, words)
    for name, inner in getattr(command, "commands", {}).items():
        strict(inner, *words, name)
    return command

"""Options that take one value refuse a second one, on every command."""

from collections.abc import Callable
from typing import Any

import click


class Once(click.Option):
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


def strict(command: click.Command) -> click.Command:
    """Make every option of a command, and of the commands below it, refuse what it would lose."""
    for parameter in command.params:
        if type(parameter) is click.Option and not (parameter.multiple or parameter.is_flag or parameter.count):
            parameter.__class__ = Once
    for inner in getattr(command, "commands", {}).values():
        strict(inner)
    return command

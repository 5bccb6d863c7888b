"""Options of every command: one that takes one value refuses a second one, and each may come from a variable.

A value that is none of those to choose from is refused with the one that was probably meant.
"""

from collections.abc import Callable
from copy import copy
from math import isfinite
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
        del ctx
        names = [str(item) for item in self.choices]
        close = closest(str(value), names)
        return f"{shown(value)} is none of {', '.join(names)}{f'; did you mean {close}?' if close else ''}"


class Whole(click.IntRange):
    """Whole numbers between bounds."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Read a number, or say what it has to be."""
        return _between(self, super().convert, "whole number", value, param, ctx)


class Number(click.FloatRange):
    """Numbers between bounds; what is no number, or endless, lies between none."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Read a number, or say what it has to be."""
        found = _between(self, super().convert, "number", value, param, ctx)
        if not isfinite(found):
            self.fail(f"{shown(value)} is no number", param, ctx)
        return found


def _between(
    kind: click.IntRange | click.FloatRange,
    convert: Callable[[Any, click.Parameter | None, click.Context | None], Any],
    what: str,
    value: Any,
    param: click.Parameter | None,
    ctx: click.Context | None,
) -> Any:
    try:
        return convert(value, param, ctx)
    except (click.BadParameter, ValueError) as error:
        least, most = kind.min, kind.max
        bounds = f" from {least:,} to {most:,}" if least is not None and most is not None else ""
        bounds = f" of at least {least:,}" if least is not None and most is None else bounds
        raise click.BadParameter(f"{shown(value)} is no {what}{bounds}", ctx, param) from error


class Switch(click.types.BoolParamType):
    """On or off, as variables say it."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Read a switch, or say how it is written."""
        try:
            return super().convert(value, param, ctx)
        except click.BadParameter as error:
            raise click.BadParameter(f"{shown(value)} is neither true nor false", ctx, param) from error


class There(click.Path):
    """A file that has to be there."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the path, or say that there is no such file."""
        try:
            return super().convert(value, param, ctx)
        except (click.BadParameter, ValueError) as error:
            raise click.BadParameter(f"there is no file {shown(value)} that can be read", ctx, param) from error


_SHOWN = 60


def shown(value: Any) -> str:
    """Return what was given, in quotes, not longer than a line."""
    text = repr(str(value))
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


def _typed(kind: click.ParamType[Any]) -> click.ParamType[Any]:
    """Return a type that says in our words what is wrong; the same one where it takes any text."""
    if type(kind) is click.Choice:
        return Suggesting(kind.choices, case_sensitive=kind.case_sensitive)
    for own in (Whole, Number, Switch, There):
        if type(kind) is own.__mro__[1]:
            kind = copy(kind)
            kind.__class__ = own
    return kind


def strict(command: click.Command, *words: str) -> click.Command:
    """Make every option of a command, and of the commands below it, refuse what it would lose, and name its variables.

    Args:
        command: changed in place.
        words: how it is called.
    """
    names = {parameter.name for parameter in command.params}
    if "quiet" in names and "no_color" not in names:
        words_of_help = "No colours in bars; NO_COLOR does the same."
        command.params.append(click.Option(["--no-color"], is_flag=True, help=words_of_help))
    for parameter in command.params:
        parameter.type = _typed(parameter.type)
        if type(parameter) is click.Option:
            several = parameter.multiple or parameter.is_flag or parameter.count
            parameter.__class__ = FromVariables if several else Once
    name_variables(command, words)
    for name, inner in getattr(command, "commands", {}).items():
        strict(inner, *words, name)
    return command

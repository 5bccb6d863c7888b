"""How a command line that cannot be understood is told: one message and one hint, in the words of all other errors."""

import difflib
import re
from typing import Final

import click
from click import exceptions

from auditor.cli.variables import FromVariables, long_name

_EXTRA: Final = re.compile(r"Got unexpected extra arguments? \((?P<words>.*)\)", re.DOTALL)
_SHOWN: Final = 200


def told(error: click.ClickException) -> tuple[str, str]:
    """Return message and hint of what click refused."""
    context = getattr(error, "ctx", None)
    look = f"see `{context.command_path} --help`" if context is not None else ""
    close = ", ".join(_near(error))
    if isinstance(error, exceptions.MissingParameter):
        return f"{_name(error)} is missing", _choices(error.param) or look
    return _message(error), f"did you mean {close}?" if close else look


def _near(error: click.ClickException) -> list[str]:
    """Return what was probably meant; of options by their words alone, since every one begins with two dashes."""
    found = list(getattr(error, "possibilities", None) or ())
    if not isinstance(error, exceptions.NoSuchOption):
        return found
    words = [item.lstrip("-") for item in found]
    near = difflib.get_close_matches(error.option_name.lstrip("-"), words)
    return [item for item in found if item.lstrip("-") in near]


def _message(error: click.ClickException) -> str:
    match error:
        case exceptions.BadParameter():
            return f"{_name(error)}: {error.message}"
        case exceptions.NoSuchOption():
            return f"there is no option {error.option_name}"
        case exceptions.NoSuchCommand():
            return f"there is no command {error.command_name!r}"
        case exceptions.BadOptionUsage():
            return f"{error.option_name} takes {'no' if 'does not take' in error.message else 'a'} value"
    extra = _EXTRA.match(error.message)
    return f"nothing is expected where {extra['words'][:_SHOWN]!r} stands" if extra else error.message.removesuffix(".")


def _name(error: exceptions.BadParameter) -> str:
    """Return the option, the variable or the argument that an error is about."""
    option = error.param
    if isinstance(option, FromVariables):
        return option.get_error_hint(error.ctx).replace("'", "")
    if isinstance(option, click.Option):
        return f"--{long_name(option)}"
    return option.make_metavar(error.ctx or click.Context(click.Command(""))) if option is not None else "a value"


def _choices(option: click.Parameter | None) -> str:
    if option is None or not isinstance(option.type, click.Choice):
        return ""
    return f"one of {', '.join(map(str, option.type.choices))}"

"""Environment variables for options: each option of each command has its own, named by a rule and not by a list.

``--period`` of ``auditor trail verify`` is ``AUDITOR_TRAIL_VERIFY_PERIOD``, else ``AUDITOR_TRAIL_PERIOD``, else
``AUDITOR_PERIOD``: the nearest that is set and not empty counts. A word on the command line goes before all of them.
"""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from errno import ELOOP, ENAMETOOLONG
from pathlib import Path
from stat import S_ISBLK, S_ISCHR, S_ISSOCK
from typing import TYPE_CHECKING, Any, Final

import click
from click.core import ParameterSource

from auditor.regions import mistake_in

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

PREFIX: Final = "AUDITOR_"

SETTINGS: Final[Mapping[str, str]] = {
    "certificates": "CLUSTER_CERTIFICATES",
    "concurrency": "LIMITS_CONCURRENCY",
    "control": "CONTROL_IDS",
    "format": "FORMATS",
    "framework": "FRAMEWORKS",
    "import": "IMPORTS",
    "mode": "OBJECT_LOCK_MODE",
    "plain-scheduler": "CLUSTER_PLAIN",
    "sample": "SAMPLING_SIZE",
    "seed": "SAMPLING_SEED",
}
"""Option -> the variable of its setting, where it is not named like the option."""

READERS: Final = frozenset({"run", "demo", "collect", "evaluate", "render", "doctor", "policy", "assemble", "upload"})
"""Commands whose options are settings."""

ALONE: Final[Mapping[str, str]] = {
    "collect --out": "a folder for evidence, where AUDITOR_OUT says where packs go",
    "controls list --framework": "a choice of what is shown, where AUDITOR_FRAMEWORK says what is audited",
    "demo --accounts": "a number, where AUDITOR_ACCOUNTS names accounts",
    "demo --notify": "tells real people of an account that there is not",
    "evaluate --out": "a file of results, where AUDITOR_OUT says where packs go",
    "events --account": "a choice among records, where AUDITOR_ACCOUNT says which account is entered",
    "events --region": "a choice among records, where AUDITOR_REGION says where the caller is identified",
    "history --account": "a choice among packs, where AUDITOR_ACCOUNT says which account is entered",
    "keygen --out": "a folder for keys, where AUDITOR_OUT says where packs go",
    "pattern check --control": "what a pattern is judged by, where AUDITOR_CONTROL says what is audited",
    "pattern check --framework": "what a pattern is judged by, where AUDITOR_FRAMEWORK says what is audited",
    "policy --trail-bucket": "would read like --bucket of auditor trail",
    "remediate --control": "a choice among findings, where AUDITOR_CONTROL says what is audited",
    "remediate --out": "a folder for changes, where AUDITOR_OUT says where packs go",
    "seal --zip": "a file, where AUDITOR_ZIP is a switch",
    "trail verify --account": "a choice among logs, where AUDITOR_ACCOUNT says which account is entered",
}
"""Option, after its command or group -> why the variable that all commands share does not count for it."""

WITHOUT: Final[Mapping[str, str]] = {
    "--help": "it asks for words, not for work",
    "--version": "it asks for words, not for work",
}
"""Options that have no variable, and why."""

_RIVALS: Final[Mapping[str, frozenset[str]]] = {
    "period": frozenset({"since", "until"}),
    "as_json": frozenset({"as_csv", "as_text"}),
    "pack": frozenset({"trail", "place", "folder", "lookup"}),
    "lookup": frozenset({"trail", "place", "folder"}),
    "key": frozenset({"kms_key"}),
    "org": frozenset({"account"}),
}
"""What excludes each other: given on the command line, one sets aside the variables of the others."""


def rivals_of(name: str) -> frozenset[str]:
    """Return what one option excludes."""
    return _RIVALS.get(name, frozenset()) | {other for other, names in _RIVALS.items() if name in names}


def _no_account(text: str) -> str:
    return (
        ""
        if text.isascii() and text.isdigit() and len(text) == _ID
        else f"{text!r} is no AWS account id: twelve digits"
    )


_ID: Final = len("111122223333")
_FORMS: Final[Mapping[str, Callable[[str], str]]] = {
    **dict.fromkeys(("region", "regions", "home-region"), mistake_in),
    **dict.fromkeys(("account", "for-account"), _no_account),
}
"""Option -> what is wrong with one of its values, whichever command takes it."""

_FILES: Final = frozenset({"attestations", "baseline", "controls", "import", "out", "responses", "waivers"})
"""Options that name files or folders, beside those whose type says so."""

_READABLE: Final = frozenset({"/dev/null", "/dev/stdin"})


def _no_file(text: str) -> str:
    """Say why a text can name no file or folder; empty where it may, or where there is none yet."""
    try:
        mode = Path(text).stat().st_mode
    except ValueError:
        return "a name holds no zero byte"
    except OSError as error:
        if error.errno == ELOOP:
            return f"{text} is a link that leads back to itself"
        return f"{text[:40]}...: the name is too long" if error.errno == ENAMETOOLONG else ""
    device = S_ISCHR(mode) or S_ISBLK(mode) or S_ISSOCK(mode)
    return f"{text} is a device, no file" if device and text not in _READABLE else ""


_ANY: Final = frozenset({"", "all", "*"})
"""What these options take beside names; an empty one is told by its command."""


class FromVariables(click.Option):
    """An option that a variable may give, where the command line does not."""

    def consume_value(self, ctx: click.Context, opts: Mapping[str, Any]) -> tuple[Any, ParameterSource]:
        """Leave the variables alone where the command line says something that excludes the option."""
        if self.name not in opts and rivals_of(self.name or "") & opts.keys():
            names, self.envvar = self.envvar, None
            try:
                return super().consume_value(ctx, opts)
            finally:
                self.envvar = names
        return super().consume_value(ctx, opts)

    def value_from_envvar(self, ctx: click.Context) -> Any:
        """Part several values at commas, as options do, and not at spaces."""
        text = self.resolve_envvar_value(ctx)
        if text is None or not self.multiple:
            return super().value_from_envvar(ctx)
        return [part.strip() for part in text.split(",") if part.strip()] or None

    def process_value(self, ctx: click.Context, value: Any) -> Any:
        """Refuse names that no Region has, and ids that no account has."""
        found = super().process_value(ctx, value)
        if ctx.resilient_parsing:
            return found
        texts = found if isinstance(found, tuple) else (found,)
        if isinstance(self.type, click.Path) or long_name(self) in _FILES:
            for text in texts:
                if isinstance(text, str | Path) and (wrong := _no_file(str(text))):
                    raise click.BadParameter(wrong, ctx, self)
        if (mistake := _FORMS.get(long_name(self))) is not None:
            parts = [part.strip() for text in texts if isinstance(text, str) for part in text.split(",")]
            for part in parts:
                if part not in _ANY and (wrong := mistake(part)):
                    raise click.BadParameter(wrong, ctx, self)
        return found

    def get_error_hint(self, ctx: click.Context | None) -> str:
        """Name the variable where the value came from one, else the option in full."""
        if ctx is not None and ctx.get_parameter_source(self.name or "") is ParameterSource.ENVIRONMENT:
            return self.variable()
        return f"--{long_name(self)}"

    def shell_complete(self, ctx: click.Context, incomplete: str) -> "list[CompletionItem]":
        """Complete what click takes for any text, too."""
        from auditor.cli.completing import completed

        return super().shell_complete(ctx, incomplete) or completed(long_name(self), incomplete)

    def variable(self) -> str:
        """Return the variable that counts now; empty where none is set."""
        return next((name for name in self.envvar or () if os.environ.get(name)), "")


def name_variables(command: click.Command, words: Sequence[str]) -> None:
    """Give the options of one command their variables.

    Args:
        command: its options are of the class above.
        words: how it is called, such as ``("trail", "verify")``.
    """
    for option in command.params:
        if isinstance(option, FromVariables) and f"--{long_name(option)}" not in WITHOUT:
            option.envvar = variables_of(long_name(option), words)


def long_name(option: click.Parameter) -> str:
    """Return how an option is called in full, without its dashes."""
    return max((name for name in option.opts), key=len).lstrip("-")


def variables_of(option: str, words: Sequence[str]) -> list[str]:
    """Return the variables of an option, the nearest first."""
    ending = option.upper().replace("-", "_")
    upper = [word.upper().replace("-", "_") for word in words]
    names = [f"{PREFIX}{'_'.join([*upper[:length], ending])}" for length in range(len(upper), 0, -1)]
    if any(f"{' '.join(words[:length])} --{option}" in ALONE for length in range(1, len(words) + 1)):
        return names
    if words and words[0] in READERS and option in SETTINGS:
        names.append(f"{PREFIX}{SETTINGS[option]}")
    return [*names, f"{PREFIX}{ending}"]


def given_by_variables(context: click.Context | None) -> dict[str, str]:
    """Return the options of the running command that came from variables, by the names of their parameters."""
    if context is None:
        return {}
    options = [option for option in context.command.params if isinstance(option, FromVariables)]
    sources = ((option, context.get_parameter_source(option.name or "")) for option in options)
    return {option.name or "": option.variable() for option, source in sources if source is ParameterSource.ENVIRONMENT}


def asks_for_json(arguments: Sequence[str]) -> bool:
    """Say whether a program reads what is printed; known before the command line has been understood."""
    words = []
    for word in arguments:
        if word.startswith("-"):
            break
        words.append(word)
    texts = [os.environ.get(name, "") for name in variables_of("json", words[:2])]
    first = next((text for text in texts if text), "")
    return "--json" in arguments or first.lower() in {"1", "true", "t", "yes", "y", "on"}


def walk(command: click.Command, words: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Yield a command and all below it, each with how it is called; what takes any name is called so."""
    yield words, command
    if isinstance(command, click.Group):
        context = click.Context(command)
        if any_name := getattr(command, "any_name", ""):
            yield from walk(command.get_command(context, any_name) or command, (*words, any_name))
        for name in command.list_commands(context):
            if (inner := command.get_command(context, name)) is not None:
                yield from walk(inner, (*words, name))

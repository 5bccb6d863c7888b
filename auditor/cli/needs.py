"""Which options do something only beside others, or nothing beside others: one table, looked at before any work.

An option that is given and ignored misleads: whoever gave it believes that it counts. A word on the command line is
held to the table; what variables and files of settings say is meant for many commands, and only satisfies needs.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import click
from click.core import ParameterSource

from auditor.base.errors import UsageError
from auditor.cli.variables import READERS, long_name


@dataclass(frozen=True, slots=True)
class Need:
    """Options that do nothing without one of some others.

    Args:
        options: their long names.
        any_of: what one of them has to come with, an option or ``option=value``; none where they never do anything.
        why: one sentence for whoever gave it.
    """

    options: tuple[str, ...]
    any_of: tuple[str, ...]
    why: str = ""


@dataclass(frozen=True, slots=True)
class Clash:
    """An option beside which some others would be ignored."""

    option: str
    others: tuple[str, ...]
    why: str = ""
    unless: str = ""
    """An option beside which they count."""


_ROLE = Need(
    ("external-id", "session-name", "source-identity"),
    ("role-name", "org"),
    "they are of the session of a role; give --account and --role-name, or --org",
)
_ACCOUNTS = Need(
    ("include", "exclude", "management-account-profile"), ("org",), "they are about the accounts of an organization"
)
_CLUSTER = Need(("certificates", "plain-scheduler"), ("scheduler",), "they say how a scheduler is reached")
_BASELINE = Need(("baseline-max-age", "update-baseline", "accept-new-controls"), ("baseline",))
_LOCK = (Need(("object-lock-days",), ("upload",), "it locks what is uploaded"), Need(("mode",), ("object-lock-days",)))
_KMS = Need(("profile", "region"), ("kms-key",), "nothing else is asked of AWS")
_JUDGED = ("waivers", "attestations", "responses", "fail-on", "allow", "sample", "seed")
_CODE = Need(
    ("var", "sarif"), ("terraform", "cloudformation"), "--var, --var-file and --sarif are for infrastructure code"
)
_LOGS = Need(("keys", "concurrency"), ("trail", "s3", "dir"), "they are about log files")
_ASKED = ("trail", "s3", "lookup")
_EVENTS = (
    Need(("bucket",), ("dir",), "it says where downloaded objects come from"),
    _LOGS,
    Need(("scheduler",), ("trail", "s3", "dir"), "its workers read log files"),
    _CLUSTER,
)
_POLICY = ("framework", "control", "controls", "skip", "trail-bucket")

NEEDS: Final[Mapping[str, tuple[Need, ...]]] = {
    "run": (_ROLE, _ACCOUNTS, _CLUSTER, _BASELINE, *_LOCK),
    "doctor": (_ROLE, _ACCOUNTS, _CLUSTER),
    "demo": (Need(("accounts",), ("org",), "they are of a simulated organization"), _BASELINE, *_LOCK),
    "collect": (Need(_JUDGED, (), "collect judges nothing: give it to auditor evaluate or auditor render"),),
    "upload": (_LOCK[1],),
    "history": (
        Need(("account",), ("require",), "it says whose pack of that month is required; the page shows all accounts"),
    ),
    "seal": (
        _KMS,
        Need(("tsa-optional",), ("tsa",)),
        Need(("no-pdf-signature",), ("key", "kms-key"), "without a key nothing is signed"),
    ),
    "keygen": (_KMS,),
    "verify": (
        Need(("quick",), ("replay",)),
        Need(("profile",), ("check-keys",), "nothing else is asked of AWS"),
    ),
    "policy": (
        Need(("profile", "region", "account"), ("check",), "only --check asks AWS"),
        Need(("role-name",), ("check", "org")),
    ),
    "trail verify": (
        Need(("bucket",), ("dir",), "it says where downloaded objects come from"),
        Need(("profile", "region"), ("trail", "s3"), "a folder is read offline"),
        _CLUSTER,
    ),
    "events NAME": (
        *_EVENTS,
        Need(("profile", "home-region"), (*_ASKED, "engine=athena"), "what is kept is read offline"),
        Need(("table", "output", "max-cost", "workgroup", "price-per-tb"), ("engine=athena",)),
    ),
    "events sql": (*_EVENTS, Need(("profile", "home-region"), _ASKED, "what is kept is read offline")),
    "pattern check": (_CODE, Need(("var-file",), ("terraform",), "--var-file is for Terraform")),
}
"""Command -> what its options need."""

CLASHES: Final[Mapping[str, tuple[Clash, ...]]] = {
    "run": (Clash("gate", ("detail",), "a gate makes no PDF"),),
    "demo": (
        Clash("gate", ("detail",), "a gate makes no PDF"),
        Clash("org", ("world",), "the organization is a world of its own"),
    ),
    "doctor": (Clash("org", ("quick",), "with --org each account is entered, and no operation is asked about"),),
    "evaluate": (
        Clash("rules", ("framework", "control", "controls", "config", *_JUDGED), "the pack's own rules have all of it"),
    ),
    "keygen": (Clash("kms-key", ("rsa", "no-password"), "the key is in AWS KMS already"),),
    "history": (Clash("no-html", ("html",)),),
    "cost": (Clash("json", ("csv",)),),
    "events NAME": (Clash("json", ("csv",)),),
    "events sql": (Clash("json", ("csv",)),),
    "policy": (
        Clash("check", ("for-account", "partition", "kms-key", "trail-bucket"), "the caller is asked about as it is"),
        Clash("org", ("for-account", "check"), "its policies are for every account"),
        Clash(
            "upload",
            (*_POLICY, "for-account", "securityhub-import", "org", "check"),
            "its policy is of the bucket alone",
        ),
        Clash("securityhub-import", ("kms-key", "check"), "its policy is of one call alone"),
        Clash("securityhub-import", _POLICY, "its policy is of one call alone", unless="org"),
    ),
}
"""Command -> what of its options excludes each other."""


def check(context: click.Context, called: str) -> None:
    """Refuse an option on the command line that would be ignored.

    Args:
        context: of the command, all options parsed.
        called: how it is called, such as ``trail verify``.

    Raises:
        UsageError: an option does nothing here; the message says without what, or beside what.
    """
    options = {long_name(option): option.name or "" for option in context.command.params}
    words = {name for name, parameter in options.items() if _by_word(context, parameter)}
    for clash in CLASHES.get(called, ()):
        if (
            clash.option in words
            and clash.unless not in words
            and (lost := [name for name in clash.others if name in words])
        ):
            raise UsageError(f"--{clash.option} and --{lost[0]} exclude each other", hint=clash.why)
    if {"gate", "format"} <= words and "pdf" in ",".join(context.params["formats"]).replace(" ", "").split(","):
        raise UsageError("--gate and --format pdf exclude each other", hint="a gate makes no PDF")
    for need in NEEDS.get(called, ()):
        idle = [name for name in need.options if name in words]
        if idle and not any(_given(context, options, wanted) for wanted in need.any_of):
            if need.any_of and _settled(context, called, need.any_of):
                continue
            without = " or ".join(f"--{wanted.replace('=', ' ')}" for wanted in need.any_of)
            raise UsageError(f"--{idle[0]} does nothing {f'without {without}' if without else 'here'}", hint=need.why)


def _by_word(context: click.Context, parameter: str) -> bool:
    return context.get_parameter_source(parameter) is ParameterSource.COMMANDLINE


def _given(context: click.Context, options: Mapping[str, str], wanted: str) -> bool:
    """Say whether an option has a value, whatever gave it."""
    name, _, value = wanted.partition("=")
    held = context.params.get(options.get(name, ""))
    return held == value if value else held not in (None, False, (), "")


def _settled(context: click.Context, called: str, wanted: tuple[str, ...]) -> bool:
    """Say whether the settings of the folder or the environment have one of some options."""
    if called not in READERS or called in {"demo", "upload"}:  # those two read no file
        return False
    from auditor.cli.options import resolve_options

    given: Any = context.params.get("config_file")
    config = resolve_options(Path(given) if given else None, {}).config
    settings = {name.replace("-", "_") for name in wanted}
    return any(getattr(config, name, None) for name in settings) or ("org" in settings and bool(config.accounts))

"""Help of every command: its examples as they are typed, its options in groups, and what exit codes mean."""

import os
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

import click

from auditor.cli.needs import check

EXIT_CODES: Final = (
    "Exit codes, the same for every command: 0 met or waived, or done; 1 a control failed; 2 wrong usage or\n"
    "settings; 3 something could not be assessed; 4 integrity; 5 it broke; 130 and 143 ended by a signal."
)

VARIABLES: Final = (
    "Each option has variables, too: for --json, AUDITOR_JSON; see docs/settings.md. A word here goes before them."
)

EXAMPLES: Final[Mapping[str, Sequence[str]]] = {
    "run": (
        "auditor run",
        "auditor run --profile audit --framework cis-aws-5.0.0 --period 2026-10 --format pdf,html,csv",
        "auditor run --gate --baseline baseline.json --fail-on high",
    ),
    "demo": ("auditor demo", "auditor demo --world clean --regions eu-central-1 --detail summary"),
    "collect": ("auditor collect --profile audit --out collected",),
    "evaluate": ("auditor evaluate collected", "auditor evaluate PACK --rules PACK/rules --out again.json"),
    "render": (
        "auditor render collected --waivers waivers.yaml --responses responses.yaml",
        "auditor render collected --format pdf,html --detail full",
    ),
    "seal": ("auditor seal PACK --key signing-key.pem --certificate signing-certificate.pem",),
    "verify": ("auditor verify PACK", "auditor verify PACK --replay --previous LAST_MONTH"),
    "diff": ("auditor diff OLD NEW", "auditor diff OLD NEW --html changes.html"),
    "remediate": ("auditor remediate PACK --to cli --out changes",),
    "assemble": ("auditor assemble reports/111122223333/2026-*/*",),
    "keygen": ("auditor keygen --help",),
    "cost": ("auditor cost PACK", "auditor cost PACK --json"),
    "completion": ("auditor completion bash > ~/.local/share/bash-completion/completions/auditor",),
    "policy": ("auditor policy > policy.json", "auditor policy --check --profile audit"),
    "trail verify": (
        "auditor trail verify --trail management-events --period 2026-10",
        "auditor trail verify --dir downloaded --json",
    ),
    "events NAME": (
        "auditor events root-activity --trail management-events --period 2026-10",
        "auditor events root-activity --dir downloaded --since 2026-10-06 --csv",
    ),
    "events anatomy": ("auditor events anatomy record.json",),
    "events athena-ddl": ("auditor events athena-ddl --help",),
    "events list": ("auditor events list",),
    "events show": ("auditor events show root-activity",),
    "events sql": ("auditor events sql 'SELECT event_name, count(*) FROM events GROUP BY ALL' --store kept",),
    "controls list": ("auditor controls list --framework cis-aws-5.0.0",),
    "controls show": ("auditor controls show iam-root-mfa",),
    "controls validate": ("auditor controls validate my-controls",),
    "controls test": ("auditor controls test my-controls",),
    "pattern check": (
        "auditor pattern check --control monitor-root-usage '{ $.userIdentity.type = \"Root\" }'",
        "auditor pattern check --terraform infrastructure --framework cis-aws-5.0.0",
    ),
    "pattern test": ("auditor pattern test '{ $.eventName = \"StopLogging\" }' event.json",),
    "packs prune": ("auditor packs prune --keep 24 --dry-run",),
    "config show": ("auditor config show", "auditor config show --all"),
}
"""Command -> lines for its help, where its own words have none."""

GROUPS: Final[tuple[tuple[str, frozenset[str]], ...]] = (
    (
        "Whom to ask, about when",
        frozenset(
            {"profile", "region", "regions", "account", "role_name", "period", "skip", "keep_logs", "as_of"}
            | {"concurrency", "resume", "world"}
        ),
    ),
    (
        "Where the records are",
        frozenset({"trail", "place", "folder", "key_file", "bucket", "pack", "lookup", "store", "engine", "table"}),
    ),
    (
        "Accounts of an organization",
        frozenset(
            {"org", "include", "exclude", "external_id", "session_name", "source_identity"}
            | {"management_account_profile"}
        ),
    ),
    (
        "What is judged, and what is accepted",
        frozenset(
            {"frameworks", "control_ids", "controls", "imports", "waivers", "attestations", "responses", "fail_on"}
            | {"allow", "sample", "seed"}
        ),
    ),
    (
        "For a pipeline",
        frozenset({"gate", "baseline", "baseline_max_age", "update_baseline", "accept_new_controls", "if_missing"}),
    ),
    ("What is written", frozenset({"out", "formats", "detail", "zip", "entity", "rules"})),
    (
        "Where it goes",
        frozenset({"securityhub_import", "upload", "notify", "object_lock_days", "object_lock_mode"}),
    ),
)
"""Title of a group -> names of its options; all others stand under "Settings and output"."""

_FEW: Final = 12
"""Options of a command that need no groups."""


class Grouped(click.Command):
    """A command whose options stand in groups, where it has many, and that does nothing when one would be ignored."""

    called: str = ""
    """How it is called, such as ``trail verify``."""

    def invoke(self, ctx: click.Context) -> Any:
        """Carry the command out, once it is known that each option counts."""
        check(ctx, self.called)
        if ctx.params.pop("no_color", False):
            os.environ["NO_COLOR"] = "1"  # as what draws the bars understands it
        return super().invoke(ctx)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options group by group, in the order of the groups."""
        options = [item for item in self.get_params(ctx) if isinstance(item, click.Option)]
        records = [(item, record) for item in options if (record := item.get_help_record(ctx))]
        if len(records) <= _FEW:
            super().format_options(ctx, formatter)
            return
        grouped = frozenset().union(*(names for _, names in GROUPS))
        parts = [(title, [record for item, record in records if item.name in names]) for title, names in GROUPS]
        parts.append(("Settings and output", [record for item, record in records if item.name not in grouped]))
        for title, rows in parts:
            if rows:
                with formatter.section(title):
                    formatter.write_dl(rows)


_WITH_EXAMPLES: Final = re.compile(r"\x08\n\s*(auditor|eval) ")


def helpful(command: click.Command, name: str) -> click.Command:
    """Give a command, and those below it, examples, exit codes and grouped options."""
    if command.help:
        command.help = command.help.replace("\\b\n", "\b\n")  # as raw docstrings have what click takes for a mark
    for inner, below in getattr(command, "commands", {}).items():
        helpful(below, f"{name} {inner}")
    if type(command) is click.Command:
        command.__class__ = Grouped
    if isinstance(command, Grouped):
        command.called = name
    if not command.epilog:
        own = () if _WITH_EXAMPLES.search(command.help or "") else EXAMPLES.get(name, ())
        shown = "\n".join(("Examples:", *(f"  {line}" for line in own)))
        parts = [f"\b\n{shown}"] if own else []
        if not isinstance(command, click.Group):
            parts.append(f"\b\n{VARIABLES}")
        command.epilog = "\n\n".join([*parts, f"\b\n{EXIT_CODES}"])
    return command

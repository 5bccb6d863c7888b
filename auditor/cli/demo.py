"""``auditor demo``: the audit of a simulated account, or organization, on this machine."""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from auditor import __version__
from auditor.base.period import parse_time
from auditor.cli.audit import Occasion, audit_and_tell
from auditor.cli.options import (
    config_of,
    in_parts,
    what_is_accepted,
    with_controls,
    with_detail,
    with_formats,
    with_gate,
    with_if_missing,
    with_imports,
    with_notify,
    with_upload,
    with_zip,
)
from auditor.config import Config

if TYPE_CHECKING:
    from auditor.simulator import Simulator


@click.command()
@click.option("-o", "--out", default="reports", show_default=True, metavar="DIR", help="Where the pack is written.")
@click.option("--world", default="demo", show_default=True, metavar="NAME", help="demo, clean, empty or hostile.")
@click.option("--org", is_flag=True, help="Audit a simulated organization of twelve accounts instead.")
@click.option(
    "--accounts", "light", type=click.IntRange(0, 5000), default=0, metavar="N", help="With --org: N accounts more."
)
@click.option(
    "--regions",
    multiple=True,
    metavar="R1,R2",
    help="Regions that the account has, beside us-east-1, and that are audited; default: all.",
)
@with_formats
@with_controls
@with_zip
@with_detail
@with_gate
@with_if_missing
@with_imports
@with_upload
@with_notify
@what_is_accepted
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout.")
@click.option("-v", "--verbose", is_flag=True, help="Each call and step with its time.")
@click.option("-q", "--quiet", is_flag=True, help="No progress.")
def demo(
    *,
    out: str,
    world: str,
    org: bool,
    light: int,
    regions: tuple[str, ...],
    as_json: bool,
    quiet: bool,
    verbose: bool,
    **given: Any,
) -> int:
    """Audit a simulated AWS account, or organization, on this machine; needs no AWS account and no network.

    A second demo in the same folder looks again a minute later, and its report tells what changed in between.

    With --upload the simulated AWS has the bucket, with Object Lock, in an account of its own. It is gone afterwards;
    the record of the upload stays beside the pack. --notify sns:ARN reaches topics of the simulated account.
    """
    from auditor.run.uploading import destination_of
    from auditor.seal.manifest import Tool
    from auditor.simulator import Simulator

    place = Simulator("organization" if org else world, enabled=in_parts(regions), accounts=light)
    with place as aws, _environment(aws.environment()):
        config = _settings(aws, {"out": out, "regions": regions, **given})
        if where := destination_of(config):
            aws.archive(where.bucket)
        as_of = _moment(aws, Path(out))
        occasion = Occasion(
            as_of,
            as_json=as_json,
            quiet=quiet,
            verbose=verbose,
            now=lambda: as_of,
            salt=_SALT,
            tool=Tool("auditor", __version__),
        )
        return _teller(config)(config, occasion)


FRAMEWORKS = ("cis-aws-5.0.0", "cis-aws-3.0.0", "trail-readiness")
_SALT = b"the demo has no secrets to hide."


def _settings(aws: "Simulator", given: Mapping[str, Any]) -> Config:
    """Return what was asked for, about the simulated account; no file of the caller's own has a say."""
    settings = {
        **given,
        "entity": aws.about["name"],
        "frameworks": given["frameworks"] or (() if given["control_ids"] else FRAMEWORKS),
        "period": aws.about["period"],
        "config_file": Path(os.devnull),
    }
    if aws.world == "organization":
        settings |= {"org": True, "role_name": aws.about["role_name"], "external_id": aws.about["external_id"]}
        settings["detail"] = given.get("detail") or "summary"  # drawing each account's PDF in full is half of the time
    return config_of(settings)


def _teller(config: Config) -> Callable[[Config, Occasion], int]:
    """Return what audits one account, or an organization, and tells of it."""
    if not config.org:
        return audit_and_tell
    from auditor.cli.organization import organize_and_tell

    return organize_and_tell


def _moment(aws: "Simulator", out: Path) -> datetime:
    """Return when the account is looked at, aware UTC, and let so much time pass in it.

    The simulated account stands still at its as-of time, so the audit of it does too, and it names nothing that differs
    from machine to machine: two demos, same bytes. One more in the same folder looks again a minute later, when a
    little has changed.
    """
    as_of = parse_time(aws.about["as_of"])
    looks = len(list(out.glob(f"{aws.account}/*/*/manifest.json"))) if aws.world == "demo" else 0
    if looks:
        from auditor.simulator.later import pass_time

        pass_time(aws)
    return as_of + timedelta(minutes=looks)


@contextmanager
def _environment(values: Mapping[str, str]) -> Iterator[None]:
    """Put the simulated account's settings in place of the caller's own AWS settings, for a while."""
    before = dict(os.environ)
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        del os.environ[name]
    os.environ.update(values)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)

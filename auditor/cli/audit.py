"""``auditor run``: the whole way from an account to a sealed pack; ``auditor upload``: from the pack into a bucket."""

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from auditor.base.counts import counted
from auditor.base.errors import UsageError
from auditor.base.period import rfc3339
from auditor.cli import printable
from auditor.cli.compare import tell_gate
from auditor.cli.documents import echo_json
from auditor.cli.options import (
    config_of,
    moment_of,
    what_to_judge,
    whom_to_ask,
    with_detail,
    with_formats,
    with_frameworks,
    with_gate,
    with_if_missing,
    with_imports,
    with_lock,
    with_notify,
    with_organization,
    with_upload,
    with_zip,
)
from auditor.cli.telling import (
    causes_of_gaps,
    failing_document,
    tell_code,
    tell_given,
    tell_period,
    tell_results,
    tell_since,
)
from auditor.config import Config
from auditor.pack.outcome import EXIT_MEANING, headline

if TYPE_CHECKING:
    from auditor.deliver.securityhub import Import
    from auditor.model import Results
    from auditor.run import Finished, Progress, Request
    from auditor.run.standing import Standing
    from auditor.run.uploading import Uploaded
    from auditor.seal.manifest import Tool
    from auditor.seal.pack import Sealing

_MOST_REFUSED = 10


@click.command()
@whom_to_ask
@click.option("-o", "--out", metavar="DIR", help="Where packs are written; default: reports.")
@with_formats
@with_zip
@with_detail
@with_gate
@with_imports
@click.option(
    "--securityhub-import",
    is_flag=True,
    default=None,
    help="Send the findings to AWS Security Hub, which writes; see auditor policy --securityhub-import.",
)
@with_upload
@with_if_missing
@with_notify
@click.option(
    "--resume",
    is_flag=True,
    default=None,
    help="Go on with a run of the same settings that was cut off, if there is one.",
)
@with_organization
@what_to_judge
def run(*, as_json: bool, quiet: bool, verbose: bool, **given: Any) -> int:
    """Audit an AWS account, or with --org all of an organization; write an evidence pack, answer with the exit code.

    Without --framework, here and in auditor.yaml, cis-aws-5.0.0 and trail-readiness are audited.

    Credentials and endpoints are the AWS SDK's own: profiles, SSO, web identity, roles, AWS_ENDPOINT_URL.
    """
    as_of = given.pop("as_of")
    config = with_frameworks(config_of(given))
    occasion = Occasion(moment_of(as_of), as_of_given=as_of is not None, as_json=as_json, quiet=quiet, verbose=verbose)
    if config.org or config.accounts:
        from auditor.cli.organization import organize_and_tell

        return organize_and_tell(config, occasion)
    return audit_and_tell(config, occasion)


@dataclass(frozen=True, slots=True, kw_only=True)
class Occasion:
    """When an audit takes place, and how it is told.

    Args:
        as_of: the run's one moment, aware UTC.
        as_of_given: whether somebody named that moment; otherwise it is just now, and a run taken up keeps its own.
        as_json: print one JSON document on stdout, instead of lines.
        quiet: show no progress.
        verbose: show each call and step with its time.
        now: the clock, aware UTC, where it is a simulated one.
        salt: secret of the redactions, where it is not drawn anew.
        tool: the program that the pack names as its maker, where it is not this installation.
    """

    as_of: datetime = field(kw_only=False)
    as_of_given: bool = True
    as_json: bool = False
    quiet: bool = False
    verbose: bool = False
    now: Callable[[], datetime] | None = None
    salt: bytes | None = None
    tool: "Tool | None" = None


def audit_and_tell(config: Config, occasion: Occasion) -> int:
    """Run an audit, say where the pack is and what it says, and return the exit code."""
    from auditor.cli.progress import progress
    from auditor.cli.seal import tell_missing_stamp
    from auditor.run import audit

    as_json, quiet = occasion.as_json, occasion.quiet
    request = request_of(config, occasion)
    if not quiet:
        tell_period(request.period, request.as_of)
    with progress(silent=quiet, verbose=occasion.verbose) as show:
        if config.if_missing and (there := _standing(config, request, occasion.as_of, show)):
            return tell_standing(there, as_json=as_json)
        finished = audit(request, show)
    if finished.left_out:
        click.echo(printable(f"auditor: {finished.left_out}"), err=True)
    if request.sealing is not None:
        tell_missing_stamp(finished.pack)
    _tell_what_went_out(finished, quiet=as_json)
    if as_json:
        echo_json(_document(finished, request))
    else:
        if not quiet:
            _tell(finished)
        tell_code(finished.code, finished.results, config, known=len(finished.gate.known) if finished.gate else 0)
    return finished.code


def _standing(config: Config, request: "Request", as_of: datetime, show: "Progress") -> "Standing | None":
    """Look for a complete pack; what that takes (signatures, buckets) is imported by runs that ask for it only."""
    from auditor.run.standing import standing

    return standing(config, request.period, as_of, show)


def _tell_what_went_out(finished: "Finished", *, quiet: bool) -> None:
    if finished.imported is not None:
        _tell_import(finished.imported, quiet=quiet)
    if finished.uploaded is not None:
        tell_upload(finished.uploaded, quiet=quiet)
    for told in finished.told:
        if told.error:
            click.echo(printable(f"auditor: {told.target} could not be told: {told.error}"), err=True)


def tell_standing(there: "Standing", *, as_json: bool) -> int:
    """Say that there is a complete pack already, and return the exit code that it deserves."""
    if there.uploaded is not None:
        tell_upload(there.uploaded, quiet=as_json)
    if as_json:
        pack = {"schema": "auditor.run/1", "exit_code": there.code, "made": False, "pack": there.place}
        echo_json({**pack, **there.document()})
        return there.code
    click.echo(printable(f"{'pack':<12} {there.place} is there and holds; none was made"))
    click.echo(f"{'manifest':<12} {there.manifest_sha256}")
    click.echo(printable(there.headline))
    click.echo(f"exit code {there.code}: {EXIT_MEANING[there.code]}")
    return there.code


def request_of(config: Config, occasion: Occasion) -> "Request":
    """Return what is asked, by whom it is signed, and the moment of the run that is taken up, if one is."""
    from auditor.run import Request

    options: dict[str, Any] = {"sealing": sealing_in(config), "tool": occasion.tool}
    if occasion.now is not None:
        options["now"] = occasion.now
    if occasion.salt is not None:
        options["salt"] = occasion.salt
    request = Request(config, occasion.as_of, **options)
    return resumed(request, as_of_given=occasion.as_of_given, quiet=occasion.quiet)


def resumed(request: "Request", *, as_of_given: bool, quiet: bool) -> "Request":
    """Let a request go on with a run that was cut off, where the settings ask for that, and say which."""
    from auditor.run import take_up

    if not request.config.resume:
        return request
    found = take_up(request, as_of_given=as_of_given)
    if not quiet:
        words = (
            f"goes on with the run in {found.room}" if found.room else "there is no run to go on with; a new one begins"
        )
        click.echo(printable(f"auditor: {words}"), err=True)
    return found


def _document(finished: "Finished", request: "Request") -> dict[str, Any]:
    return {
        "schema": "auditor.run/1",
        "exit_code": finished.code,
        "made": True,
        "pack": str(finished.pack),
        "pack_id": finished.pack_id,
        "manifest_sha256": finished.manifest_sha256,
        "period": request.period.document(),
        "resumed": [rfc3339(moment) for moment in finished.results.run.resumed],
        "headline": headline(finished.results),
        "counts": finished.results.counts,
        "failing": failing_document(finished.results),
        "since": _since(finished.results),
        "not_assessed": causes_of_gaps(finished.results.gaps),
        "left_out": finished.left_out,
        "zip": str(finished.zip) if finished.zip else None,
        "baseline": finished.gate.document() if finished.gate else None,
        "securityhub_import": finished.imported.document() if finished.imported else None,
        "notified": [told.document() for told in finished.told],
        "upload": finished.uploaded.document() if finished.uploaded else None,
    }


def _since(results: "Results") -> dict[str, Any] | None:
    """Return which pack the run followed and how many findings became what; the whole stands in ``results.json``."""
    names = ("pack_id", "manifest_sha256", "as_of", "counts")
    return {name: results.since[name] for name in names} if results.since else None


def _tell(finished: "Finished") -> None:
    """Say what was found, and where it is."""
    tell_results(finished.results)
    tell_since(finished.results)
    tell_given(finished.results)
    for name in ("report.pdf", "report.html"):
        if (finished.pack / name).exists():
            click.echo(f"{name:<12} {finished.pack / name}")
    click.echo(f"{'pack':<12} {finished.pack}")
    if finished.zip:
        click.echo(f"{'zip':<12} {finished.zip}")
    click.echo(f"{'manifest':<12} {finished.manifest_sha256}")
    click.echo(printable(headline(finished.results)))
    if finished.gate is not None:
        tell_gate(finished.gate)


def _tell_import(imported: "Import", *, quiet: bool) -> None:
    """Say what Security Hub took, and on stderr what it did not take and why."""
    if not quiet:
        click.echo(f"{'Security Hub':<12} {imported.accepted} of {counted(imported.sent, 'finding')} accepted")
    for item in imported.refused[:_MOST_REFUSED]:
        where = f"{item.id} in {item.region}"
        click.echo(printable(f"auditor: Security Hub did not take {where}: {item.code}: {item.message}"), err=True)
    if (more := len(imported.refused) - _MOST_REFUSED) > 0:
        click.echo(f"auditor: nor {more:,} more; all stand in results/securityhub-import.json", err=True)


def tell_upload(uploaded: "Uploaded", *, quiet: bool) -> None:
    """Say what is in the bucket, and on stderr why something is not."""
    new, total = sum(item.new for item in uploaded.objects), len(uploaded.objects)
    if not quiet:
        click.echo(
            printable(f"{'upload':<12} {uploaded.place}: {counted(new, 'file')} put, {total - new} there already")
        )
        click.echo(printable(f"{'record':<12} {uploaded.record}"))
    if uploaded.error:
        click.echo(printable(f"auditor: the upload is not complete: {uploaded.error}"), err=True)


@click.command()
@click.argument("pack", type=click.Path(path_type=Path))
@click.argument("place", metavar="s3://BUCKET/PREFIX")
@with_lock
@click.option("--profile", metavar="NAME", help="Profile of the AWS configuration.")
@click.option("--region", metavar="REGION", help="The bucket's Region; default: the configured one.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout.")
@click.option("-q", "--quiet", is_flag=True, help="No progress.")
def upload(
    pack: Path,
    place: str,
    *,
    object_lock_days: int | None,
    object_lock_mode: str | None,
    profile: str | None,
    region: str | None,
    as_json: bool,
    quiet: bool,
) -> int:
    r"""Put a finished pack into a bucket, or finish an upload that was cut off: what is there stays as it is.

    Each file goes with its SHA-256 and over nothing, the manifest last; S3 is asked afterwards what it holds. A record
    is kept beside the pack. Answers 0 when everything is there, 5 when not.

    \b
    auditor upload reports/111122223333/2026-10/PACK s3://evidence-packs/aws
    """
    from auditor.cli.progress import progress
    from auditor.run.uploading import destination_of, upload_again

    given = {"upload": place, "object_lock_days": object_lock_days, "object_lock_mode": object_lock_mode}
    config = config_of({**given, "profile": profile, "region": region, "config_file": Path(os.devnull)})
    where = destination_of(config)
    if where is None:
        raise UsageError("the place is empty", hint="such as s3://evidence-packs/aws")
    with progress(silent=quiet or as_json) as show:
        uploaded = upload_again(pack, where, config, lambda done, total: show("Upload", done, total))
    code = 5 if uploaded.error else 0
    tell_upload(uploaded, quiet=as_json)
    if as_json:
        echo_json({"schema": "auditor.upload-answer/1", "exit_code": code, "pack": str(pack), **uploaded.document()})
    return code


def sealing_in(config: Config) -> "Sealing | None":
    """Return how the settings want packs to be signed; None for not at all.

    Raises:
        IdentityError: a key or certificate cannot be used.
        SealError: AWS KMS does not let the key be used.
    """
    from auditor.cli.seal import sealing_of

    signing = config.signing
    options: dict[str, Any] = {
        "key": Path(signing.key) if signing.key else None,
        "kms_key": signing.kms_key or None,
        "certificate": Path(signing.certificate) if signing.certificate else None,
        "tsa": signing.tsa or None,
        "tsa_ca": Path(signing.tsa_ca) if signing.tsa_ca else None,
        "tsa_optional": signing.tsa_optional,
        "no_pdf_signature": False,
        "profile": config.profile or None,
        "region": config.region or None,
    }
    return sealing_of(options, at=datetime.now(UTC))

"""``auditor seal``, ``auditor verify`` and ``auditor keygen``."""

import json
import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from auditor.base.counts import counted
from auditor.base.errors import IdentityError, UsageError
from auditor.base.whole import refuse_sealed
from auditor.cli import printable
from auditor.cli.documents import echo_json
from auditor.cli.files import for_writing

if TYPE_CHECKING:  # cryptography takes 80 ms to import; it is when a command runs
    from cryptography.x509 import Certificate

    from auditor.seal.pack import Sealing
    from auditor.seal.report import Rechecked, VerifyReport
    from auditor.seal.signer import Identity, Signer
    from auditor.seal.verify import Recheck
    from auditor.seal.wanted import Wanted

PASSWORD_VARIABLE = "AUDITOR_KEY_PASSWORD"  # noqa: S105 - where the password is, not what it is
KEY_FILE = "signing-key.pem"
CERTIFICATE_FILE = "signing-certificate.pem"

_MARKS = {"pass": "ok", "fail": "FAILED", "skipped": "-", "unknown": "not checked"}
_MOST_FINDINGS = 50
_PATH = click.Path(path_type=Path)


@click.command()
@click.argument("pack", type=_PATH)
@click.option("--key", type=_PATH, metavar="FILE", help="Private key: PEM or PKCS #12.")
@click.option("--kms-key", metavar="ID", help="AWS KMS key that signs; needs --certificate.")
@click.option("--profile", metavar="NAME", help="Profile of the AWS configuration, for --kms-key.")
@click.option("--region", metavar="REGION", help="Region of --kms-key.")
@click.option("--certificate", type=_PATH, metavar="FILE", help="Certificate and its issuers, PEM.")
@click.option("--tsa", metavar="URL", help="Time-stamping service (RFC 3161).")
@click.option("--tsa-ca", type=_PATH, metavar="FILE", help="Certificates that the service publishes, PEM.")
@click.option("--tsa-optional", is_flag=True, help="Seal without a time stamp, and say so, when the service fails.")
@click.option("--no-pdf-signature", is_flag=True, help="Leave report.pdf without a signature of its own.")
@click.option("--zip", "zip_file", type=_PATH, metavar="FILE", help="Write the sealed pack as one zip too.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def seal(pack: Path, *, zip_file: Path | None, as_json: bool, **options: Any) -> int:
    """Sign a finished pack, with a time stamp if asked for; without a key, write its checksums anew.

    The password of an encrypted key is taken from AUDITOR_KEY_PASSWORD or asked for.
    """
    from auditor.seal.archive import pack_zip
    from auditor.seal.pack import reseal_pack

    if not pack.is_dir():
        raise UsageError(f"there is no folder {pack}", hint="a zip is sealed by sealing its folder")
    if zip_file is not None and zip_file.resolve().is_relative_to(pack.resolve()):
        raise UsageError(f"{zip_file} lies inside the pack", hint="a pack holds nothing that its checksums do not list")
    for_writing(zip_file)
    record = reseal_pack(pack, sealing_of(options, at=datetime.now(UTC)))
    if zip_file is not None:
        pack_zip(pack, zip_file)
    if as_json:
        echo_json({"exit_code": 0, "pack": str(pack), "zip": str(zip_file) if zip_file else None, **record})
    else:
        _print_record(pack, record)
    tell_missing_stamp(pack)
    return 0


def tell_missing_stamp(pack: Path) -> None:
    """Say on stderr when a pack was sealed without the time stamp that was asked for."""
    stamp = json.loads((pack / "trust" / "seal.json").read_bytes())["timestamp"]
    if stamp is not None and stamp["status"] != "requested":
        click.echo(printable(f"auditor: NOT time-stamped: {stamp['reason']}"), err=True)


def sealing_of(options: Mapping[str, Any], *, at: datetime) -> "Sealing | None":
    """Return how to sign, from the options of a command; None when no key is named.

    Raises:
        UsageError: the options contradict each other, or name a file that is not there.
        IdentityError: a key or certificate cannot be used.
        SealError: AWS KMS does not let the key be used.
    """
    for name in ("key", "certificate", "tsa_ca"):
        if options[name] is not None and not options[name].exists():
            option = name.replace("_", "-")
            raise UsageError(
                f"there is no file {options[name]}", hint=f"named by --{option}, or by signing.{name} in auditor.yaml"
            )
    signer = _signer(options, at)
    if signer is None:
        if options["tsa"] or options["certificate"]:
            raise UsageError("--tsa and --certificate go with a key", hint="name it with --key or --kms-key")
        return None
    if bool(options["tsa"]) != bool(options["tsa_ca"]):
        raise UsageError(
            "--tsa and --tsa-ca go together", hint="a time stamp that nobody can check later is worth nothing"
        )
    from auditor.seal.pack import Sealing

    tsa = None
    if options["tsa"]:
        from auditor.seal.signer import load_certificates
        from auditor.seal.timestamp import Tsa

        tsa = Tsa(options["tsa"], load_certificates(options["tsa_ca"]), required=not options["tsa_optional"])
    return Sealing(signer, at, tsa, sign_pdf=not options["no_pdf_signature"])


def _signer(options: Mapping[str, Any], at: datetime) -> "Signer | None":
    if options["key"] and options["kms_key"]:
        raise UsageError("--key and --kms-key exclude each other")
    if options["kms_key"]:
        from auditor.seal.kms import open_signer

        if options["certificate"] is None:
            raise UsageError("--kms-key needs --certificate", hint="`auditor keygen --kms-key` makes a self-signed one")
        return open_signer(
            options["kms_key"],
            certificate_file=options["certificate"],
            at=at,
            profile=options["profile"],
            region=options["region"],
        )
    if options["key"]:
        from auditor.seal.signer import load_signer

        return load_signer(options["key"], at=at, certificate_file=options["certificate"], password=_password)
    return None


def _password() -> bytes:
    if (given := os.environ.get(PASSWORD_VARIABLE)) is not None:
        return given.encode()
    if not sys.stdin.isatty():
        raise IdentityError("the signing key is encrypted", hint=f"set {PASSWORD_VARIABLE}")
    return str(click.prompt("Password of the signing key", hide_input=True, err=True)).encode()


def _print_record(pack: Path, record: Mapping[str, Any]) -> None:
    signature, stamp, pdf = record["signature"], record["timestamp"], record["pdf"]
    if signature is None:
        click.echo(printable(f"{pack}: checksums written, not signed"))
        return
    click.echo(printable(f"{pack}: signed by {signature['subject']}, {signature['algorithm']}"))
    click.echo(f"  certificate SHA-256 {signature['sha256']}, valid until {signature['not_after']}")
    if stamp is not None and stamp["status"] == "requested":
        click.echo(printable(f"  time-stamped by {stamp['url']}"))
    if pdf is not None:
        click.echo(printable(f"  report.pdf signed, PAdES {pdf['level']}{pdf['note'] and '; '}{pdf['note']}"))


@click.command()
@click.argument("pack", type=_PATH)
@click.option(
    "--trust",
    type=_PATH,
    multiple=True,
    metavar="FILE",
    help="Certificates, PEM, that vouch for signers; repeatable. The pack has to be signed.",
)
@click.option(
    "--trust-tsa",
    type=_PATH,
    multiple=True,
    metavar="FILE",
    help="Certificates, PEM, that vouch for time-stamping services alone; default: those of --trust.",
)
@click.option(
    "--signer",
    metavar="FILE|SHA256|SUBJECT",
    help="Who has to have signed: certificate, its fingerprint, or a name for which --trust vouches.",
)
@click.option("--previous", type=_PATH, metavar="PACK", help="The pack that this one has to follow.")
@click.option("--replay", is_flag=True, help="Derive everything again from evidence and rules, and compare.")
@click.option("--quick", is_flag=True, help="With --replay: leave out the digests of the trails.")
@click.option("--check-keys", is_flag=True, help="Ask CloudTrail, from any account, for the keys of the digests.")
@click.option("--profile", metavar="NAME", help="Profile of the AWS configuration, for --check-keys.")
@click.option(
    "--members",
    type=_PATH,
    metavar="DIR",
    help="Of an assembled pack: look below DIR for the packs that it consists of, and check each.",
)
@click.option("--digests", is_flag=True, help="Verify the digests again with the keys in the pack, and compare.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def verify(
    pack: Path,
    *,
    trust: tuple[Path, ...],
    trust_tsa: tuple[Path, ...],
    signer: str | None,
    previous: Path | None,
    replay: bool,
    quick: bool,
    members: Path | None,
    digests: bool,
    check_keys: bool,
    profile: str | None,
    as_json: bool,
) -> int:
    """Check a pack, folder or zip, that somebody else made. Needs no network, except for --check-keys.

    Answers 0 when everything holds, 4 when something does not, 3 when something could not be checked.
    """
    from auditor.seal.verify import Demands, verify_pack

    demands = Demands(
        at=datetime.now(UTC).replace(microsecond=0),
        trusted=certificates(trust),
        trusted_tsa=certificates(trust_tsa),
        wanted=_wanted(signer) if signer else None,
        previous=previous,
        recheck_trail=_verify_digests() if digests or (replay and not quick) else None,
        replay=_derive_again() if replay else None,
        check_keys=_ask_for_keys(profile) if check_keys else None,
        members=_find_members(members, replay=replay) if members else None,
        handed_on=_hold_what_was_handed_on(),
    )
    report = verify_pack(pack, demands)
    if as_json:
        echo_json(report.document())
    else:
        _print_report(report)
    return report.exit_code


def certificates(paths: Sequence[Path]) -> "tuple[Certificate, ...]":
    """Return the certificates of some files.

    Raises:
        IdentityError: one cannot be read.
    """
    from auditor.seal.signer import load_certificates

    return tuple(certificate for path in paths for certificate in load_certificates(path))


def _wanted(signer: str) -> "Wanted":
    from auditor.seal.wanted import wanted_by, wanted_of

    return wanted_of(*certificates([Path(signer)])[:1]) if _names_a_file(signer) else wanted_by(signer)


def _names_a_file(signer: str) -> bool:
    """Say whether a certificate's file is meant, there or not: a subject has ``=`` in it, or no place and ending."""
    path = Path(signer)
    return path.is_file() or ("=" not in signer and ("/" in signer or path.suffix in {".pem", ".crt", ".cer", ".der"}))


def _derive_again() -> "Recheck":
    from auditor.org.replaying import replay_any

    return replay_any


def _find_members(folder: Path, *, replay: bool) -> "Recheck":
    from auditor.run.reassembling import recheck_members

    return recheck_members(folder, _derive_again() if replay else None)


def _ask_for_keys(profile: str | None) -> "Recheck":
    from auditor.run.keychecking import check_keys, session_of

    session = session_of(profile)
    return lambda pack: check_keys(pack, session)


def _hold_what_was_handed_on() -> "Recheck":
    def recheck(pack: Path) -> "Rechecked":
        from auditor.org.handing import recheck_handed_on  # judging is read in for an organization's pack only

        return recheck_handed_on(pack)

    return recheck


def _verify_digests() -> "Recheck":
    from auditor.run.rechecking import recheck_digests

    return recheck_digests


def _print_report(report: "VerifyReport") -> None:
    click.echo(printable(f"{report.pack}: {report.pack_id or 'pack without a readable manifest'}"))
    for check in report.checks:
        click.echo(printable(f"  {_MARKS[check.outcome]:<11}  {check.name:<13}  {check.message}"))
    for finding in report.findings[:_MOST_FINDINGS]:
        click.echo(printable(f"  {finding.kind}: {finding.path} {finding.message}"))
    if (more := len(report.findings) - _MOST_FINDINGS) > 0:
        click.echo(f"  and {counted(more, 'more finding')}; --json lists all of them")
    for item in report.notices:
        click.echo(f"  to know       {item}")
    if report.not_derivable:
        click.echo("Taken from the run that made the pack, because nothing in the pack shows it:")
        for item in report.not_derivable:
            click.echo(f"  {item}")
    click.echo(
        {
            "pass": "The pack holds.",
            "fail": "The pack does NOT hold.",
            "incomplete": "Nothing objectionable was found, but not everything could be checked.",
        }[report.verdict]
    )


@click.command()
@click.option("--name", required=True, metavar="NAME", help="Who signs; stands in the certificate.")
@click.option("-o", "--out", type=_PATH, default=Path(), metavar="DIR", help="Where the files go; default: here.")
@click.option("--days", type=click.IntRange(1, 36500), default=730, show_default=True, help="Days of validity.")
@click.option("--rsa", "use_rsa", is_flag=True, help="RSA 3072 instead of ECDSA P-256.")
@click.option("--no-password", is_flag=True, help="Leave the key readable to whoever can read the file.")
@click.option("--kms-key", metavar="ID", help="Make only a certificate, for a key that stays in AWS KMS.")
@click.option("--profile", metavar="NAME", help="Profile of the AWS configuration, for --kms-key.")
@click.option("--region", metavar="REGION", help="Region of --kms-key.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def keygen(name: str, *, out: Path, days: int, as_json: bool, **options: Any) -> int:
    """Make a self-signed signing identity, for people without a public-key infrastructure.

    Such a signature shows that a pack comes from whoever holds the key. Who that is, others only know when they got the
    certificate's fingerprint from you by another way than the pack.
    """
    if out.exists() and not out.is_dir():
        raise UsageError(f"--out: {out} is no folder")
    refuse_sealed(out)
    identity = _new_identity(name, days, options)
    out.mkdir(parents=True, exist_ok=True)
    files = {CERTIFICATE_FILE: identity.certificate}
    if identity.key:
        files[KEY_FILE] = identity.key
    for file_name in files:
        if (out / file_name).exists():
            raise UsageError(
                f"{out / file_name} is there already; a key is not written over", hint="choose another --out"
            )
    _write_new({out / file_name: data for file_name, data in files.items()})
    if as_json:
        paths = {kind: str(out / kind) for kind in files}
        made = {"files": sorted(paths.values()), "certificate_sha256": identity.sha256}
        echo_json({"schema": "auditor.keygen/1", "exit_code": 0, **made})
        return 0
    for file_name in files:
        click.echo(printable(f"{out / file_name}"))
    click.echo(f"certificate SHA-256 {identity.sha256}")
    click.echo(
        "Nobody but you vouches for this identity. Hand the certificate or its SHA-256 to those who will check your\n"
        "packs, by a way that they trust; a certificate from your own CA is worth more."
    )
    return 0


def _new_identity(name: str, days: int, options: Mapping[str, Any]) -> "Identity":
    from auditor.seal.signer import make_identity

    now = datetime.now(UTC)
    if options["kms_key"]:
        from auditor.seal.kms import make_certificate

        return make_certificate(
            options["kms_key"], name, at=now, days=days, profile=options["profile"], region=options["region"]
        )
    password = None if options["no_password"] else _new_password()
    return make_identity(name, at=now, days=days, use_rsa=options["use_rsa"], password=password)


def _new_password() -> bytes:
    if given := os.environ.get(PASSWORD_VARIABLE):
        return given.encode()
    if not sys.stdin.isatty():
        raise UsageError("there is no password for the new key", hint=f"set {PASSWORD_VARIABLE} or use --no-password")
    asked = click.prompt("Password for the new key", hide_input=True, confirmation_prompt=True, err=True)
    return str(asked).encode()


def _write_new(files: Mapping[Path, bytes]) -> None:
    """Write files that only their owner can read, never over another one: all of them or none."""
    with ExitStack() as undo:
        for path, data in files.items():
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            undo.callback(path.unlink)
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
        undo.pop_all()

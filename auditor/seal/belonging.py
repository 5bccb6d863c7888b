"""Whether the pack of an account inside that of an organization belongs there: named by it, and of the very same run.

A pack of the same account that another run made is a whole pack; only what both state of their run tells them apart.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from auditor.base.errors import IntegrityError
from auditor.pack.layout import ORGANIZATION
from auditor.pack.presentation import PRESENTATION
from auditor.seal.contents import Limits, read_small
from auditor.seal.manifest import MANIFEST, ORDER, RULES, AccountPack, Manifest
from auditor.seal.manifest_form import parse_manifest
from auditor.seal.parts import Part
from auditor.seal.report import Finding, VerifyReport

_APART: Final = frozenset({f"{RULES}{ORGANIZATION}", f"{RULES}{PRESENTATION}"})
"""Files among the rules that judge nothing and may be others in the pack of an account."""


def belonging(
    part: Part, member: AccountPack, report: VerifyReport, whole: Manifest, limits: Limits
) -> Iterator[Finding]:
    """Yield what speaks against the pack of an account being a part of that of the organization.

    Args:
        part: its files.
        member: what the organization's manifest says of it.
        report: what came of verifying it.
        whole: the organization's manifest.
        limits: how much is read.
    """
    place = f"{member.folder}{MANIFEST}"
    if (report.pack_id, report.manifest_sha256) != (member.pack_id, member.manifest_sha256):
        yield Finding("accounts", "mismatch", place, f"is another pack than the one that {MANIFEST} names")
    try:
        manifest = parse_manifest(read_small(part, MANIFEST, limits), limits)
    except IntegrityError:
        return  # said by the report
    drawn_up = {entry.sha256 for entry in whole.files if entry.path == ORDER}
    if manifest.part_of is None or {manifest.part_of.accounts_sha256} != drawn_up:
        yield Finding("accounts", "mismatch", place, f"does not name this {ORDER} as the list that it is a part of")
    if [str(item.get("id")) for item in manifest.document["scope"].get("accounts", ())] != [member.account]:
        yield Finding("accounts", "mismatch", place, f"is not about account {member.account} alone")
    if _moment(manifest) != _moment(whole):
        yield Finding("accounts", "mismatch", place, "is of another run: another moment, period or set of frameworks")
    if _rules(manifest) != _rules(whole):
        yield Finding("accounts", "mismatch", place, "was judged by other rules than those of the organization's pack")


def _moment(manifest: Manifest) -> tuple[Any, ...]:
    document = manifest.document
    return document["scope"]["as_of"], document["period"], document["frameworks"]


def _rules(manifest: Manifest) -> Mapping[str, str]:
    return {
        entry.path: entry.sha256
        for entry in manifest.files
        if entry.path.startswith(RULES) and entry.path not in _APART
    }

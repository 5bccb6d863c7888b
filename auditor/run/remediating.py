"""Remedies for a pack: it is verified, read, and what would close its findings is written as files. Applies nothing."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from auditor.base.errors import IntegrityError, UsageError
from auditor.base.scratch import scratch_folder
from auditor.base.suggest import meant
from auditor.base.untrusted import parse_json
from auditor.base.whole import refuse_sealed, unfinished
from auditor.evidence.store import Evidence
from auditor.pack.layout import EVIDENCE, RESULTS, RULES
from auditor.remedy.files import Form, files
from auditor.remedy.proposal import Proposal, findings, propose
from auditor.run.judging import open_rules
from auditor.seal.archive import open_pack, unpack
from auditor.seal.verify import Demands, verify_pack


def remediate(
    pack: Path, out: Path, form: Form, controls: Sequence[str] = (), *, now: datetime | None = None
) -> Proposal:
    """Write remedies for the failed results of a pack.

    Args:
        pack: folder or zip.
        out: a folder that is not there yet.
        form: what the changes are written as.
        controls: only these; empty means all.
        now: when the pack is verified.

    Raises:
        UsageError: there is no pack, a control is not in it, or ``out`` is there or inside a pack.
        IntegrityError: the pack does not hold: nothing is proposed on what nobody vouches for.
    """
    refuse_sealed(out)
    if out.exists():
        raise UsageError(f"--out: {out} is there already", hint="name a folder that is not there yet")
    report = verify_pack(pack, Demands(at=now or datetime.now(UTC).replace(microsecond=0)))
    if report.verdict == "fail":
        raise IntegrityError(
            f"{pack} does not hold, so no change is proposed from it",
            hint=f"`auditor verify {pack}` says what is wrong",
        )
    with _folder(pack) as folder:
        proposal = _propose(folder, report.pack_id, controls)
        written = files(proposal, form)
    with unfinished(out.parent) as draft:
        for name, text in written.items():
            target = draft / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text, encoding="utf-8", newline="\n")
            if name.endswith(".sh"):
                target.chmod(0o755)
        draft.chmod(0o755)
        draft.rename(out)
    return proposal


@contextmanager
def _folder(pack: Path) -> Iterator[Path]:
    """Give the pack as a folder; a zip is unpacked for as long as it is read."""
    if pack.is_dir():
        yield pack
        return
    with scratch_folder("pack") as place, open_pack(pack) as content:
        unpack(content, place)
        yield place


def _propose(folder: Path, pack_id: str, controls: Sequence[str]) -> Proposal:
    rules = open_rules(folder / RULES)
    try:
        document = parse_json((folder / RESULTS).read_bytes())
        judged = [str(item["id"]) for item in document["controls"]]
        parameters = {name: control.parameters for name, control in rules.catalog.controls.items()}
        found = findings(document, parameters)
        as_of = str(document["run"]["as_of"])
    except (KeyError, TypeError, ValueError, OSError) as error:
        raise IntegrityError(f"{RESULTS} cannot be read: {error}") from error
    for name in controls:
        if name not in judged:
            hint = meant(name, judged, "`auditor controls list` names all of them")
            raise UsageError(f"--control names {name!r}, which this pack does not judge", hint=hint)
    return propose(found, Evidence(folder / EVIDENCE), pack_id=pack_id, as_of=as_of, controls=controls)

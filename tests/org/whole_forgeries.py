"""Forgeries of the organization's own part of a signed pack, by the preparer, who makes every hash right and signs."""

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from auditor.base.canonical import sha256_hex
from auditor.config import Config
from auditor.evidence.store import Evidence
from auditor.org.accounts import listing_of
from auditor.org.pack import RolledUp, choice_in, material_of, order_bytes, read_document, said_of
from auditor.org.running import _complete
from auditor.pack.layout import EVIDENCE, RESULTS, RULES
from auditor.pack.presentation import PRESENTATION
from auditor.render import organization
from auditor.run import Request, complete, load_rules
from auditor.run.again import presentation_in
from auditor.run.deriving import branding_of
from auditor.run.publishing import presentation_of
from auditor.seal.manifest import HTML, MANIFEST, PDF, SEAL_RECORD
from auditor.seal.manifest_form import parse_manifest
from auditor.seal.pack import Sealing
from tests.org.test_run import AS_OF, CONTROLS
from tests.seal.forgeries import SEALING, STRANGER, text
from tests.seal.forging import edited, reseal, rewrite_manifest

Change = Callable[[Path], object]
ONE, OTHER = "210000000002", "210000000004"
"""Two accounts that were assessed."""
SUSPENDED = "210000000010"
"""One that nobody could enter."""


@dataclass(frozen=True, slots=True)
class Forgery:
    """One row.

    Args:
        id: of the test.
        what: is changed, for the page.
        change: does it.
        found: the check of ``auditor verify --replay --trust ca.pem`` that finds it.
        file: that a finding names.
        anew: whether the roll-up, its tables and pages are made again from what was changed.
        sealing: who signs what came of it.
    """

    id: str
    what: str
    change: Change
    found: str
    file: str
    anew: bool = False
    sealing: Sealing = SEALING

    def apply(self, pack: Path) -> None:
        """Forge a copy of the signed pack."""
        self.change(pack)
        if self.anew:
            made_again(pack, self.sealing)
        else:
            rewrite_manifest(pack)
            reseal(pack, self.sealing)


def signed(pack: Path, folder: Path, formats: tuple[str, ...]) -> Path:
    """Return a copy of an organization's pack with these pages and tables of its own, signed."""
    shutil.copytree(pack, folder)
    (folder / RULES / PRESENTATION).write_bytes(presentation_of(_config(folder, formats), SEALING).data())
    made_again(folder, SEALING)
    return folder


def made_again(folder: Path, sealing: Sealing) -> None:
    """Take away what is derived, and derive it from what is there."""
    kept = {"accounts", EVIDENCE, RULES, "replay.txt"}
    formats = presentation_in(folder).formats
    for path in folder.iterdir():
        if path.name not in kept:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    request = Request(_config(folder, formats), AS_OF, now=lambda: AS_OF, sealing=sealing)
    _complete(request, RolledUp(folder, material_of(folder)), lambda *_: None)


def _config(folder: Path, formats: tuple[str, ...]) -> Config:
    settings = {"control_ids": CONTROLS, "regions": ["eu-central-1"], "period": "2026-10", "formats": list(formats)}
    return Config.model_validate({"org": True, **settings, "out": str(folder)})


def _exchanged(pack: Path) -> None:
    one, other, aside = (pack / "accounts" / name for name in (ONE, OTHER, "aside"))
    one.rename(aside)
    other.rename(one)
    aside.rename(other)


def listed(account: str, **members: object) -> Change:
    """Change an account in the answer of Organizations, or take it out, and draw the list up again."""

    def apply(pack: Path) -> None:
        meta = next(
            path
            for path in sorted((pack / EVIDENCE / "meta").glob("*.json"))
            if orjson.loads(path.read_bytes())["operation"] == "organizations:ListAccounts"
        )
        raw = pack / EVIDENCE / orjson.loads(meta.read_bytes())["path"]
        edited(raw, lambda held: _changed(held["pages"], account, members))
        edited(meta, lambda document: document.update(sha256=sha256_hex(raw.read_bytes())))
        _drawn_up(pack)

    return apply


def _changed(pages: list[dict[str, Any]], account: str, members: Mapping[str, object]) -> None:
    page = next(page for page in pages if any(item["Id"] == account for item in page["Accounts"]))
    item = next(item for item in page["Accounts"] if item["Id"] == account)
    item.update(members)
    if not members:
        page["Accounts"].remove(item)


def _drawn_up(pack: Path) -> None:
    choice = choice_in(read_document(pack / RULES / "organization.json"))
    listing = listing_of(said_of(Evidence(pack / EVIDENCE)))
    (pack / EVIDENCE / "accounts.json").write_bytes(order_bytes(listing, choice))


def _left_out(account: str, *, drawn_up: bool) -> Change:
    """Say that a filter left the account out, and take its pack away."""

    def apply(pack: Path) -> None:
        kept = {"text": account, "kept": account}
        edited(pack / RULES / "organization.json", lambda document: document["choice"]["exclude"].append(kept))
        shutil.rmtree(pack / "accounts" / account)
        if drawn_up:
            _drawn_up(pack)

    return apply


def _forgotten(pack: Path) -> None:
    listed(ONE)(pack)
    shutil.rmtree(pack / "accounts" / ONE)


def _part_of_nothing(pack: Path) -> None:
    """Take out of one account's pack what it says of the run that it is a part of, and derive all of it again."""
    member = pack / "accounts" / ONE
    edited(member / EVIDENCE / "scope.json", lambda document: document.pop("part_of"))
    for path in member.iterdir():
        if path.name not in {EVIDENCE, RULES}:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    complete(member, load_rules(_config(pack, ("html", "csv"))), lambda *_: None)


def _one_cell_met(pack: Path) -> tuple[dict[str, Any], organization.Stated]:
    """Return the roll-up with one cell changed, and what its pages say of the pack."""
    document = orjson.loads((pack / RESULTS).read_bytes())
    row = next(row for row in document["controls"] if "F" in row["cells"])
    row["cells"] = row["cells"].replace("F", "P", 1)
    manifest = parse_manifest((pack / MANIFEST).read_bytes())
    presentation = presentation_in(pack)
    about = organization.Stated(
        sha256_hex((pack / MANIFEST).read_bytes()),
        manifest.pack_id,
        branding_of(presentation),
        manifest.tool.words,
        presentation.signer,
    )
    return document, about


def _page(pack: Path) -> None:
    (pack / HTML).write_bytes(organization.screen(*_one_cell_met(pack)))


def _paper(pack: Path) -> None:
    (pack / PDF).write_bytes(organization.paper(*_one_cell_met(pack)))
    (pack / SEAL_RECORD).unlink()  # it knows the PDF that was signed before


def _matrix(pack: Path) -> None:
    (pack / "results/matrix.csv").write_bytes(organization.tables(_one_cell_met(pack)[0])["matrix.csv"])


TABLE = (
    Forgery("exchanged", "the packs of two accounts exchanged", _exchanged, "accounts", f"accounts/{ONE}/manifest.json",
            anew=True),
    Forgery("forgotten", "an account taken out of the list, and its pack away", _forgotten, "accounts",
            f"accounts/{OTHER}/manifest.json", anew=True),
    Forgery("made-active", "the state of a suspended account, made an active one", listed(SUSPENDED, State="ACTIVE"),
            "accounts", f"accounts/{ONE}/manifest.json", anew=True),
    Forgery("joined", "when an account joined", listed(ONE, JoinedTimestamp="2026-10-05T00:00:00Z"), "accounts",
            f"accounts/{ONE}/manifest.json", anew=True),
    Forgery("left-out", "a filter that leaves an account out, its pack taken away", _left_out(ONE, drawn_up=True),
            "accounts", f"accounts/{OTHER}/manifest.json", anew=True),
    Forgery("left-out-later", "the same, the list as it was drawn up", _left_out(ONE, drawn_up=False), "replay",
            "evidence/accounts.json", anew=True),
    Forgery("part-of-nothing", "the pack of an account, made that of a run of its own", _part_of_nothing, "accounts",
            f"accounts/{ONE}/manifest.json", anew=True),
    Forgery("page", "one cell of the matrix, in the page alone", _page, "replay", "report.html"),
    Forgery("paper", "one cell of the matrix, in the PDF alone", _paper, "replay", "report.pdf"),
    Forgery("matrix", "one cell of the matrix, in its CSV alone", _matrix, "replay", "results/matrix.csv"),
    Forgery("state", "the state of an account, in the CSV of accounts alone",
            text("results/accounts.csv", ",SUSPENDED,", ",ACTIVE,"), "replay", "results/accounts.csv"),
    Forgery("signer", "nothing, and signed by somebody else", lambda _: None, "certificate", "SHA256SUMS.p7s",
            anew=True, sealing=STRANGER),
)  # fmt: skip


def table() -> str:
    """Return the rows as the documentation has them."""
    rows = [f"| {row.what} | `{row.found}` fails |" for row in TABLE]
    return (
        "\n".join(["| what is changed in the whole | `auditor verify --replay --trust ca.pem` |", "|---|---|", *rows])
        + "\n"
    )

"""Twelve months as one pack: members are verified and read, joined, drawn and sealed."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from auditor.base.counts import counted
from auditor.base.errors import UsageError
from auditor.base.period import Period, parse_period
from auditor.base.suggest import all_of
from auditor.base.whole import check_writable, unfinished
from auditor.config import Config
from auditor.model import AccountScope, RunInfo, Sampling
from auditor.pack.assembled import ASSEMBLY, request_data
from auditor.pack.assembly import Assembly
from auditor.pack.layout import RESULTS, RULES
from auditor.pack.months import Asked, MonthPack, check_packs
from auditor.pack.presentation import PAGES, PRESENTATION, Presentation
from auditor.pack.runs import month_of
from auditor.pack.told import Told
from auditor.render import assembly as pages
from auditor.run.building import this_build
from auditor.run.chronicle import places
from auditor.run.deriving import branding_of
from auditor.run.members import verified_pack
from auditor.run.publishing import presentation_of, put
from auditor.run.request import Progress
from auditor.seal.contents import SUMS
from auditor.seal.manifest import ACCOUNTS, HTML, MANIFEST, PDF, Manifest, ManifestInfo, Tool
from auditor.seal.pack import Sealing, seal_pack
from auditor.seal.verify import Demands

_LONGEST = 300
_JOINED = (f"{RULES}/{ASSEMBLY}", ACCOUNTS.rstrip("/"))
"""What packs hold that consist of others."""


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be assembled.

    Args:
        packs: packs, or folders below which packs lie.
        config: out, entity, pages and branding.
        formats: the pages that were asked for; none for those of the settings.
        period: whole months as ``--period`` takes them; empty for all that the packs are about.
        newest: whether the newest complete pack speaks for a month of which there are several.
        sampling: for the auditor; None for no sample.
        as_of: the moment of assembling, aware UTC.
        demands: what is asked of each pack.
        sealing: who signs; None leaves the pack unsigned.
        tool: the program that the pack names as its maker; None for this installation.
    """

    packs: tuple[Path, ...]
    config: Config
    as_of: datetime
    demands: Demands
    formats: tuple[str, ...] = ()
    period: str = ""
    newest: bool = False
    sampling: Sampling | None = None
    sealing: Sealing | None = None
    tool: Tool | None = None


@dataclass(frozen=True, slots=True)
class Assembled:
    """What assembling left behind.

    Args:
        pack: the finished folder.
        assembly: what it says.
        manifest_sha256: printed on every page.
        left_out: ids of packs that were given and are about no month of the period.
    """

    pack: Path
    pack_id: str
    assembly: Assembly
    manifest_sha256: str
    left_out: tuple[str, ...]


@dataclass(frozen=True)
class Joined(Told):
    """Members and what follows from them."""

    assembly: Assembly

    def derived(self) -> Mapping[str, Any]:
        """Return the results document."""
        return self.assembly.document()

    def info(self, tool: Tool) -> ManifestInfo:
        """Return what the manifest says beside what it reads from the files."""
        asked, packs = self.assembly.asked, self.assembly.packs
        name = self.name(asked.as_of)
        regions = {
            account: frozenset().union(*(item.run.regions[account] for item in packs))
            for account in self.assembly.accounts
        }
        there = sum(month.taken is not None for month in self.assembly.months)
        return ManifestInfo(
            pack_id=name,
            report_id=name,
            run=RunInfo(
                entity=asked.entity,
                title=asked.title,
                accounts=tuple(
                    AccountScope(account, "", tuple(sorted(found))) for account, found in sorted(regions.items())
                ),
                period=asked.period,
                as_of=asked.as_of,
                started=asked.as_of,
                ended=asked.as_of,
                frameworks=tuple(item["id"] for item in self.document["frameworks"]),
                principal="",
                tool=f"{tool.name} {tool.version}",
            ),
            tool=tool,
            ruleset=("auditor-assembly", tool.version),
            planned=len(self.assembly.months),
            done=there,
            counts=self.document["counts"],
            sampling=self.document["sampling"] or {},
            members=tuple(item.member for item in self.assembly.packs),
        )

    def texts(self, _pack: Path) -> Iterator[tuple[str, bytes]]:
        """Yield the files that follow from what was asked."""
        yield f"{RULES}/{ASSEMBLY}", request_data(self.assembly.asked)

    def exports(self, _presentation: Presentation, _version: str) -> Iterable[tuple[str, Iterable[bytes]]]:
        """Return nothing: the members have their own."""
        return ()

    def pages(self, presentation: Presentation, manifest: Manifest, progress: Progress) -> Iterator[tuple[str, bytes]]:
        """Yield the pages with their paths."""
        view = pages.view(
            self.document,
            tuple(item.member for item in self.assembly.packs),
            manifest_hash=manifest.sha256,
            report_id=manifest.pack_id,
            branding=branding_of(presentation),
            signer=presentation.signer,
            tool=manifest.tool.words,
        )
        if "html" in presentation.pages:
            progress("Render HTML", 0, 0)
            yield HTML, pages.render_html(view)
        if "pdf" in presentation.pages:
            progress("Render PDF", 0, 0)
            yield PDF, pages.render_pdf(view, self.data)


def assemble(order: Order, show: Callable[[str, int, int, str], None]) -> Assembled:
    """Assemble packs and leave a new one below account and period.

    Raises:
        UsageError: the packs cannot be joined.
        IntegrityError: one of them does not hold.
        RenderError: the PDF cannot be made here.
    """
    out = Path(order.config.out)
    presentation = _presentation(order)
    check_writable(out)
    given = _expanded(order.packs)
    found: dict[str, tuple[MonthPack, dict[str, bytes]]] = {}
    packs, left_out = [], []
    for number, (path, named) in enumerate(given, start=1):
        item, kept = verified_pack(path, order.demands)
        if not item.run.months and not named:
            left_out.append(item.member.id)
            continue
        packs.append(item)
        found[item.member.id] = (item, kept)
        show("Verify packs", number, len(given), path.name)
    period = _period(order, packs)
    inside = [item for item in packs if item.run.start < period.end and item.run.end > period.start]
    for item in inside:
        if item.run.start < period.start or item.run.end > period.end:
            raise UsageError(f"{item.member.id} is about {item.run.label}, which is only in part in {period.label}")
    check_packs(inside, newest=order.newest)
    ordered = tuple(sorted(inside, key=lambda item: (item.run.start, item.run.as_of, item.member.id)))
    asked = Asked(
        period,
        order.as_of,
        (order.config.entity or _entity(ordered))[:_LONGEST],
        order.config.title if "title" in order.config.model_fields_set else _title(period),
        order.newest,
        order.sampling,
    )
    tool = order.tool or this_build(drawn="pdf" in presentation.formats)
    joined = Joined(Assembly(asked, ordered))
    show("Draw and seal", 0, 0, "")
    with unfinished(out) as folder:
        copies = {name: copied for name, (_, copied) in found.items()}
        manifest = _write(folder, joined, copies, _Making(presentation, tool, order.sealing))
        pack = _settle(folder, out, joined, manifest)
    left_out += [item.member.id for item in packs if item not in inside]
    return Assembled(pack, manifest.pack_id, joined.assembly, manifest.sha256, tuple(left_out))


def _presentation(order: Order) -> Presentation:
    if odd := [name for name in order.formats if name not in PAGES]:
        raise UsageError(f"an assembled pack has no format {odd[0]!r}", hint=all_of(odd[0], PAGES))
    settled = [name for name in order.config.formats if name in PAGES]  # settings name the exports of runs as well
    formats = list(order.formats) or settled or list(PAGES)
    return presentation_of(order.config.model_copy(update={"formats": formats}), order.sealing)


def _expanded(given: Sequence[Path]) -> list[tuple[Path, bool]]:
    """Return packs and whether each was named; a folder that is none stands for all packs of single runs below it.

    Raises:
        UsageError: there is no pack at a place.
    """
    found: list[tuple[Path, bool]] = []
    for path in given:
        if path.is_dir() and not (path / MANIFEST).is_file() and not (path / SUMS).is_file():
            below = [place for place in places(path) if not any((place / name).exists() for name in _JOINED)]
            if not below:
                raise UsageError(f"there is no pack under {path}")
            found += [(place, False) for place in sorted(below)]
        else:
            found.append((path, True))
    return found


def _period(order: Order, packs: Sequence[MonthPack]) -> Period:
    if order.period:
        asked = parse_period(order.period, order.as_of)
        return _whole(asked.start, asked.end) if "/" in order.period else asked
    for item in packs:
        if not item.run.months:
            raise UsageError(
                f"{item.member.id} is about {item.run.label}, which holds no whole month",
                hint="leave it out, or say with --period what is to be assembled",
            )
    months = sorted({label for item in packs for label in item.run.months})
    if not months:
        raise UsageError(
            "none of the packs is about a whole month", hint="such as those of auditor run --period 2026-10"
        )
    return _whole(month_of(months[0])[0], month_of(months[-1])[1])


def _whole(start: datetime, end: datetime) -> Period:
    """Name a time by its months; the folder of the pack is called so."""
    last = end - timedelta(days=1)
    if (start.month, end.month, end.year - start.year) == (1, 1, 1):
        return Period(start, end, f"{start:%Y}")
    return Period(
        start, end, f"{start:%Y-%m}" if f"{start:%Y-%m}" == f"{last:%Y-%m}" else f"{start:%Y-%m}_{last:%Y-%m}"
    )


def _title(period: Period) -> str:
    months = (period.end.year - period.start.year) * 12 + period.end.month - period.start.month
    return f"Evidence over {counted(months, 'month')}"


def _entity(packs: Sequence[MonthPack]) -> str:
    """Return whom the newest pack says it is about."""
    newest = max(packs, key=lambda item: item.run.as_of)
    return str(newest.run.document["run"].get("entity") or f"AWS account {', '.join(newest.member.accounts)}")


@dataclass(frozen=True, slots=True)
class _Making:
    """How a pack is drawn, by which program, and who signs it."""

    presentation: Presentation
    tool: Tool
    sealing: Sealing | None


def _write(folder: Path, joined: Joined, kept: dict[str, dict[str, bytes]], making: _Making) -> Manifest:
    put(folder / RESULTS, joined.data)
    put(folder / RULES / PRESENTATION, making.presentation.data())
    for name, data in joined.texts(folder):
        put(folder / name, data)
    for item in joined.assembly.packs:
        for name, data in kept[item.member.id].items():
            put(folder / item.member.folder / name, data)

    def write_pages(manifest: Manifest) -> None:
        for name, data in joined.pages(making.presentation, manifest, lambda *_: None):
            put(folder / name, data)

    return seal_pack(folder, joined.info(making.tool), pages=write_pages, sealing=making.sealing)


def _settle(folder: Path, out: Path, joined: Joined, manifest: Manifest) -> Path:
    accounts = joined.assembly.accounts
    place = out / (accounts[0] if len(accounts) == 1 else "organization") / joined.assembly.asked.period.label
    place.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o755)
    target = place / manifest.pack_id
    if target.exists():
        raise UsageError(f"{target} is there already", hint="the same packs were assembled at the same moment")
    return folder.rename(target)

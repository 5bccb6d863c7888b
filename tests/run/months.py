"""Small packs of single months, built and sealed the way a run seals them."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from auditor.base.canonical import canonical_json
from auditor.base.period import parse_period
from auditor.model import AccountScope, State
from auditor.seal.manifest import PreviousPack
from auditor.seal.pack import Sealing, seal_pack
from tests.pack.judgements import accounts, control, judgement, result
from tests.seal.packs import ACCOUNT, NOW, info, judged_folder, write_pages

REGIONS = ("eu-central-1",)


def coverage(month: str, regions: Sequence[str] = REGIONS, *, holes: int = 0, account: str = ACCOUNT) -> dict[str, Any]:
    """Make a trail report that vouches for every hour of a month but the first few."""
    period = parse_period(month, NOW)
    days = [period.start + timedelta(days=number) for number in range(period.length.days)]
    hours = [("g" * holes if day == days[0] else "").ljust(24, "v") for day in days]
    strips = [{"date": f"{day:%Y-%m-%d}", "hours": strip} for day, strip in zip(days, hours, strict=True)]
    total = 24 * len(days) * len(regions)
    return {
        "verdict": "incomplete" if holes else "pass",
        "coverage": {
            "hours_asked": total,
            "hours_verified": total - holes * len(regions),
            "chains": [{"account": account, "region": region, "days": strips} for region in regions],
        },
    }


def months_results(month: str, states: Mapping[str, State], **given: Any) -> dict[str, Any]:
    """Make the results of a month: one control for each name, with one result in the state given."""
    regions, account = given.pop("regions", REGIONS), given.pop("account", ACCOUNT)
    as_of: datetime = given.pop("as_of")
    controls = [
        control(name, result(state.value, account=account, region=regions[0]), state=state.value)
        for name, state in states.items()
    ]
    period = parse_period(month, NOW).document()
    document = judgement(
        *controls, as_of=f"{as_of:%Y-%m-%dT%H:%M:%SZ}", accounts=accounts(regions, account), period=period
    )
    holes = given.pop("holes", 0)
    return {
        **document,
        "schema": "auditor.results/1",
        "counts": {state.value: sum(each is state for each in states.values()) for state in State},
        "integrity": [] if holes is None else [coverage(month, regions, holes=holes, account=account)],
        "frameworks": [
            {
                "id": "cis-aws-5.0.0",
                "title": "CIS",
                "edition": "5.0.0",
                "requirements": [{"controls": sorted(states)}],
            }
        ],
        "waivers": [],
        "gaps": [],
        **given,
    }


def month_pack(
    folder: Path,
    month: str,
    states: Mapping[str, State],
    *,
    days_late: int = 1,
    sealing: Sealing | None = None,
    previous: PreviousPack | None = None,
    account: str = ACCOUNT,
    regions: Sequence[str] = REGIONS,
    **given: Any,
) -> Path:
    """Write and seal the pack of one month.

    Args:
        folder: of the pack.
        month: such as ``2026-10``.
        states: control -> state.
        days_late: how long after the month's end it was made; negative before it.
        given: members of the results document; ``holes`` hours are not verified, None for no trail at all.
    """
    period = parse_period(month, NOW)
    as_of = period.end + timedelta(days=days_late, hours=6)
    judged_folder(folder)
    results = months_results(month, states, as_of=as_of, regions=tuple(regions), account=account, **given)
    (folder / "results" / "results.json").write_bytes(canonical_json(results))
    what = info(f"{month}-{folder.name}", previous=previous)
    run = replace(what.run, period=period, as_of=as_of, accounts=(AccountScope(account, "aws", tuple(regions)),))
    made = replace(what, run=run, counts=results["counts"])
    seal_pack(folder, made, pages=lambda manifest: write_pages(folder, manifest), sealing=sealing)
    return folder

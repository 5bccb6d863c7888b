"""A made-up organization of any size: what a roll-up follows from, without auditing anybody. One seed, one outcome."""

import random
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from auditor.base.period import Period
from auditor.model import AccountScope, RunInfo, State
from auditor.org.accounts import Account
from auditor.org.reconcile import Reconciliation, Row, Standing
from auditor.org.rollup import Material
from auditor.org.summary import Asked, Summary
from auditor.run.judging import open_catalog
from auditor.seal.manifest import AccountPack

CONTROLS = 114
UNITS = ("security", "workloads/production", "workloads/staging", "workloads/sandbox", "acquired/brands", "suspended")
TEAMS = ("payments", "ledger", "search", "orders", "identity", "data-platform", "mobile-gateway", "fulfillment")
STAGES = ("production", "staging", "development", "sandbox", "disaster-recovery")
NEW = 0.01
"""Share of accounts that joined in the period."""
AS_OF = datetime(2026, 11, 2, 6, tzinfo=UTC)


def material(number: int) -> Material:
    """Make up what a roll-up follows from: one seed, every kind of account, failures as they spread in practice."""
    chance = random.Random(7)  # noqa: S311 - nothing secret
    asked = _asked()
    habits = {name: chance.betavariate(0.5, 3) for name in asked}
    rows: list[Row] = []
    summaries: list[Summary] = []
    for at in range(number):
        account = Account(
            f"{210_000_000_000 + at * 37_813:012d}",
            f"{chance.choice(TEAMS)}-{chance.choice(STAGES)}-{at}",
            joined=f"{AS_OF - timedelta(days=chance.randrange(40, 2000)):%Y-%m-%dT%H:%M:%SZ}",
            path=f"/{chance.choice(UNITS)}",
            management=at == 0,
        )
        standing, reason, code = _standing(chance, at)
        rows.append(Row(account, standing, reason, code, joined=chance.random() < NEW))
        if standing is Standing.ASSESSED:
            summaries.append(_summary(chance, account.id, asked, habits))
    scopes = tuple(AccountScope(item.member.account, "aws", ("eu-central-1",)) for item in summaries)
    run = RunInfo(
        entity="Organization o-nw7k2m4p9x", title="AWS logging and monitoring review", accounts=scopes,
        period=Period(AS_OF.replace(month=10, day=1, hour=0), AS_OF.replace(day=1, hour=0), "2026-10"),
        as_of=AS_OF, started=AS_OF, ended=AS_OF + timedelta(minutes=number / 20), frameworks=("cis-aws-5.0.0",),
        principal="arn:aws:sts::210000000000:assumed-role/AuditorHub/auditor", tool="auditor",
    )  # fmt: skip
    return Material(
        run,
        "o-nw7k2m4p9x",
        rows[0].account.id,
        Reconciliation(tuple(rows)),
        (),
        frozenset(),
        (),
        tuple(summaries),
        asked,
    )


def _standing(chance: random.Random, at: int) -> tuple[Standing, str, str]:

    drawn = chance.random() if at else 1.0
    if drawn < 0.01:
        return Standing.REFUSED, "User is not authorized to perform: sts:AssumeRole on resource", "AccessDenied"
    if drawn < 0.03:
        return Standing.NOT_ACTIVE, "AWS has suspended the account", ""
    if drawn < 0.04:
        return Standing.EXCLUDED, "excluded by ou:/suspended", ""
    if drawn < 0.042:
        return Standing.MISSING, "its audit ended: WorkerLost: each worker that took it died", ""
    return Standing.ASSESSED, "", ""


def _asked() -> dict[str, Asked]:

    catalog = open_catalog()
    chosen = sorted(catalog.controls.values(), key=lambda item: item.id)[:CONTROLS]
    return {item.id: Asked(item.id, item.title, item.severity.value, {}) for item in chosen}


def _summary(chance: random.Random, account: str, asked: Mapping[str, Asked], habits: Mapping[str, float]) -> Summary:

    care = chance.betavariate(2, 2)
    states = {}
    for name, habit in habits.items():
        drawn = chance.random()
        if drawn < habit * 2 * care:
            states[name] = State.FAIL
        elif drawn > 0.985:
            states[name] = State.NOT_ASSESSED
        elif drawn > 0.97:
            states[name] = State.WAIVED
        else:
            states[name] = State.MANUAL if habit < 0.002 else State.NOT_APPLICABLE if habit > 0.6 else State.PASS
    failed = [name for name, state in states.items() if state is State.FAIL]
    trail = {
        "arn": "arn:aws:cloudtrail:eu-central-1:210000000000:trail/organization-events", "name": "organization-events",
        "owner": "210000000000", "organization": True, "verdict": "fail" if chance.random() < 0.01 else "pass",
        "hours_asked": 744, "hours_verified": 744, "digests": 12_648, "logs": 30_000, "altered": 0, "missing": 0,
    }  # fmt: skip
    return Summary(
        AccountPack(account, f"20261102T060000Z-{account[-8:]}", "0" * 64), states,
        dict(Counter(asked[name].severity for name in failed)), 3 * len(failed),
        (("AccessDenied", 4),) if State.NOT_ASSESSED in states.values() else (), (trail,), 1 if failed else 0,
        f"{len(failed)} criteria are not met.", {"partition": "aws", "regions": 17, "regions_left_out": 0},
        "arn:aws:sts::210000000000:assumed-role/AuditorReadOnly/auditor",
    )  # fmt: skip

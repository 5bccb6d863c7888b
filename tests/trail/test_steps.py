"""The steps of a verification hand values on: none of them changes what it was given."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import FrozenInstanceError, fields, is_dataclass
from threading import Event
from typing import Any

import pytest

from auditor.trail.conclude import Steps, conclude
from auditor.trail.context import Context, Teller
from auditor.trail.extra import find_extra
from auditor.trail.fetch import ObjectSource
from auditor.trail.links import link_chains
from auditor.trail.logs import LogPass
from auditor.trail.owner import read_owner
from auditor.trail.parallel import Concurrency, Workers
from auditor.trail.plan import make_plan
from auditor.trail.reading import Reading
from auditor.trail.rules import known_rules, read_rules
from auditor.trail.spool import Spool
from auditor.trail.survey import survey

from .bucket import NOW, OTHER, TRAIL, Bucket, Source, book, filled, scope
from .scenarios import AT, forged_log, stopped


@contextmanager
def context_for(bucket: Bucket, stop: Event | None = None) -> Iterator[Context]:
    source: ObjectSource = Source(bucket)
    workers: Workers[Any, Any] = Workers(Concurrency(remote=False, fixed=1), stop or Event())
    spool = Spool()
    try:
        yield Context(source, scope(), NOW, workers, spool, Teller(lambda _: None))
    finally:
        workers.close()
        spool.close()


def troubled() -> Bucket:
    """Return a bucket with something for every step: a stop, a planted file, a neighbour, two Regions."""
    bucket = stopped(AT, AT + (NOW - AT) / 8, regions=(TRAIL.home_region, OTHER))
    filled(trail=type(TRAIL)("other", TRAIL.home_region, TRAIL.bucket, TRAIL.account, TRAIL.prefix), into=bucket)
    bucket.put(forged_log())
    bucket.edit(bucket.log_keys()[20], lambda data: data + b" ")
    bucket.delete(bucket.digest_keys()[-6])
    return bucket


def test_no_step_changes_what_another_handed_to_it() -> None:
    keys = lambda *_: book()  # noqa: E731
    with context_for(troubled()) as context:
        plan = make_plan(context)
        results: list[Any] = [plan]
        seen = [repr(plan)]

        def step(value: Any) -> Any:
            assert [repr(item) for item in results] == seen
            results.append(value)
            seen.append(repr(value))
            return value

        found = step(survey(context, keys, plan))
        rules = step(read_rules(context, known_rules(context), found.locations))
        links = step(link_chains(context, found, rules.retention))
        logs = step(LogPass(context, links, rules.retention, Reading(events=True)).run())
        owner = step(read_owner(context, keys, found, links))
        extras = step(find_extra(context, keys, found, links))
        report = step(conclude(context, Steps(found, rules, links, logs, owner, extras)))
        again = step(conclude(context, Steps(found, rules, links, logs, owner, extras)))
    assert report == again
    assert {"log_altered", "gap_digest_deleted", "trail_changed"} <= {item.kind for item in report.findings}
    for value in results:
        assert is_dataclass(value)
        with pytest.raises(FrozenInstanceError):
            setattr(value, fields(value)[0].name, None)


def test_the_context_carries_no_findings() -> None:
    assert {field.name for field in fields(Context)} == {"source", "scope", "now", "workers", "spool", "tell", "ahead"}


def test_each_step_returns_what_it_has_when_it_is_stopped() -> None:
    stop = Event()
    with context_for(filled(), stop) as context:
        plan = make_plan(context)
        whole = survey(context, lambda *_: book(), plan)
        stop.set()
        none = survey(context, lambda *_: book(), plan)
        assert (whole.interrupted, none.interrupted) == (False, True)
        assert (whole.own_digests() > 0, none.own_digests()) == (True, 0)
        retention = known_rules(context).retention
        logs = LogPass(context, link_chains(context, whole, retention), retention, Reading()).run()
        assert (logs.interrupted, logs.stored_bytes) == (True, 0)

"""Log files are listed for all days in one go; the outcome is that of a listing for each day."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from threading import Event
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.trail import listing
from auditor.trail.context import Context, Teller
from auditor.trail.fetch import Listed, Unavailable
from auditor.trail.listing import Listing, ListTask, list_objects, places_tasks
from auditor.trail.parallel import Concurrency, Workers
from auditor.trail.plan import Target
from auditor.trail.spool import Spool

from .bucket import NOW, TRAIL, Bucket, Held, Source, scope

START, END = datetime(2026, 10, 3, 12, tzinfo=UTC), datetime(2026, 10, 6, tzinfo=UTC)
FOLDER = f"{TRAIL.prefix}/AWSLogs/{TRAIL.account}/CloudTrail/{TRAIL.home_region}/".lstrip("/")
PIECES = [
    "2026/10/03", "2026/10/03/", "2026/10/03x", "2026/10/04/", "2026/10/05", "2026/10/05/", "2026/10/06/",
    "2026/10/02/", "2026/1", "2027/01/01/", "notes", "", "\x7f",
]  # fmt: skip
NAMES = ["", "a", "a/b", f"{TRAIL.account}_CloudTrail_{TRAIL.home_region}_20261004T1000Z_aaaaaaaaaaaaaaaa.json.gz"]
KEYS = st.sets(st.builds(lambda *parts: FOLDER + "".join(parts), st.sampled_from(PIECES), st.sampled_from(NAMES)))


class Counting(Source):
    """Counts listings."""

    def __init__(self, bucket: Bucket, *, remote: bool) -> None:
        super().__init__(bucket)
        self.remote = remote
        self.listed: list[str] = []

    def objects(self, bucket: str, prefix: str, after: str) -> Iterator[Listed]:
        self.listed.append(prefix)
        return super().objects(bucket, prefix, after)


@contextmanager
def context_of(source: Source) -> Iterator[Context]:
    workers: Workers[Any, Any] = Workers(Concurrency(remote=False, fixed=1), Event())
    spool = Spool()
    try:
        yield Context(source, scope(start=START, end=END), NOW, workers, spool, Teller(lambda _: None))
    finally:
        workers.close()
        spool.close()


def listed(bucket: Bucket, *, remote: bool, page: int = 1000) -> tuple[Listing, list[Any], list[str]]:
    """Return what is found of a Region, the rows of its log objects, and which prefixes were listed."""
    source = Counting(bucket, remote=remote)
    with context_of(source) as context, pytest.MonkeyPatch.context() as patch:
        patch.setattr(listing, "LIST_PAGE", page)
        target = Target(0, TRAIL.account, TRAIL.home_region, asked=True)
        tasks: list[ListTask] = places_tasks(context, [target], [context.scope.location])
        found = list_objects(context, tasks)
        rows = sorted(context.spool._db.execute("SELECT * FROM listed").fetchall())
    return found, rows, [prefix for prefix in source.listed if "Digest" not in prefix]


def holding(keys: set[str], *refused: str) -> Bucket:
    bucket = Bucket(refused={prefix: Unavailable("denied", "AccessDenied") for prefix in refused})
    for key in keys:
        bucket.set(TRAIL.bucket, key, Held(b"x", {}, NOW))
    return bucket


@given(KEYS, st.integers(1, 5))
def test_all_days_in_one_go_show_what_each_day_shows(keys: set[str], page: int) -> None:
    bucket = holding(keys)
    assert listed(bucket, remote=True, page=page)[:2] == listed(bucket, remote=False)[:2]


def test_a_folder_that_may_not_be_listed_costs_two_listings_and_is_named_once() -> None:
    bucket = holding({f"{FOLDER}2026/10/04/x"}, FOLDER)
    found, rows, prefixes = listed(bucket, remote=True)
    assert prefixes == [FOLDER, f"{FOLDER}2026/10/03/"]
    assert [(item.kind, item.key) for item in found.findings] == [("list_unreadable", f"{TRAIL.bucket}/{FOLDER}")]
    assert rows == []
    assert all(item.unread for item in found.found.values())


def test_a_region_without_log_files_costs_one_listing() -> None:
    assert listed(holding(set()), remote=True)[2] == [FOLDER]
    beyond = {f"{FOLDER}2026/10/{day:02}/{number}" for day in (1, 2, 7, 8) for number in range(3)}
    assert listed(holding(beyond), remote=True, page=2)[2] == [FOLDER]


def test_what_follows_a_full_page_is_listed_by_day_from_where_the_page_ended() -> None:
    keys = {f"{FOLDER}2026/10/{day:02}/{number}" for day in (3, 4, 5) for number in range(3)}
    found, rows, prefixes = listed(holding(keys), remote=True, page=4)
    assert prefixes == [FOLDER, f"{FOLDER}2026/10/04/", f"{FOLDER}2026/10/05/"]
    assert {row[1] for row in rows} == keys
    assert found.found[TRAIL.account, TRAIL.home_region].log_objects == len(keys)


def test_days_may_be_listed_where_all_of_them_may_not() -> None:
    class Confined(Counting):
        def objects(self, bucket: str, prefix: str, after: str) -> Iterator[Listed]:
            if prefix == FOLDER:
                raise Unavailable("denied", "AccessDenied")
            return super().objects(bucket, prefix, after)

    keys = {f"{FOLDER}2026/10/{day:02}/{number}" for day in (3, 4, 5) for number in range(3)}
    with context_of(Confined(holding(keys), remote=True)) as context:
        target = Target(0, TRAIL.account, TRAIL.home_region, asked=True)
        found = list_objects(context, places_tasks(context, [target], [context.scope.location]))
    assert not found.findings
    assert not found.of(target).unread
    assert found.of(target).log_objects == len(keys)

"""The cluster that the settings name: how it is reached, and what its workers have to run."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from auditor import __version__
from auditor.base.errors import UsageError
from auditor.config import Config
from auditor.run.building import this_build
from auditor.work.task import Engine

GREETING: Final = "auditor.run.engine:greeting"

EXTERNAL_ID: Final = "AUDITOR_EXTERNAL_ID"
"""Where a worker of a cluster finds the external id: it is not sent there."""


def external_id_there() -> str:
    """Return the external id that a worker knows.

    Raises:
        UsageError: it knows none.
    """
    if found := os.environ.get(EXTERNAL_ID, ""):
        return found
    raise UsageError(f"this worker does not know the external id: {EXTERNAL_ID} is not set", hint="set it there")


def greeting() -> dict[str, str]:
    """Return what runs here, to be compared with the driver: version, and a hash over code, controls and templates."""
    return {"version": __version__, "sources": this_build(drawn=False).sources_sha256}


@contextmanager
def cluster_of(config: Config) -> Iterator[Engine | None]:
    """Give the cluster that the settings name; None where they name none.

    Raises:
        UsageError: the scheduler's address is refused, or certificates are missing.
        CollectionError: it cannot be reached, has no worker, or another program runs there.
    """
    if not config.scheduler:
        yield None
        return
    from auditor.work.cluster import Bounds, Cluster, Place

    chosen = config.cluster
    certificates = Path(chosen.certificates) if chosen.certificates else None
    place = Place(config.scheduler, certificates, plain=chosen.plain)
    bounds = Bounds(no_workers_seconds=chosen.no_workers_seconds, task_seconds=chosen.task_seconds)
    with Cluster(place, agreed=(GREETING, greeting()), bounds=bounds) as engine:
        yield engine

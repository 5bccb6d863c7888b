"""A run that ends itself: ``python -m tests.run.killed OUT POINT [--org [WORKERS]]``.

It kills its process before the POINT-th change that it makes below OUT; with 0 it goes through and prints how many
there were. Clock, salt and account, or organization, stand still. Accounts are audited one after the other in the
process itself, or, with WORKERS, several at once in processes of their own, which its death has to end.
"""

import json
import os
import signal
import sys
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

from auditor.base.period import parse_time
from auditor.config import Config
from auditor.run import Finished, Request, audit, take_up
from auditor.seal.manifest import Tool

if TYPE_CHECKING:  # a run over one account does without
    from auditor.org.running import Organized

CHANGES = frozenset({"os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.truncate", "os.chmod"})
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT
SALT = b"a salt that stands still for all"
TOOL = Tool("auditor", "1")


def settings(out: Path, **others: Any) -> Config:
    """Return settings of a run that reads answers of every kind, log files among them, and is quick."""
    chosen = {
        "frameworks": ["trail-readiness"],
        "regions": ["us-east-1", "eu-central-1"],
        "formats": ["csv", "results-csv"],
        "keep_logs": "none",
        "period": "2026-10-01/2026-10-03",
        "out": str(out),
    }
    return Config.model_validate({**chosen, **others})


def settings_of_several(out: Path, **others: Any) -> Config:
    """Return settings of a run over three accounts of an organization."""
    from auditor.simulator.worlds import organization as story

    chosen = {
        "org": True,
        "external_id": story.EXTERNAL_ID,
        "include": [story.AUDIT, "210000000004", story.DENIED],
        "frameworks": [],
        "control_ids": ["guardduty-enabled", "iam-password-min-length"],
        "regions": ["eu-central-1"],
        "formats": ["csv"],
    }
    return settings(out, **{**chosen, **others})


def several_at_once(workers: int) -> dict[str, Any]:
    """Return the setting that says how many accounts are audited at once."""
    return {"limits": {"accounts": workers}}


def run(config: Config, moment: datetime) -> Finished:
    """Audit the simulated account that the environment names."""
    return audit(_request(config, moment), lambda *_: None)


def run_over_several(config: Config, moment: datetime) -> "Organized":
    """Audit the simulated organization that the environment names."""
    from auditor.org.running import audit_organization

    return audit_organization(_request(config, moment), lambda *_: None)


def _request(config: Config, moment: datetime) -> Request:
    request = Request(config, moment, now=lambda: moment, salt=SALT, tool=TOOL)
    return take_up(request, as_of_given=True) if config.resume else request


class Killer:
    """Counts the changes below a folder, and kills the process before one of them."""

    def __init__(self, folder: Path, point: int) -> None:
        self._folder = f"{folder}/"
        self._point = point
        self._lock = Lock()
        self.seen = 0

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        """See ``sys.addaudithook``."""
        if event == "open":
            if not (isinstance(arguments[2], int) and arguments[2] & WRITING):
                return
        elif event not in CHANGES:
            return
        if not str(arguments[0]).startswith(self._folder):
            return
        with self._lock:
            self.seen += 1
            if self.seen == self._point:
                os.kill(os.getpid(), signal.SIGKILL)


def main(arguments: list[str], environ: Mapping[str, str]) -> None:
    """Run, and print how many changes were made."""
    out, point = Path(arguments[0]), int(arguments[1])
    moment, killer = parse_time(environ["KILLED_AS_OF"]), Killer(out, point)
    sys.addaudithook(killer)
    if "--org" in arguments:
        workers = int(arguments[-1]) if arguments[-1].isdecimal() else 1
        pack = run_over_several(settings_of_several(out, **several_at_once(workers)), moment).pack
    else:
        pack = run(settings(out), moment).pack
    sys.stdout.write(json.dumps({"changes": killer.seen, "pack": str(pack)}))


if __name__ == "__main__":
    main(sys.argv[1:], os.environ)

"""A scheduler and workers over TLS on loopback, started with Dask's own commands as an operator starts them."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dask
import distributed  # noqa: F401 - its defaults have to be there before settings are put over them

from auditor.base.scratch import PREFIX

ROOT = Path(__file__).parent.parent.parent
START_SECONDS = 120


def make_certificates(folder: Path) -> Path:
    """Make an authority and certificates with the script that we ship."""
    subprocess.run([ROOT / "deploy" / "cluster" / "certificates.sh", folder], check=True, capture_output=True)
    return folder


def tls(folder: Path, name: str) -> list[str]:
    pairs = (("ca", "ca"), (f"{name}", "cert"), (f"{name}-key", "key"))
    return [
        part
        for file, option in pairs
        for part in (f"--tls-{option}-file" if option == "ca" else f"--tls-{option}", f"{folder / file}.pem")
    ]


class Machines:
    """A scheduler and its workers, started as an operator starts them."""

    def __init__(self, certificates: Path, folder: Path) -> None:
        self._certificates, self._folder = certificates, folder
        self._started: list[subprocess.Popen[bytes]] = []
        self.workers: list[subprocess.Popen[bytes]] = []
        log = folder / "scheduler.log"
        options = [
            "--host",
            "tls://127.0.0.1",
            "--port",
            "0",
            "--no-dashboard",
            *tls(certificates, "scheduler"),
        ]
        self.scheduler = self._start("scheduler", log, *options)
        self.address = self._found(log, r"Scheduler at:\s+(tls://\S+)")

    def _start(self, kind: str, log: Path, *options: str) -> subprocess.Popen[bytes]:
        settings = {
            **{name: value for name, value in os.environ.items() if not name.startswith("DASK_")},
            "DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "0",
            "DASK_DISTRIBUTED__COMM__TIMEOUTS__CONNECT": "120s",  # a machine that tests elsewhere, too, answers late
            "DASK_DISTRIBUTED__COMM__TIMEOUTS__TCP": "120s",
            "DASK_TEMPORARY_DIRECTORY": str(self._folder),
            "PYTHONPATH": str(ROOT),
        }
        with log.open("wb") as file:
            process = subprocess.Popen(
                [sys.executable, "-m", "dask", kind, *options],
                cwd=self._folder,
                env=settings,
                stdout=file,
                stderr=subprocess.STDOUT,
            )
        self._started.append(process)
        return process

    def _found(self, log: Path, pattern: str) -> str:
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end:
            if found := re.search(pattern, log.read_text()):
                return found[1]
            time.sleep(0.1)
        raise AssertionError(log.read_text())

    def add_worker(self) -> subprocess.Popen[bytes]:
        log = self._folder / f"worker-{len(self._started)}.log"
        options = [
            self.address,
            "--no-nanny",
            "--nthreads",
            "2",
            "--no-dashboard",
            "--local-directory",
            f"{self._folder}",
        ]
        process = self._start("worker", log, *options, *tls(self._certificates, "worker"))
        self._found(log, r"(Registered to)")
        self.workers.append(process)
        return process

    def left_behind(self) -> list[Path]:
        """Return folders of tasks that nobody works on any more."""
        return sorted(self._folder.rglob(f"{PREFIX}*"))

    def man(self, count: int = 2) -> None:
        """Have as many workers as that."""
        self.workers = [worker for worker in self.workers if worker.poll() is None]
        while len(self.workers) < count:
            self.add_worker()

    def close(self) -> None:
        for process in reversed(self._started):
            process.kill()
            process.wait()


@contextmanager
def machines(certificates: Path, folder: Path) -> Iterator[Machines]:
    made = Machines(certificates, folder)
    with dask.config.set({"distributed.comm.timeouts.connect": "120s", "distributed.comm.timeouts.tcp": "120s"}):
        try:
            yield made
        finally:
            made.close()

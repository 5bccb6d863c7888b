"""Accounts built once for a whole session of tests, and forked for whoever starts the same one again.

To build the demo account takes some three seconds of CPU time and gives the same account every time. Where
``SIMULATOR_NURSERY`` names a folder, the first start of a world leaves a process there that has built it and serves
nobody; each start forks a child of its own from it, so no test ever sees what another one changed. The connection to
the child is its life: it goes when the connection ends, however its owner went. The process itself goes with the
folder, or when nobody has asked for a while. Without the variable nothing of this is used.
"""

import fcntl
import hashlib
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

VARIABLE: Final = "SIMULATOR_NURSERY"
IDLE_SECONDS: Final = 90
"""So long a built account waits for somebody who wants it; building it again costs less than holding its memory."""
ANSWER_SECONDS: Final = 60.0
"""How long a forked child may take to say where it is."""


def born(arguments: Sequence[str], environment: Mapping[str, str]) -> tuple[socket.socket, str] | None:
    """Return the connection to a forked account and its first line; None where none can be had that way.

    Args:
        arguments: what the child process is told, but for its port and its parent.
        environment: the variables in which the account is built, when it has not been.
    """
    folder = os.environ.get(VARIABLE)
    if not folder or not Path(folder).is_dir():
        return None
    path = Path(folder) / f"{hashlib.sha256(repr(list(arguments)).encode()).hexdigest()[:16]}.socket"
    with path.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        connection = _connected(path) or (_connected(path) if _settled(path, arguments, environment) else None)
    if connection is None:
        return None
    if line := _first_line(connection):
        return connection, line
    connection.close()
    return None


def ended(connection: socket.socket, seconds: float) -> None:
    """End a child, and wait until it has gone."""
    with connection:
        try:
            connection.shutdown(socket.SHUT_WR)
            connection.settimeout(seconds)
            while connection.recv(4096):
                pass
        except OSError:  # it has gone already, or is busy and goes when it looks up
            return


def brood(path: Path, serve: Callable[[socket.socket], None]) -> None:
    """Stay in the background with what this process has built, and fork a child for each connection; never returns.

    Args:
        path: of the socket.
        serve: what a child does with its connection, until it ends the process.

    Raises:
        RuntimeError: the process has threads, which no fork would have.
    """
    if threading.active_count() > 1:
        raise RuntimeError("a process with threads cannot be forked")
    path.unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX) as door:
        door.bind(str(path))
        door.listen(64)
        if os.fork():
            os._exit(0)
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)
        door.settimeout(1.0)
        idle = 0
        while idle < IDLE_SECONDS and path.exists():
            try:
                connection, _ = door.accept()
            except TimeoutError:
                idle += 1
                continue
            idle = 0
            with connection:
                if not os.fork():
                    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                    door.close()
                    serve(connection)
                    os._exit(0)
    os._exit(0)


def _connected(path: Path) -> socket.socket | None:
    connection = socket.socket(socket.AF_UNIX)
    try:
        connection.connect(str(path))
    except OSError:  # not there yet, or gone
        connection.close()
        return None
    return connection


def _settled(path: Path, arguments: Sequence[str], environment: Mapping[str, str]) -> bool:
    """Build the account in a process that stays; tell whether it did."""
    done = subprocess.run(  # noqa: S603 - our own interpreter and module
        [sys.executable, "-m", "auditor.simulator", *arguments, "--nursery", str(path)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=environment,
        start_new_session=True,
        check=False,
    )
    return done.returncode == 0


def _first_line(connection: socket.socket) -> str:
    connection.settimeout(ANSWER_SECONDS)
    read = b""
    try:
        while not read.endswith(b"\n"):
            part = connection.recv(65536)
            if not part:
                return ""
            read += part
    except OSError:
        return ""
    return read.decode()

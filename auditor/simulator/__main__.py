"""The child process: builds a world, serves it, says so in one line of JSON, and goes when its parent goes.

Run by hand: ``python -m auditor.simulator --world demo --port 5555``, ends with Ctrl-C.
"""

import argparse
import asyncio
import gc
import json
import os
import signal
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from auditor.simulator import WORLDS, clock, nursery, web
from auditor.simulator.app import Application

if TYPE_CHECKING:  # of the organization alone
    from auditor.simulator.accounts import Accounts

PARENT_CHECK_SECONDS = 0.5


def main() -> None:
    """Serve until told to stop, which ends the process with exit code 0."""
    options = _options()
    from auditor.simulator.overlay.network import enable
    from auditor.simulator.worlds import build

    enable(name for name in options.enabled.split(",") if name)
    application = build(options.world, light=options.accounts, sizes=options.sizes)
    application.faults.clear()
    gc.collect()
    gc.freeze()

    def hatch(connection: socket.socket) -> None:
        asyncio.run(_run(application, options, connection=connection))

    if options.nursery:
        nursery.brood(Path(options.nursery), hatch)
    asyncio.run(_run(application, options))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m auditor.simulator", description="A simulated AWS account on loopback."
    )
    parser.add_argument("--world", choices=WORLDS, default="demo")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free port")
    parser.add_argument("--parent", type=int, default=0, help="end when the parent process is no longer this one")
    parser.add_argument("--enabled", default="", help="Regions that the account has enabled, between commas")
    parser.add_argument("--accounts", type=int, default=0, help="further accounts of the world organization")
    parser.add_argument("--sizes", default="", help="of the world large, such as users=300,buckets=400")
    parser.add_argument(
        "--nursery", default="", help="serve nobody, but fork a child for each connection to this socket"
    )
    return parser.parse_args()


async def _run(
    application: "Application | Accounts", options: argparse.Namespace, connection: socket.socket | None = None
) -> None:
    """Serve until a signal, the parent's end or, where there is one, the connection's end."""

    def ready(port: int) -> None:
        about = {"endpoint": f"http://{options.host}:{port}", **application.about}
        line = json.dumps(about) + "\n"
        if connection is not None:
            connection.sendall(line.encode())
        else:
            sys.stdout.write(line)
            sys.stdout.flush()

    def leave(*_: object) -> NoReturn:
        # Worker processes may still be signing digests that nobody will read: go without waiting for them.
        os._exit(0)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, leave)
    if connection is not None:
        asyncio.get_running_loop().add_reader(connection, leave)
    serving = asyncio.ensure_future(
        web.serve(
            application,
            host=options.host,
            port=options.port,
            epoch_seconds=clock.now().timestamp(),
            ready=ready,
        )
    )
    while not serving.done():
        if options.parent and os.getppid() != options.parent:
            leave()
        await asyncio.wait([serving], timeout=PARENT_CHECK_SECONDS)
    serving.result()


if __name__ == "__main__":
    main()

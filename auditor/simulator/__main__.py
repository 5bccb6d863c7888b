"""The child process: builds a world, serves it, says so in one line of JSON, and goes when its parent goes.

Run by hand: ``python -m auditor.simulator --world demo --port 5555``, ends with Ctrl-C.
"""

import argparse
import asyncio
import gc
import json
import os
import signal
import sys

from auditor.simulator import WORLDS, clock, web

PARENT_CHECK_SECONDS = 0.5


def main() -> int:
    """Serve until told to stop. Returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m auditor.simulator", description="A simulated AWS account on loopback."
    )
    parser.add_argument("--world", choices=WORLDS, default="demo")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free port")
    parser.add_argument("--parent", type=int, default=0, help="end when the parent process is no longer this one")
    options = parser.parse_args()
    from auditor.simulator.worlds import build

    application = build(options.world)
    application.faults.clear()
    gc.collect()
    gc.freeze()

    def ready(port: int) -> None:
        about = {"endpoint": f"http://{options.host}:{port}", **application.about}
        sys.stdout.write(json.dumps(about) + "\n")
        sys.stdout.flush()

    async def run() -> None:
        serving = asyncio.ensure_future(
            web.serve(
                application,
                host=options.host,
                port=options.port,
                epoch_seconds=clock.now().timestamp(),
                ready=ready,
            )
        )
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, serving.cancel)
        while not serving.done():
            if options.parent and os.getppid() != options.parent:
                serving.cancel()
            await asyncio.wait([serving], timeout=PARENT_CHECK_SECONDS)

    asyncio.run(run())
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

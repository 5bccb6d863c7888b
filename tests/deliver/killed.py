"""Uploads a folder and kills itself on the way, at one place after the other. Run as a process: endpoint, folder.

Prints one line for each place: its name, and the signal that ended it.
"""

import os
import signal
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3

from auditor.deliver.upload import Destination, upload
from auditor.simulator import ACCESS_KEY, SECRET_KEY

PLACES = [
    ("before-put", 1),
    ("in-body", 1),
    ("after-put", 1),
    ("after-head", 1),
    ("in-body", 2),
    ("after-put", 3),
    ("before-put", 6),
    ("in-body", 6),
    ("after-put", 6),
    ("after-head", 6),
]
"""Where, and at which of six files; the last one is the manifest."""


def end() -> None:
    """End without a last word."""
    os.kill(os.getpid(), signal.SIGKILL)


def half(request: Any, **_: Any) -> None:
    """Send a request as far as the middle of its body, and end."""
    url = urlsplit(request.url)
    named = {name: value.decode() if isinstance(value, bytes) else value for name, value in request.headers.items()}
    head = "".join(f"{name}: {value}\r\n" for name, value in {"Host": url.netloc, **named}.items())
    body = request.body.read()
    with socket.create_connection((str(url.hostname), url.port or 80)) as wire:
        wire.sendall(f"{request.method} {url.path} HTTP/1.1\r\n{head}\r\n".encode() + body[: len(body) // 2])
        end()


class Client:
    """An S3 client whose process ends at one place."""

    def __init__(self, real: Any, place: str, number: int) -> None:
        self._real = real
        self._place = place
        self._number = number
        self._puts = 0

    def _here(self, place: str) -> bool:
        return self._place == place and self._puts == self._number

    def put_object(self, **given: Any) -> Any:
        """Put, or end before, meanwhile, or after."""
        self._puts += 1
        if self._here("before-put"):
            end()
        if self._here("in-body"):
            self._real.meta.events.register("before-send.s3.PutObject", half)
        answer = self._real.put_object(**given)
        if self._here("after-put"):
            end()
        return answer

    def head_object(self, **given: Any) -> Any:
        """Look, or end afterwards."""
        answer = self._real.head_object(**given)
        if self._here("after-head"):
            end()
        return answer


def ended_by(work: Callable[[], object]) -> int:
    """Return the signal that ended a child that did some work; 0 for none."""
    child = os.fork()
    if child == 0:
        work()
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def main(endpoint: str, folder: Path) -> None:
    """Try every place, each below a prefix of its own."""
    for number, (place, file) in enumerate(PLACES):

        def work(place: str = place, file: int = file, number: int = number) -> None:
            keys = {"aws_access_key_id": ACCESS_KEY, "aws_secret_access_key": SECRET_KEY}
            real = boto3.client("s3", region_name="us-east-1", endpoint_url=endpoint, **keys)
            upload(folder, f"killed-{number}", Destination("packs", "aws", 30), Client(real, place, file))

        sys.stdout.write(f"killed-{number} {place} {file} {ended_by(work)}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))

"""Lets each answer end, and come to its end: bytes without end would keep a run for ever, a part is no answer.

The SDK bounds how long nothing may come, not how long something may; and it takes what came before a connection broke
for the whole, nothing at all for an answer without members.
"""

import io
import math
import time
from collections.abc import Iterator, Mapping
from functools import lru_cache
from http.client import HTTPResponse
from typing import Any, Final

from botocore.awsrequest import (
    AWSHTTPConnection,
    AWSHTTPConnectionPool,
    AWSHTTPSConnection,
    AWSHTTPSConnectionPool,
    AWSResponse,
)
from botocore.exceptions import ConnectionClosedError, ReadTimeoutError
from urllib3.exceptions import ProtocolError
from urllib3.exceptions import ReadTimeoutError as SilenceError

from auditor.base.counts import counted

ANSWER_SECONDS: Final = 60
"""For an answer's status and headers, and again for its body; the largest ones take a second or two."""
MOST_BYTES: Final = 512 << 20
"""Of one page of an answer; the largest ones have some megabytes."""

_PART: Final = 1 << 16


def let_end(client: Any, seconds: float) -> None:
    """Bound the headers and bodies of what an SDK client is answered; one of another build keeps its own way.

    Args:
        client: its objects in S3, which are read in a stream, are left to whoever reads them.
        seconds: until headers are complete, and then until a body is.
    """
    endpoint: Any = getattr(client, "_endpoint", None)
    if hasattr(endpoint, "http_session"):
        getattr(endpoint.http_session, "_pool_classes_by_scheme", {}).update(_pools(seconds))
        endpoint.http_session = _Ending(endpoint.http_session, seconds)


@lru_cache
def _pools(seconds: float) -> Mapping[str, type]:
    """Return the SDK's own pools, whose connections wait so long for the headers of an answer."""

    class Answer(HTTPResponse):
        """Reads its headers within a time, which the SDK grants to each single read."""

        def begin(self) -> None:
            timed = _Timed(self.fp.detach(), time.monotonic() + seconds)
            self.fp = io.BufferedReader(timed)
            super().begin()
            timed.ends = math.inf

    class Plain(AWSHTTPConnection):  # type: ignore[misc]
        response_class = Answer

    class Secure(AWSHTTPSConnection):  # type: ignore[misc]
        response_class = Answer

    class PlainPool(AWSHTTPConnectionPool):  # type: ignore[misc]
        ConnectionCls = Plain

    class SecurePool(AWSHTTPSConnectionPool):  # type: ignore[misc]
        ConnectionCls = Secure

    return {"http": PlainPool, "https": SecurePool}


class _Timed(io.RawIOBase):
    """What comes from a socket until a moment; later nothing is read."""

    def __init__(self, raw: io.RawIOBase, ends: float) -> None:
        self._raw = raw
        self.ends = ends

    def readable(self) -> bool:
        return True

    def readinto(self, room: Any) -> int | None:
        """Read what there is.

        Raises:
            TimeoutError: the moment has passed.
        """
        if time.monotonic() > self.ends:
            raise TimeoutError("the headers of an answer did not end")
        return self._raw.readinto(room)

    def fileno(self) -> int:
        return self._raw.fileno()

    def close(self) -> None:
        self._raw.close()
        super().close()


class _Ending:
    """Sends as the SDK's own HTTP session does, and reads the bodies itself."""

    def __init__(self, inner: Any, seconds: float) -> None:
        self._inner = inner
        self._seconds = seconds

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def send(self, request: Any) -> AWSResponse:
        """Send a request; its answer's body has been read where the SDK would have read it."""
        if request.stream_output:
            return self._inner.send(request)
        request.stream_output = True
        answer = self._inner.send(request)
        try:
            whole = AWSResponse(answer.url, answer.status_code, answer.headers, _Body(answer.raw, self._seconds))
            _ = whole.content
        except (SilenceError, TimeoutError) as error:
            raise ReadTimeoutError(endpoint_url=request.url, error=error) from error
        except ProtocolError as error:
            raise ConnectionClosedError(endpoint_url=request.url, request=request, error=error) from error
        finally:
            request.stream_output = False
        return whole


class _Body:
    """What of an answer is not read yet."""

    def __init__(self, raw: Any, seconds: float) -> None:
        self._raw = raw
        self._seconds = seconds
        self._ends = time.monotonic() + seconds

    def stream(self) -> Iterator[bytes]:
        """Yield the body's parts as they come.

        Raises:
            TimeoutError: it takes too long.
            ProtocolError: it is too large, or the connection broke before as much had come as was announced.
        """
        left = MOST_BYTES
        while part := self._raw.read1(_PART):
            yield part
            left -= len(part)
            if left < 0:
                self._raw.close()
                raise ProtocolError(f"the answer has more than {MOST_BYTES:,} bytes")
            if time.monotonic() > self._ends:
                self._raw.close()
                raise TimeoutError(f"the answer took more than {self._seconds:g} s")
        if self._raw.length_remaining:
            self._raw.close()
            raise ProtocolError(f"the answer lacks {counted(self._raw.length_remaining, 'byte')} of what was announced")
        self._raw.release_conn()

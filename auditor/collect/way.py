"""Notices when network or session are gone altogether: a run then breaks off, and can be taken up again.

Otherwise it would store thousands of answers that say nothing. That a single service cannot be reached is no such case.
"""

from collections.abc import Callable
from threading import Lock
from typing import Final

from auditor.evidence.answer import Answer

_NO_WAY: Final = frozenset(
    {"ConnectionError", "ConnectionClosed", "Timeout", "ExpiredToken", "ExpiredTokenException", "RequestExpired"}
    | {"ExpiredTokenError", "TokenRetrievalError", "CredentialRetrievalError", "SSOTokenLoadError"}
    | {"UnauthorizedSSOTokenError", "NoCredentialsError", "LoginRefreshRequired", "ProxyConnectionError"}
)
"""Codes that speak of the network or of the session, not of what was asked; either may be gone for everything."""

_FAILURES_BETWEEN: Final = 8


class Way:
    """Watches answers for signs that nothing can be asked any more. Safe to share between threads.

    Args:
        check: asks once more who we are; raises when that cannot be told.
    """

    def __init__(self, check: Callable[[], None]) -> None:
        self._check = check
        self._failures = 0
        self._lock = Lock()

    def saw(self, answer: Answer) -> None:
        """Take note of an answer.

        Raises:
            CollectionError: nothing can be asked any more.
        """
        if answer.error is None or answer.error.code not in _NO_WAY:
            return
        with self._lock:
            due = self._failures % _FAILURES_BETWEEN == 0
            self._failures += 1
            if due:
                self._check()

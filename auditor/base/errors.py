"""The error family, split by who can act on it. Nothing here decides what is printed: ``auditor.cli`` does."""

from typing import ClassVar


class AuditorError(Exception):
    """Base of every error the product raises on purpose.

    Args:
        message: one sentence: what went wrong, and with what.
        hint: one sentence: what to do about it; empty when the message says it all.
    """

    exit_code: ClassVar[int] = 5

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(AuditorError):
    """The command line or ``auditor.yaml`` asks for something that does not exist. The caller can act."""

    exit_code: ClassVar[int] = 2


class CatalogError(AuditorError):
    """A control, framework or operation file is wrong. Its author can act; the message names file and line."""

    exit_code: ClassVar[int] = 2


class CollectionError(AuditorError):
    """The run cannot collect at all: no credentials, no endpoint. Whoever grants access can act.

    A single refused operation is not an error but evidence of one; see ``auditor.evidence.store``.
    """


class IntegrityError(AuditorError):
    """A hash, signature, chain or pack does not hold."""

    exit_code: ClassVar[int] = 4


class RenderError(AuditorError):
    """A page or export cannot be produced."""


class SealError(AuditorError):
    """A pack cannot be sealed, signed or time-stamped."""


class IdentityError(SealError):
    """A key or certificate that somebody named is none, or not for signing. The caller can act."""

    exit_code: ClassVar[int] = 2

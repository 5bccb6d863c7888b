"""Whether the run behind a pack got to its end, as manifest and results tell it. Pure."""

from collections.abc import Mapping
from typing import Any

from auditor.base.counts import counted

_NO_CREDENTIALS = (
    "ExpiredToken", "RequestExpired", "InvalidClientTokenId", "UnrecognizedClient", "InvalidAccessKeyId",
    "SignatureDoesNotMatch", "AuthFailure", "NotAuthorizedSSO",
)  # fmt: skip
"""How error codes begin that say of the credentials, and not of one call, that they are no good."""


def cut_short(manifest: Mapping[str, Any], results: Mapping[str, Any]) -> str:
    """Say what cut a run short; empty for one that got to its end, whatever single calls answered.

    Raises:
        KeyError, TypeError: the documents have another shape.
    """
    completeness = manifest["completeness"]
    if 2 * completeness["done"] < completeness["planned"]:
        return f"only {completeness['done']:,} of {counted(completeness['planned'], 'call')} answered"
    if any(str(gap["error"]).startswith(_NO_CREDENTIALS) for gap in results["gaps"]):
        return "its credentials were refused or expired on the way"
    return ""

"""Takes ARNs apart: ``arn:partition:service:region:account:resource``.

Source: IAM User Guide, "Amazon Resource Names (ARNs)".
"""

import re
from typing import Final

PARTS: Final = 6
"""Parts of an ARN; only the last may hold further colons."""
_REGION, _ACCOUNT = 3, 4
_ACCOUNT_ID = re.compile(r"\d{12}", re.ASCII)


def account_of(principal: str) -> str:
    """Return the account of an ARN or of a bare account id; empty where there is none."""
    if _ACCOUNT_ID.fullmatch(principal):
        return principal
    parts = principal.split(":")
    return parts[_ACCOUNT] if len(parts) > _ACCOUNT else ""


def region_of(arn: str) -> str:
    """Return the Region of an ARN; empty where there is none."""
    parts = arn.split(":")
    return parts[_REGION] if len(parts) > _REGION else ""

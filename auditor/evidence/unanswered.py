"""What people read where an answer is missing: AWS's own code, or words for the codes that are ours."""

from typing import Final

NOT_COLLECTED: Final = "NotCollected"
"""Our code where nobody was asked."""

OWN_ASKING: Final = {
    "events:Answer": "the questions over CloudTrail events",
    "events:Measured": "the measurements of CloudTrail events",
    "trail:NotableEvents": "the search of log files",
    "trail:VerifyDigests": "the verification of log files",
}
"""What is made from log files and asked of no service -> what people call it; EventBridge is ``events:``, too."""

_OWN_CODES: Final = {
    NOT_COLLECTED: "not asked",
    "Absent": "no such thing",
    "Incomplete": "an answer without an end",
    "Malformed": "an answer that cannot be understood",
    "NoSuchEndpoint": "no such service there",
    "NotAnswered": "no answer could be made",
    "NotRead": "not read",
    "ReportInProgress": "not ready in time",
}


def asked_for(operation: str) -> str:
    """Name what was asked for: AWS's name of an operation, or words for what is made from log files."""
    return OWN_ASKING.get(operation, operation)


def error_words(code: str) -> str:
    """Say why there is no answer: AWS's own code as it stands, words instead of one of ours."""
    return _OWN_CODES.get(code, code)


def unanswered(operation: str, region: str, account: str, code: str, message: str) -> str:
    """Say in one sentence which answer is missing and why: what AWS said, or why nobody was asked."""
    place = f"{asked_for(operation)} in {region or 'global'} of {account}".replace(" in global of", " of")
    why = f": {message.strip().rstrip('.')}." if message.strip() else "."
    told = "was not asked for" if code == NOT_COLLECTED else f"gave no usable answer ({error_words(code)})"
    return f"{place} {told}{why}"

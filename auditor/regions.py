"""Names of AWS Regions: their form, and the one that was probably meant. Never says which Regions an account has."""

import re
from collections.abc import Mapping
from difflib import SequenceMatcher, get_close_matches
from typing import Final

FORM: Final = r"^[a-z]{2,5}(-[a-z]+){1,3}-\d{1,2}$"
"""What every name of a Region looks like, in all partitions."""

KNOWN: Final = (
    "af-south-1", "ap-east-1", "ap-east-2", "ap-northeast-1", "ap-northeast-2", "ap-northeast-3", "ap-south-1",
    "ap-south-2", "ap-southeast-1", "ap-southeast-2", "ap-southeast-3", "ap-southeast-4", "ap-southeast-5",
    "ap-southeast-6", "ap-southeast-7", "ca-central-1", "ca-west-1", "cn-north-1", "cn-northwest-1", "eu-central-1",
    "eu-central-2", "eu-isoe-west-1", "eu-north-1", "eu-south-1", "eu-south-2", "eu-west-1", "eu-west-2", "eu-west-3",
    "eusc-de-east-1", "il-central-1", "me-central-1", "me-south-1", "mx-central-1", "sa-east-1", "us-east-1",
    "us-east-2", "us-gov-east-1", "us-gov-west-1", "us-iso-east-1", "us-iso-west-1", "us-isob-east-1",
    "us-isob-west-1", "us-isof-east-1", "us-isof-south-1", "us-west-1", "us-west-2",
)  # fmt: skip
"""Regions that the AWS SDK knows; a test compares. For suggestions: a newer one is believed, as AWS will tell."""

HOME: Final[Mapping[str, str]] = {
    "aws": "us-east-1",
    "aws-cn": "cn-north-1",
    "aws-us-gov": "us-gov-west-1",
    "aws-iso": "us-iso-east-1",
    "aws-iso-b": "us-isob-east-1",
    "aws-iso-e": "eu-isoe-west-1",
    "aws-iso-f": "us-isof-south-1",
    "aws-eusc": "eusc-de-east-1",
}
"""Partition -> Region where its account-wide services answer, and where what they are asked is recorded."""

_FORM: Final = re.compile(FORM)
_DIRECTION: Final = re.compile(r"(north|south|central|)(east|west|)")


def mistake_in(name: str) -> str:
    """Say what is wrong with the name of a Region, and which was probably meant; empty where it may be one.

    A name that ends in a direction and a number may be a Region that is newer than this program. One without a
    direction is none: every Region has had one since 2006.
    """
    if name in KNOWN:
        return ""
    if _FORM.fullmatch(name):
        direction = name.rsplit("-", 2)[1]
        if _DIRECTION.fullmatch(direction):
            return ""
    close = _closest(name.lower())
    return f"{name!r} is no name of an AWS Region; {f'did you mean {close}?' if close else 'such as eu-central-1'}"


def _closest(name: str) -> str:
    """Return the Region that was probably meant: one of the same letters, that goes on so, or begins so."""

    def near(known: str) -> float:
        return SequenceMatcher(None, name, known).ratio()

    def rank(known: str) -> tuple[bool, bool, bool, float]:
        return sorted(known) != sorted(name), not known.startswith(name), known[:2] != name[:2], -near(known)

    return min(sorted(get_close_matches(name, KNOWN, n=len(KNOWN))), key=rank, default="")

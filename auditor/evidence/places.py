"""Where AWS offers its services, as far as an unanswered call needs an explanation. Knows no SDK and no network.

A Region in which a service does not exist has nothing to judge; an endpoint that was not reached has. The first is
proved by the name of the endpoint, which does not exist in DNS, or by the SDK's own list of endpoints.
"""

import re
from typing import Final

NO_ENDPOINT: Final = "NoSuchEndpoint"
"""Our code for an endpoint whose name does not exist in DNS; the collector saw it."""

_NO_NAME = re.compile(
    r"name or service not known|nodename nor servname|no such host|no address associated|NXDOMAIN", re.IGNORECASE
)
"""How resolvers say that a name does not exist; a temporary failure is something else."""

_UNREACHED = frozenset({NO_ENDPOINT, "EndpointConnectionError", "ConnectionError"})

REGIONS: Final = frozenset(
    {
        *("af-south-1", "ap-east-1", "ap-east-2", "ap-northeast-1", "ap-northeast-2", "ap-northeast-3", "ap-south-1"),
        *("ap-south-2", "ap-southeast-1", "ap-southeast-2", "ap-southeast-3", "ap-southeast-4", "ap-southeast-5"),
        *("ap-southeast-6", "ap-southeast-7", "ca-central-1", "ca-west-1", "eu-central-1", "eu-central-2"),
        *("eu-north-1", "eu-south-1", "eu-south-2", "eu-west-1", "eu-west-2", "eu-west-3", "il-central-1"),
        *(
            "me-central-1",
            "me-south-1",
            "mx-central-1",
            "sa-east-1",
            "us-east-1",
            "us-east-2",
            "us-west-1",
            "us-west-2",
        ),
        *("cn-north-1", "cn-northwest-1", "us-gov-east-1", "us-gov-west-1", "eusc-de-east-1"),
    }
)
"""Regions that the SDK lists (botocore's ``endpoints.json``)."""

NOT_IN: Final = {
    "macie2": frozenset(
        {
            *("ap-east-2", "ap-south-2", "ap-southeast-3", "ap-southeast-4", "ap-southeast-5", "ap-southeast-6"),
            *("ap-southeast-7", "ca-west-1", "eu-central-2", "eu-south-2", "me-central-1", "mx-central-1"),
            *("cn-north-1", "cn-northwest-1", "us-gov-east-1", "us-gov-west-1", "eusc-de-east-1"),
        }
    )
}
"""Services that the SDK does not list everywhere, and where not."""


def has_no_endpoint(service: str, region: str, code: str, message: str) -> bool:
    """Say whether an error means that a service does not exist in a Region, not that it was out of reach.

    Args:
        service: the SDK's client name.
        region: where it was asked, or ``global``.
        code: the error code of the call.
        message: what was said beside it.
    """
    if code not in _UNREACHED:
        return False
    if code == NO_ENDPOINT or _NO_NAME.search(message):
        return True
    listed = region in REGIONS and region not in NOT_IN.get(service, ())
    return code == "EndpointConnectionError" and region != "global" and not listed

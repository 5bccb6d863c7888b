"""One API call of Northwind Ledger, as CloudTrail will record it, and the time that the records are of."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from auditor.simulator.worlds.principals import ACCOUNT, HOME, Principal, uuid_text

BEGIN: Final = datetime(2026, 9, 30, 18, tzinfo=UTC)
"""When log file validation was switched on: the first digest of each Region begins here."""


END: Final = datetime(2026, 11, 2, 6, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Happening:
    """One API call as it will be recorded."""

    at: datetime
    who: Principal
    source: str
    name: str
    region: str = HOME
    request: Mapping[str, Any] | None = None
    response: Mapping[str, Any] | None = None
    error: tuple[str, str] | None = None
    read_only: bool = False
    kind: str = "AwsApiCall"
    category: str = "Management"
    extra: Mapping[str, Any] = field(default_factory=dict)
    address: str = ""

    def record(self) -> dict[str, Any]:
        """Return the CloudTrail record."""
        stamp = f"{self.at:%Y-%m-%dT%H:%M:%SZ}"
        seed = (stamp, self.who.name, self.who.session, self.source, self.name, self.region, str(self.request))
        source = f"{self.source}.amazonaws.com"
        record: dict[str, Any] = {
            "eventVersion": "1.11",
            "userIdentity": self.who.identity(self.at),
            "eventTime": stamp,
            "eventSource": source,
            "eventName": self.name,
            "awsRegion": self.region,
            "sourceIPAddress": self.address or self.who.addresses[0],
            "userAgent": self.who.agent,
        }
        if self.error:
            record |= {"errorCode": self.error[0], "errorMessage": self.error[1]}
        if self.error and not self.error[0]:
            del record["errorCode"]
        if self.kind == "AwsConsoleSignIn":
            _sign_in_identity(record["userIdentity"], failed=self.error is not None)
        record |= {
            "requestParameters": dict(self.request) if self.request is not None else None,
            "responseElements": dict(self.response) if self.response is not None else None,
            **self.extra,
            "requestID": uuid_text("request", *seed),
            "eventID": uuid_text("event", *seed),
            "readOnly": self.read_only,
            "eventType": self.kind,
            "managementEvent": self.category == "Management",
            "recipientAccountId": ACCOUNT,
            "eventCategory": self.category,
        }
        if self.who.kind in {"IAMUser", "AssumedRole"} and not self.who.service and self.kind == "AwsApiCall":
            host = f"{self.source}.{self.region}.amazonaws.com"
            record["tlsDetails"] = {
                "tlsVersion": "TLSv1.3",
                "cipherSuite": "TLS_AES_128_GCM_SHA256",
                "clientProvidedHostHeader": host,
            }
        return record


def _sign_in_identity(identity: dict[str, Any], *, failed: bool) -> None:
    """Leave out what sign-in records do not have: a key, and for a failed attempt the ARN."""
    identity.pop("accessKeyId", None)
    if failed:
        identity.pop("arn", None)
        identity["accessKeyId"] = ""

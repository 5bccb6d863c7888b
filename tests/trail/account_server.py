"""A trail's bucket and the account around it behind one loopback endpoint: all calls that verification makes."""

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs, urlsplit

from auditor.trail.names import Location

from .bucket import HOME, KEYS, NOW, OTHER, START, TRAIL
from .faulty_store import Handler, Store, serving

__all__ = ["CALLS", "FAULTS", "ORGANIZATION", "AccountHandler", "AccountStore", "serving"]

ORGANIZATION = "o-abcdef1234"
CALLS = (
    "DescribeTrails",
    "DescribeRegions",
    "DescribeOrganization",
    "ListPublicKeys",
    "HeadBucket",
    "ListObjectsV2",
    "GetObject",
    "GetBucketLifecycleConfiguration",
    "ListObjectVersions",
)
FAULTS = ("denied", "throttled", "other-shape", "no-shape", "reset")


class AccountStore(Store):
    """What is served: the bucket, the trail as DescribeTrails tells of it, and which call fails how."""

    trail: Mapping[str, Any]
    broken: dict[str, str]
    calls: list[str]


def account_store(bucket: Any, **trail: Any) -> AccountStore:
    """Return a store with an account around it."""
    store = AccountStore(bucket)
    store.broken, store.calls = {}, []
    store.trail = {
        "Name": TRAIL.name,
        "TrailARN": TRAIL.arn,
        "S3BucketName": TRAIL.bucket,
        "S3KeyPrefix": TRAIL.prefix,
        "HomeRegion": HOME,
        "IsMultiRegionTrail": True,
        "IsOrganizationTrail": True,
        "LogFileValidationEnabled": True,
    } | trail
    return store


class AccountHandler(Handler):
    """Answers the reads of a verifier, or fails as told."""

    store: AccountStore

    def do_POST(self) -> None:  # noqa: N802 - the name that http.server calls
        """Answer what is asked of CloudTrail, EC2 or Organizations."""
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        target = self.headers.get("X-Amz-Target", "").rpartition(".")[2]
        call = target or parse_qs(body)["Action"][0]
        if self._fails(call, xml=not target):
            return
        if call == "DescribeRegions":
            rows = "".join(
                f"<item><regionName>{region}</regionName><optInStatus>opt-in-not-required</optInStatus></item>"
                for region in (HOME, OTHER)
            )
            answer = f"<DescribeRegionsResponse><regionInfo>{rows}</regionInfo></DescribeRegionsResponse>"
            self.answer(200, answer.encode(), {"Content-Type": "text/xml"})
        else:
            self._json(200, self._said(call, json.loads(body or "{}")))

    def _said(self, call: str, request: Mapping[str, Any]) -> Mapping[str, Any]:
        if call == "DescribeTrails":
            return {"trailList": [self.store.trail]}
        if call == "GetTrail":
            return {"Trail": self.store.trail}
        if call == "DescribeOrganization":
            return {"Organization": {"Id": ORGANIZATION, "MasterAccountId": TRAIL.account}}
        del request
        region = self.headers["Authorization"].split("/")[2]
        return {"PublicKeyList": [key.published_json() for key in KEYS.public_keys(region, START, NOW)]}

    def do_HEAD(self) -> None:  # noqa: N802 - the name that http.server calls
        """Say that the bucket is there."""
        if not self._fails("HeadBucket", xml=True):
            super().do_HEAD()

    def do_GET(self) -> None:  # noqa: N802 - the name that http.server calls
        """Serve an object, a listing or a bucket's settings."""
        parts = urlsplit(self.path)
        query = parse_qs(parts.query, keep_blank_values=True)
        call = "GetObject" if parts.path.count("/") > 1 and parts.path.rstrip("/").count("/") > 1 else "ListObjectsV2"
        call = "GetBucketLifecycleConfiguration" if "lifecycle" in query else call
        call = "ListObjectVersions" if "versions" in query else call
        if not self._fails(call, xml=True):
            super().do_GET()

    def _fails(self, call: str, *, xml: bool) -> bool:
        self.store.calls.append(call)
        kind = self.store.broken.get(call)
        codes = {
            "denied": (403, "AccessDenied"),
            "throttled": (503 if xml else 400, "SlowDown" if xml else "ThrottlingException"),
            "server-error": (500, "InternalError"),
        }
        if kind is None:
            return False
        if kind in codes:
            status, code = codes[kind]
            if xml:
                self.answer(status, f"<Error><Code>{code}</Code></Error>".encode(), {"Content-Type": "text/xml"})
            else:
                self._json(status, {"__type": code, "message": code})
        elif kind == "empty":
            self.answer(200, b"")
        elif kind == "other-shape":
            self.answer(200, b"<Other><x>1</x></Other>" if xml else b'{"trailList": 7, "PublicKeyList": {"a": 1}}')
        elif kind == "no-shape":
            self.answer(200, b"not what was asked for")
        else:
            self.close_connection = True
            self.connection.close()
        return True

    def _json(self, status: int, value: Mapping[str, Any]) -> None:
        self.answer(status, json.dumps(value).encode(), {"Content-Type": "application/x-amz-json-1.1"})


LOCATION = Location(TRAIL.bucket, TRAIL.prefix, ORGANIZATION)

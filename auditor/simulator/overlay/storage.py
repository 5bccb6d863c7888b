"""S3 beyond moto: the defaults that every bucket has had since 2023, bucket Regions, MFA delete."""

import base64
import hashlib
from typing import Any

from auditor.simulator.app import Application, Refused
from auditor.simulator.calls import Call
from auditor.simulator.overlay.state import State


def install(application: Application, state: State) -> None:
    """Add S3's overlay."""
    application.overlay |= {
        "s3:GetBucketEncryption": lambda call: _encryption(application, call),
        "s3:GetBucketOwnershipControls": lambda call: _ownership(application, call),
        "s3:PutObject": _arrived_whole,
    }
    application.amendments |= {
        "s3:ListBuckets": lambda call, output: _own_buckets(application, call, output, state),
        "s3:GetBucketVersioning": lambda call, output: _mfa_delete(call, output, state),
    }


def _arrived_whole(call: Call) -> None:
    """Refuse a body that does not have the SHA-256 that came with it; moto stores both as they are."""
    stated = call.request.headers.get("x-amz-checksum-sha256", "")
    if stated and base64.b64encode(hashlib.sha256(call.request.body).digest()).decode() != stated:
        raise Refused("BadDigest", "The SHA256 you specified did not match the calculated checksum.")


def _encryption(application: Application, call: Call) -> dict[str, Any]:
    """Objects are encrypted with SSE-S3 unless something else was asked for (since January 2023)."""
    try:
        return application.below(call)
    except Refused as refused:
        if refused.code != "ServerSideEncryptionConfigurationNotFoundError":
            raise
    rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}, "BucketKeyEnabled": False}
    return {"ServerSideEncryptionConfiguration": {"Rules": [rule]}}


def _ownership(application: Application, call: Call) -> dict[str, Any]:
    """ACLs are off in new buckets (since April 2023)."""
    try:
        return application.below(call)
    except Refused as refused:
        if refused.code != "OwnershipControlsNotFoundError":
            raise
    return {"OwnershipControls": {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}}


def _own_buckets(application: Application, call: Call, output: dict[str, Any], state: State) -> dict[str, Any]:
    """List the account's own buckets, page by page as AWS does where a number is asked for; moto cuts the list off."""
    from moto.s3.models import s3_backends

    asked = call.parameters
    buckets = [
        {"Name": name, "CreationDate": bucket.creation_date_ISO8601, "BucketRegion": bucket.region_name}
        for name, bucket in s3_backends[application.account]["aws"].buckets.items()
        if name not in state.elsewhere
        and name.startswith(asked.get("Prefix") or "")
        and asked.get("BucketRegion") in (None, bucket.region_name)
    ]
    first = int(asked.get("ContinuationToken") or 0)
    page = buckets[first:][: int(asked.get("MaxBuckets") or len(buckets))]
    owner = {"ID": "7f2a1e1f6a0c4d6b8e9d0c1b2a3f4e5d6c7b8a9f0e1d2c3b4a5f6e7d8c9b0a1f"}
    more = {"ContinuationToken": f"{first + len(page)}"} if first + len(page) < len(buckets) else {}
    return {**output, "Owner": owner, "Buckets": page, **more}


def _mfa_delete(call: Call, output: dict[str, Any], state: State) -> dict[str, Any]:
    if str(call.parameters.get("Bucket")) in state.mfa_delete:
        output["MFADelete"] = "Enabled"
    return output

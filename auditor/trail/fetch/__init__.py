"""Fetches objects and keys: from S3 through obstore, or from a folder of downloaded objects. Judges nothing.

Every error becomes :class:`Unavailable` with a reason, for one object; nothing here stops a run. Credentials and
settings are the AWS SDK's own chain. Only read calls are made: ListObjectsV2, GetObject, HeadBucket,
ListObjectVersions, GetBucketLifecycleConfiguration, ListPublicKeys, DescribeTrails, GetTrail, DescribeRegions,
DescribeOrganization.
"""

from auditor.trail.fetch.account import (
    describe_trail,
    enabled_regions,
    fetch_public_keys,
    organization_of,
    regions_of_every_account,
)
from auditor.trail.fetch.folder import (
    DIGEST_ZIP,
    KEY_FILE,
    METADATA_FILE,
    FolderSource,
    open_folder,
    read_key_file,
    regions_of_key_file,
)
from auditor.trail.fetch.lanes import Lanes, Quick
from auditor.trail.fetch.s3 import FIRST_PAUSE_SECONDS, S3Source, classify
from auditor.trail.fetch.source import OBJECT_LIMIT, Fetched, Listed, ObjectSource, Saved, Unavailable, Version

__all__ = [
    "DIGEST_ZIP",
    "FIRST_PAUSE_SECONDS",
    "KEY_FILE",
    "METADATA_FILE",
    "OBJECT_LIMIT",
    "Fetched",
    "FolderSource",
    "Lanes",
    "Listed",
    "ObjectSource",
    "Quick",
    "S3Source",
    "Saved",
    "Unavailable",
    "Version",
    "classify",
    "describe_trail",
    "enabled_regions",
    "fetch_public_keys",
    "open_folder",
    "organization_of",
    "read_key_file",
    "regions_of_every_account",
    "regions_of_key_file",
]

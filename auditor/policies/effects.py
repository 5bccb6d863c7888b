"""What actions of S3 do to the files of a bucket: one table of IAM action names with their effect.

The names are those of policies, which are not always those of the API (``s3:PutLifecycleConfiguration``). Actions
without an effect on files that are there (inventory, notifications, tags, requester pays) are left out.
Source: Service Authorization Reference, "Actions, resources, and condition keys for Amazon S3"; S3 User Guide.
"""

from dataclasses import dataclass
from enum import Enum
from typing import Final


class Effect(Enum):
    """What somebody who may do something can bring about."""

    READS = "read"
    DELETES = "delete"
    CHANGES = "change"
    """Puts another file in place of one that is there, or changes who may read it and for how long it is kept."""
    UNPROTECTS = "take away the protection of"
    """Loosens retention, versioning, encryption or lifecycle, so that files go or cannot be read later."""
    OPENS = "open"
    """Lets others in."""


class On(Enum):
    """What an action is done to."""

    OBJECTS = "objects"
    BUCKET = "bucket"


class Where(Enum):
    """The state of a bucket in which an action has its effect."""

    EVERYWHERE = "everywhere"
    UNVERSIONED = "where versioning is not enabled"
    """Elsewhere the file that was there is kept as an older version."""
    ACLS_ON = "where access control lists are in force"
    """Not where the bucket owner is enforced as the owner of all objects."""


@dataclass(frozen=True, slots=True)
class Action:
    """One action of S3 with its effect on the files of a bucket."""

    name: str
    effect: Effect
    on: On
    where: Where = Where.EVERYWHERE


S3_ACTIONS: Final = (
    Action("s3:GetObject", Effect.READS, On.OBJECTS),
    Action("s3:GetObjectVersion", Effect.READS, On.OBJECTS),
    Action("s3:GetObjectTorrent", Effect.READS, On.OBJECTS),
    Action("s3:GetObjectVersionTorrent", Effect.READS, On.OBJECTS),
    Action("s3:GetObjectVersionForReplication", Effect.READS, On.OBJECTS),
    Action("s3:DeleteObject", Effect.DELETES, On.OBJECTS),
    Action("s3:DeleteObjectVersion", Effect.DELETES, On.OBJECTS),
    Action("s3:ReplicateDelete", Effect.DELETES, On.OBJECTS),
    Action("s3:BypassGovernanceRetention", Effect.UNPROTECTS, On.OBJECTS),
    Action("s3:PutObjectRetention", Effect.CHANGES, On.OBJECTS),
    Action("s3:PutObjectLegalHold", Effect.CHANGES, On.OBJECTS),
    Action("s3:PutObject", Effect.CHANGES, On.OBJECTS, Where.UNVERSIONED),
    Action("s3:ReplicateObject", Effect.CHANGES, On.OBJECTS, Where.UNVERSIONED),
    Action("s3:PutObjectAcl", Effect.CHANGES, On.OBJECTS, Where.ACLS_ON),
    Action("s3:PutObjectVersionAcl", Effect.CHANGES, On.OBJECTS, Where.ACLS_ON),
    Action("s3:DeleteBucket", Effect.DELETES, On.BUCKET),
    Action("s3:DeleteBucketPolicy", Effect.UNPROTECTS, On.BUCKET),
    Action("s3:PutBucketPolicy", Effect.OPENS, On.BUCKET),
    Action("s3:PutBucketAcl", Effect.OPENS, On.BUCKET),
    Action("s3:PutBucketOwnershipControls", Effect.OPENS, On.BUCKET),
    Action("s3:PutBucketPublicAccessBlock", Effect.OPENS, On.BUCKET),
    Action("s3:PutReplicationConfiguration", Effect.OPENS, On.BUCKET),
    Action("s3:PutBucketVersioning", Effect.UNPROTECTS, On.BUCKET),
    Action("s3:PutLifecycleConfiguration", Effect.UNPROTECTS, On.BUCKET),
    Action("s3:PutBucketObjectLockConfiguration", Effect.UNPROTECTS, On.BUCKET),
    Action("s3:PutEncryptionConfiguration", Effect.UNPROTECTS, On.BUCKET),
    Action("s3:PutIntelligentTieringConfiguration", Effect.UNPROTECTS, On.BUCKET),
)


def actions_that(*effects: Effect, on: On, where: Where = Where.EVERYWHERE) -> tuple[str, ...]:
    """Return the names of the actions with one of these effects, in the state of a bucket that is named."""
    return tuple(one.name for one in S3_ACTIONS if one.effect in effects and one.on is on and one.where is where)

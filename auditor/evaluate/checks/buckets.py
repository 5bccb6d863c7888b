"""Judges buckets: who can reach them, how they are encrypted and kept."""

from auditor.evaluate.checks.cloudtrail import PUBLIC_ACCESS_FLAGS, effective_block
from auditor.evaluate.checks.fields import text
from auditor.evaluate.view import Subject
from auditor.model import Verdict, failed, passed


def public_access_blocked(subject: Subject) -> Verdict:
    """Judge one bucket: all four Block Public Access flags hold, set on the account or on the bucket.

    Evidence: ``s3:ListBuckets`` (population), ``s3control:GetPublicAccessBlock``, ``s3:GetPublicAccessBlock``.
    """
    blocked = effective_block(subject.evidence, text(subject.item, "Name"))
    off = [name for name in PUBLIC_ACCESS_FLAGS if not blocked[name]]
    if off:
        return failed(f"Neither the account nor the bucket sets {', '.join(off)}.", observed=f"off: {', '.join(off)}")
    return passed("All four Block Public Access settings hold for the bucket.", observed="all four settings on")

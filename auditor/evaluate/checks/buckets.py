"""Judges buckets: who can reach them, how they are encrypted and kept."""

from auditor.evaluate.checks.cloudtrail import effective_block
from auditor.evaluate.checks.fields import listed, mapping, optional_text, some, text
from auditor.evaluate.subject import Subject
from auditor.model import Verdict, failed, manual, not_applicable, not_assessed, passed
from auditor.policies.document import Condition, Kind, Statement, read_policy
from auditor.policies.grants import speaks_of_whole_service

_JOB_GOES_ON = ("RUNNING", "IDLE")
"""States of a Macie job that will look again."""


def public_access_blocked(subject: Subject) -> Verdict:
    """Judge one bucket: all four Block Public Access flags hold, set on the account or on the bucket.

    Evidence: ``s3:ListBuckets`` (population), ``s3control:GetPublicAccessBlock``, ``s3:GetPublicAccessBlock``.
    """
    blocked = effective_block(subject.evidence, text(subject.item, "Name"))
    off = [name for name, holds in blocked.items() if not holds]
    if off:
        return failed(f"Neither the account nor the bucket sets {', '.join(off)}.", observed=f"off: {', '.join(off)}")
    return passed("All four Block Public Access settings hold for the bucket.", observed="all four settings on")


def default_encryption(subject: Subject) -> Verdict:
    """Judge one bucket: a rule for server-side encryption is set.

    Evidence: ``s3:ListBuckets`` (population), ``s3:GetBucketEncryption``.
    """
    answer = subject.evidence.find("s3:GetBucketEncryption", Bucket=text(subject.item, "Name"))
    rules = listed(mapping(answer, "ServerSideEncryptionConfiguration"), "Rules") if answer is not None else ()
    if not rules:
        return failed("The bucket has no rule for default encryption.", observed="no rule")
    kinds = [text(mapping(rule, "ApplyServerSideEncryptionByDefault"), "SSEAlgorithm") for rule in rules]
    return passed(f"New objects are encrypted by default with {some(kinds)}.", observed=some(kinds))


def insecure_transport_denied(subject: Subject) -> Verdict:
    """Judge one bucket's policy: plain HTTP is denied to everybody, for the bucket and all its objects.

    A Deny counts when ``aws:SecureTransport`` false is its only condition, be it as ``Bool`` or ``BoolIfExists``: every
    request has the key, so that to ask whether it has narrows nothing. A minimum TLS version does not match plain HTTP,
    and a further condition leaves a way in.

    Evidence: ``s3:ListBuckets`` (population), ``s3:GetBucketPolicy``.
    """
    name = text(subject.item, "Name")
    answer = subject.evidence.find("s3:GetBucketPolicy", Bucket=name)
    if answer is None:
        return failed("The bucket has no policy.", observed="no bucket policy")
    arn = f"arn:{subject.account.partition}:s3:::{name}"
    policy = read_policy(text(answer, "Policy"), Kind.BUCKET)
    if policy.unreadable:
        return not_assessed(f"In the bucket policy, {policy.fault}, so what it denies is not known.")
    denials = [item for item in policy.statements if _denies_plain_http(item)]
    strict = [item for item in denials if all(map(_fits_plain_http, item.conditions))]
    if any(item.names(arn) is True for item in strict) and any(item.takes_in(f"{arn}/") for item in strict):
        return passed("A statement denies requests without TLS for the bucket and all its objects.")
    if strict:
        return failed("The statement that denies plain HTTP does not cover both the bucket and all its objects.")
    if denials:
        return failed("The statement that denies plain HTTP has further conditions, which narrow it.")
    return failed("No statement denies plain HTTP to everybody for every action.")


def _denies_plain_http(item: Statement) -> bool:
    return (
        not item.allow
        and item.every_principal
        and speaks_of_whole_service(item, "s3")
        and any(condition.operator == "bool" and _fits_plain_http(condition) for condition in item.conditions)
    )


def _fits_plain_http(condition: Condition) -> bool:
    """Say whether every request without TLS fulfils a condition; each of them has the key, with the value false."""
    asks = (
        condition.key == "aws:securetransport" and condition.operator in ("bool", "null") and not condition.quantifier
    )
    return asks and [value.lower() for value in condition.values] == ["false"]


def mfa_delete(subject: Subject) -> Verdict:
    """Judge one bucket: versioning and MFA delete are both enabled.

    Only the root user can enable MFA delete, with its MFA device; that of a GovCloud account cannot have one ("AWS
    Identity and Access Management", AWS GovCloud (US) User Guide).

    Evidence: ``s3:ListBuckets`` (population), ``s3:GetBucketVersioning``.
    """
    answer = subject.evidence.page("s3:GetBucketVersioning", Bucket=text(subject.item, "Name"))
    versioning = optional_text(answer, "Status") or "never enabled"
    protected = optional_text(answer, "MFADelete") or "not set"
    if protected != "Enabled" and subject.account.partition == "aws-us-gov":
        return not_applicable("MFA delete takes an MFA device of the root user, whom GovCloud does not let have one.")
    observed = f"versioning {versioning}, MFA delete {protected}"
    sentence = f"Versioning is {versioning} and MFA delete is {protected}."
    return (passed if (versioning, protected) == ("Enabled", "Enabled") else failed)(sentence, observed=observed)


def data_classified(subject: Subject) -> Verdict:
    """Judge one Region that holds buckets: Macie is on and looks at them by itself or by a recurring job.

    Another product may do the same, so the other answers are left to a person.

    Evidence: ``s3:ListBuckets``, ``macie2:GetMacieSession``, ``macie2:GetAutomatedDiscoveryConfiguration``,
    ``macie2:ListClassificationJobs``.
    """
    view, region = subject.evidence, subject.region
    buckets = view.items("s3:ListBuckets", "Buckets[]")
    if not any(text(item, "BucketRegion") == region for item in buckets):
        return not_applicable("The Region holds no buckets.")
    session = view.find("macie2:GetMacieSession", region=region)
    status = text(session, "status") if session is not None else "not enabled"
    if status != "ENABLED":
        return manual(f"Macie is {status} in this Region; another product may classify the data.")
    discovery = text(view.page("macie2:GetAutomatedDiscoveryConfiguration", region=region), "status")
    jobs = view.items("macie2:ListClassificationJobs", "items[]", region=region)
    recurring = [item for item in jobs if item["jobType"] == "SCHEDULED" and item["jobStatus"] in _JOB_GOES_ON]
    if discovery == "ENABLED" or recurring:
        how = "automated discovery" if discovery == "ENABLED" else "a recurring job"
        return passed(f"Macie is enabled and looks at buckets by {how}.", observed=how)
    return manual("Macie is enabled, but neither automated discovery nor a recurring job looks at buckets.")

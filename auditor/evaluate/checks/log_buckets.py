"""Judges the buckets that trails deliver to: whose they are, how long they keep logs, who may read or delete them."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from auditor.base.counts import counted
from auditor.evaluate.checks.cloudtrail import nowhere, trail_status
from auditor.evaluate.checks.fields import (
    flag,
    integer,
    listed,
    mapping,
    moment,
    optional_list,
    optional_mapping,
    optional_moment,
    optional_text,
    some,
    text,
)
from auditor.evaluate.missing import EvidenceMissing
from auditor.evaluate.subject import Subject
from auditor.model import Verdict, failed, not_assessed, passed
from auditor.policies.arn import account_of
from auditor.policies.callers import behind_access_points, named_callers, names_users, pins_caller
from auditor.policies.document import Kind, Policy, Principal, Statement, read_policy
from auditor.policies.effects import Effect, On, Where, actions_that
from auditor.policies.grants import grants

_COLD = frozenset({"GLACIER", "DEEP_ARCHIVE"})
"""Storage classes that have to be restored before they can be read; Glacier Instant Retrieval is none of them."""
_AT_HAND = frozenset({"STANDARD_IA", "ONEZONE_IA", "INTELLIGENT_TIERING", "GLACIER_IR"})
_MODES = frozenset({"GOVERNANCE", "COMPLIANCE"})
_QUIET = timedelta(days=7)
"""A home Region may rest for some days, and a trail then writes no log file."""
_DELIVERED_BY = timedelta(days=2)
"""From the start of the day in a log file's name: CloudTrail delivers within minutes, the last one after midnight."""
_HARM = (Effect.DELETES, Effect.UNPROTECTS, Effect.OPENS)
"""What nobody may do by the policy, whoever it is; what changes files is asked of outsiders only."""


def _root(subject: Subject) -> str:
    """Return the beginning of the keys of one trail's log and digest files."""
    prefix = optional_text(subject.item, "S3KeyPrefix")
    return f"{prefix}/AWSLogs/" if prefix else "AWSLogs/"


def _is_own(subject: Subject, bucket: str) -> bool:
    return bucket in {text(item, "Name") for item in subject.evidence.items("s3:ListBuckets", "Buckets[]")}


def in_another_account(subject: Subject) -> Verdict:
    """Judge the bucket of a trail: it belongs to another account than the one that is recorded.

    A bucket that is not among the account's own may not exist at all; one that took a log file does.

    Evidence: ``cloudtrail:DescribeTrails`` (population), ``s3:ListBuckets``, ``cloudtrail:GetTrailStatus``.
    """
    if _is_own(subject, text(subject.item, "S3BucketName")):
        return failed("The bucket belongs to the account whose activity it records.", observed="same account")
    status = trail_status(subject.evidence, subject.item)
    if optional_text(status, "LatestDeliveryError") == "NoSuchBucket":
        return failed("The bucket does not exist, so CloudTrail delivers nowhere.", observed="NoSuchBucket")
    if optional_moment(status, "LatestDeliveryTime") is None:
        return not_assessed(
            "The bucket is not the account's own, and nothing shows that it exists: it took no log file."
        )
    return passed("The bucket belongs to another account.", observed="another account")


def versions_protected(subject: Subject) -> Verdict:
    """Judge the bucket of a trail: Object Lock keeps new objects by default, or MFA delete is on.

    GOVERNANCE can be lifted by those with the permission for it, COMPLIANCE by nobody.

    Evidence: ``cloudtrail:DescribeTrails`` (population), ``s3:GetObjectLockConfiguration``,
    ``s3:GetBucketVersioning``.
    """
    if gone := nowhere(subject):
        return gone
    bucket = text(subject.item, "S3BucketName")
    lock = subject.evidence.find("s3:GetObjectLockConfiguration", Bucket=bucket)
    versioning = subject.evidence.page("s3:GetBucketVersioning", Bucket=bucket)
    retention = _default_retention(mapping(lock, "ObjectLockConfiguration")) if lock is not None else {}
    if retention:
        mode = text(retention, "Mode")
        if mode not in _MODES:
            raise ValueError("Mode is not of a documented kind")
        length = (
            counted(integer(retention, "Days"), "day")
            if "Days" in retention
            else counted(integer(retention, "Years"), "year")
        )
        note = "; holders of s3:BypassGovernanceRetention can lift it" if mode == "GOVERNANCE" else ""
        return passed(
            f"Object Lock keeps each new object for {length} in {mode} mode{note}.", observed=f"{mode}, {length}"
        )
    if optional_text(versioning, "Status") == "Enabled" and optional_text(versioning, "MFADelete") == "Enabled":
        return passed("Versioning and MFA delete are enabled.", observed="MFA delete")
    without = "Object Lock has no default retention" if lock is not None else "Object Lock is off"
    return failed(f"{without}, and MFA delete is not enabled.", observed=without)


def _default_retention(configuration: Mapping[str, Any]) -> Mapping[str, Any]:
    if optional_text(configuration, "ObjectLockEnabled") != "Enabled":
        return {}
    return optional_mapping(optional_mapping(configuration, "Rule"), "DefaultRetention")


def logs_retained(subject: Subject) -> Verdict:
    """Judge one trail: its logs are kept for ``keep_days`` and readable at once for ``at_hand_days``.

    Rules say what will be deleted; the oldest log file of the home Region says what was. Its name says of which day it
    is, and whoever may write there chooses that; when it was written is S3's to say. A young trail has young log files,
    but AWS tells of the last start of logging only: it excuses no trail that has been stopped. An organization's trail
    writes below the organization's id, which a trail does not name: its oldest log file is not looked for.

    Evidence: ``cloudtrail:DescribeTrails`` (population), ``s3:GetBucketLifecycleConfiguration``,
    ``cloudtrail:GetTrailStatus``, ``s3:ListObjectsV2``.
    """
    if gone := nowhere(subject):
        return gone
    answer = subject.evidence.find("s3:GetBucketLifecycleConfiguration", Bucket=text(subject.item, "S3BucketName"))
    rules: list[Mapping[str, Any]] = []
    problems: list[str] = []
    for rule in listed(answer, "Rules") if answer is not None else ():
        with subject.evidence.going_on():
            if _is_enabled(rule) and _reaches(rule, _root(subject)):
                rules.append(rule)
                problems += _shortens(rule, subject.parameters)
    if problems:
        return failed(f"A lifecycle rule {problems[0]}.", observed=some(problems))
    by_rules = (
        f"Of {counted(len(rules), 'lifecycle rule')} on the logs, none deletes or archives them too early"
        if answer is not None
        else "The bucket has no lifecycle rules"
    )
    if flag(subject.item, "IsOrganizationTrail"):
        return passed(f"{by_rules}. The oldest log file of an organization's trail is not looked for.")
    return _as_old_as_it_should_be(subject, by_rules)


def _as_old_as_it_should_be(subject: Subject, by_rules: str) -> Verdict:
    status = trail_status(subject.evidence, subject.item)
    began, stopped = moment(status, "StartLoggingTime"), optional_moment(status, "StopLoggingTime")
    home = text(subject.item, "HomeRegion")
    folder = f"{_root(subject)}{subject.account.id}/CloudTrail/{home}/"
    page = subject.evidence.page("s3:ListObjectsV2", Bucket=text(subject.item, "S3BucketName"), Prefix=folder)
    found = optional_list(page, "Contents")
    if not found:
        return not_assessed(f"{by_rules}, but no log file of the home Region {home} was found in it.")
    oldest = found[0]
    subject.evidence.point(oldest)
    day, written = _day(text(oldest, "Key").removeprefix(folder)), moment(oldest, "LastModified")
    age = subject.as_of - day
    keep, at_hand = integer(subject.parameters, "keep_days"), integer(subject.parameters, "at_hand_days")
    storage = optional_text(oldest, "StorageClass")
    observed = f"oldest log file {day:%Y-%m-%d}"
    if storage in _COLD and age < timedelta(days=at_hand):
        return failed(
            f"The log file of {day:%Y-%m-%d} is in {storage} already; {counted(at_hand, 'day')} at hand are asked for.",
            observed=f"{observed} in {storage}",
        )
    if day > max(subject.as_of - timedelta(days=keep), began) + _QUIET:
        return failed(
            f"{by_rules}, but the oldest log file of the home Region is of {day:%Y-%m-%d}, although the trail has been "
            f"logging since {began:%Y-%m-%d}.",
            observed=observed,
        )
    if written > day + _DELIVERED_BY and subject.as_of - written < timedelta(days=keep):
        return not_assessed(
            f"{by_rules}, but the log file named for {day:%Y-%m-%d} was written on {written:%Y-%m-%d}: a copy, or "
            "none of CloudTrail's, which does not show how long log files have been kept.",
            observed=f"{observed} by its name, written {written:%Y-%m-%d}",
        )
    if stopped is not None and age < timedelta(days=keep):
        return not_assessed(
            f"{by_rules}, but the oldest log file of the home Region is of {day:%Y-%m-%d}, and the trail's start of "
            f"logging on {began:%Y-%m-%d} need not be its first: it has been stopped, last on {stopped:%Y-%m-%d}.",
            observed=observed,
        )
    young = f"; the trail has been logging since {began:%Y-%m-%d}" if age < timedelta(days=keep) else ""
    return passed(f"{by_rules}. The oldest log file of the home Region is of {day:%Y-%m-%d}{young}.", observed=observed)


def _day(rest: str) -> datetime:
    """Read the day from a log file's key below its Region: YYYY/MM/DD/..."""
    return datetime.strptime("/".join(rest.split("/")[:3]), "%Y/%m/%d").replace(tzinfo=UTC)


def _is_enabled(rule: Mapping[str, Any]) -> bool:
    status = text(rule, "Status")
    if status not in ("Enabled", "Disabled"):
        raise ValueError("Status is not of a documented kind")
    return status == "Enabled"


def _reaches(rule: Mapping[str, Any], logs: str) -> bool:
    """Say whether a rule can reach log files; rules by tag or size are taken to."""
    conditions = optional_mapping(rule, "Filter")
    both = optional_mapping(conditions, "And")
    prefix = optional_text(rule, "Prefix") or optional_text(conditions, "Prefix") or optional_text(both, "Prefix")
    return prefix.startswith(logs) or logs.startswith(prefix)


def _shortens(rule: Mapping[str, Any], parameters: Mapping[str, Any]) -> list[str]:
    keep, at_hand = integer(parameters, "keep_days"), integer(parameters, "at_hand_days")
    found = []
    expiration = optional_mapping(rule, "Expiration")
    if not expiration and rule.get("Expiration") is not None:
        raise ValueError("Expiration says when")
    if "Days" in expiration and integer(expiration, "Days") < keep:
        found.append(f"deletes logs after {counted(expiration['Days'], 'day')}; {keep:,} are asked for")
    if "Date" in expiration:
        found.append("deletes logs on a fixed date")
    for transition in optional_list(rule, "Transitions"):
        storage = text(transition, "StorageClass")
        if storage not in _COLD | _AT_HAND:
            raise ValueError("StorageClass is not of a documented kind")
        if storage in _AT_HAND:
            continue
        if "Date" in transition or integer(transition, "Days") < at_hand:
            found.append(f"moves logs to {storage} before {counted(at_hand, 'day has', 'days have')} passed")
    return found


def policy_guards_logs(subject: Subject) -> Verdict:
    """Judge the bucket policy over one trail's files: nobody may delete them by it, no account outside touch them.

    Statements are evaluated together: an Allow counts unless a Deny takes all of it back, from everybody but accepted
    callers at most, and conditions narrow it only where they name those. What actions bring about comes from the table
    of their effects. Identity policies of the bucket's own account, and policies of access points, are not part of
    this. ``readers`` lists accounts and organizations that may read.

    Evidence: ``cloudtrail:DescribeTrails`` (population), ``s3:ListBuckets``, ``s3:GetBucketPolicy``.
    """
    if gone := nowhere(subject):
        return gone
    bucket = text(subject.item, "S3BucketName")
    own = subject.evidence.known(lambda: _is_own(subject, bucket)) is True
    page = subject.evidence.find("s3:GetBucketPolicy", Bucket=bucket)
    if page is None:
        return passed("The bucket has no policy, so no statement of it grants access.", observed="no policy")
    arn = f"arn:{subject.account.partition}:s3:::{bucket}"
    guard = _Guard(read_policy(text(page, "Policy"), Kind.BUCKET), arn, f"{arn}/{_root(subject)}")
    accepted = {subject.account.id, *map(str, listed(subject.parameters, "readers"))}
    return (
        _harm(guard)
        or _touched_from_outside(subject, guard, accepted, own=own)
        or _left_open(guard, accepted)
        or passed(
            "The policy lets nobody delete logs and nobody outside the account read or change them. Policies of access "
            "points were not looked at."
        )
    )


@dataclass(frozen=True, slots=True)
class _Guard:
    """A bucket policy, the bucket, and the beginning of the ARNs of a trail's files in it."""

    policy: Policy
    bucket: str
    files: str

    def granted(
        self,
        statement: Statement,
        *effects: Effect,
        on: On = On.OBJECTS,
        where: Where = Where.EVERYWHERE,
        but_for: Collection[str] = (),
    ) -> list[str]:
        """Return the actions with one of these effects that a statement is proven to grant to others than some."""
        place = {"under": self.files} if on is On.OBJECTS else {"on": self.bucket}
        asked = actions_that(*effects, on=on, where=where)
        return [action for action in asked if grants(self.policy, statement, action, but_for=but_for, **place)]


def _harm(guard: _Guard) -> Verdict | None:
    """Return a failure where somebody may delete log files or change what protects them."""
    for statement in guard.policy.statements:
        granted = guard.granted(statement, *_HARM) + guard.granted(statement, *_HARM, on=On.BUCKET)
        if granted:
            return failed(f"The policy allows {granted[0]} to {some(_who(statement))}.", observed=some(granted))
    return None


def _touched_from_outside(subject: Subject, guard: _Guard, accepted: set[str], *, own: bool) -> Verdict | None:
    """Return a failure where somebody outside may read or change log files, or why that is not known."""
    readers: list[str] = []
    for statement in guard.policy.statements:
        outside = _outsiders(statement, accepted)
        if outside and guard.granted(statement, Effect.READS, but_for=accepted):
            readers += outside
        writers = _but_services(statement, outside)
        if writers and (granted := guard.granted(statement, Effect.CHANGES, but_for=accepted)):
            return failed(f"The policy allows {granted[0]} to {some(writers)}.", observed=some(granted))
    if readers and (own or "*" in readers or _EVERYONE_ELSE in readers):
        return failed(f"The policy lets {some(readers)} read log files.", observed=f"readers: {some(readers)}")
    if verdict := _changed_by_its_state(subject, guard, accepted):
        return verdict
    if not readers:
        return None
    return not_assessed(
        f"The bucket belongs to another account, which is not known, and its policy lets {some(readers)} read log "
        "files; accepted accounts are a parameter of this control.",
        observed=f"readers: {some(readers)}",
    )


def _changed_by_its_state(subject: Subject, guard: _Guard, accepted: set[str]) -> Verdict | None:
    """Return a failure where somebody outside may change log files because of how the bucket is set.

    Raises:
        EvidenceMissing: that could not be read, and nothing else proves a failure.
    """
    signals: list[EvidenceMissing] = []
    for statement in guard.policy.statements:
        writers = _but_services(statement, _outsiders(statement, accepted))
        for where, holds in _STATES.items() if writers else ():
            granted = guard.granted(statement, Effect.CHANGES, where=where, but_for=accepted)
            try:
                found = bool(granted) and holds(subject)
            except EvidenceMissing as signal:
                signals.append(signal)
                continue
            if found:
                sentence = f"The policy allows {granted[0]} to {some(writers)}, {where.value}, as it is here."
                return failed(sentence, observed=some(granted))
    for missing in signals:
        raise missing
    return None


def _but_services(statement: Statement, names: Sequence[str]) -> list[str]:
    """Leave out the services of AWS, which write the logs."""
    return [name for name in names if Principal("Service", name) not in statement.principals]


def _is_unversioned(subject: Subject) -> bool:
    page = subject.evidence.page("s3:GetBucketVersioning", Bucket=text(subject.item, "S3BucketName"))
    return optional_text(page, "Status") != "Enabled"


def _has_acls(subject: Subject) -> bool:
    """Say whether access control lists are in force; without a rule on ownership they are."""
    page = subject.evidence.find("s3:GetBucketOwnershipControls", Bucket=text(subject.item, "S3BucketName"))
    rules = listed(mapping(page, "OwnershipControls"), "Rules") if page is not None else ()
    return not any(text(rule, "ObjectOwnership") == "BucketOwnerEnforced" for rule in rules)


_STATES = {Where.UNVERSIONED: _is_unversioned, Where.ACLS_ON: _has_acls}


def _left_open(guard: _Guard, accepted: set[str]) -> Verdict | None:
    """Say what keeps a policy from passing that proves nothing against it."""
    if guard.policy.unreadable:
        return not_assessed(f"In the bucket policy, {guard.policy.fault}, so what it allows is not known.")
    for statement in guard.policy.statements:
        touched = guard.granted(statement, Effect.READS, Effect.CHANGES, but_for=accepted)
        if not (touched and _strangers(statement, accepted)):
            continue
        if not pins_caller(statement) and (owners := behind_access_points(statement)):
            return not_assessed(
                f"The policy leaves to access points of {some(owners)} who may read log files, and policies of access "
                "points were not read."
            )
        if names_users(statement) and not set(named_callers(statement)) <= accepted:
            return not_assessed(
                f"The policy lets {some(named_callers(statement))} read log files; a unique id does not say whose it "
                "is."
            )
    return None


_EVERYONE_ELSE = "everyone else"


def _who(statement: Statement) -> list[str]:
    return [_EVERYONE_ELSE if statement.not_principals else one.name for one in statement.principals]


def _outsiders(statement: Statement, accepted: set[str]) -> Sequence[str]:
    """Return whom a statement speaks to that is not accepted; none where a condition only lets accepted callers in.

    Whoever comes through an accepted account's access points, or is named by a unique id, is left open.
    """
    callers = named_callers(statement)
    if callers and (names_users(statement) or all(name in accepted for name in callers)):
        return ()
    if (owners := behind_access_points(statement)) and all(owner in accepted for owner in owners):
        return ()
    return _strangers(statement, accepted)


def _strangers(statement: Statement, accepted: set[str]) -> list[str]:
    return [name for name in _who(statement) if (account_of(name) or name) not in accepted]

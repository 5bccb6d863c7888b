"""Judges IAM users and root by the IAM credential report, which is a CSV table inside an API answer.

The report is read in this one place. A table that is not of the documented form raises ``ValueError``, which the engine
turns into NOT_ASSESSED. Source: IAM User Guide, "Getting credential reports for your AWS account".
"""

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache

from auditor.base.counts import counted
from auditor.evaluate.checks.fields import integer, mapping, moment, past, text, time_of
from auditor.evaluate.subject import Subject
from auditor.evaluate.view import View
from auditor.model import State, Verdict, failed, manual, not_applicable, not_assessed, passed

_ROOT = "<root_account>"
_NEVER = frozenset({"N/A", "no_information"})
_BEYOND = "additional_credentials_info"
"""Says what a user has beyond two keys and two certificates; reports in which nobody has may lack the column."""
_COLUMNS = (
    "user",
    "arn",
    "user_creation_time",
    "password_enabled",
    "password_last_used",
    "password_last_changed",
    "mfa_active",
    "access_key_1_active",
    "access_key_1_last_rotated",
    "access_key_1_last_used_date",
    "access_key_2_active",
    "access_key_2_last_rotated",
    "access_key_2_last_used_date",
)


@dataclass(frozen=True, slots=True)
class AccessKey:
    """One of the two key slots of a user. Times are aware UTC; None means never."""

    slot: int
    active: bool
    rotated: datetime | None
    used: datetime | None


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the credential report. Times are aware UTC; None means never or not supported."""

    user: str
    arn: str
    created: datetime
    password_enabled: bool
    password_used: datetime | None
    password_changed: datetime | None
    mfa_active: bool
    keys: tuple[AccessKey, AccessKey]
    has_more: bool
    """True for one with more keys or certificates than the report has columns for."""

    @property
    def is_root(self) -> bool:
        """True for the root user's row."""
        return self.user == _ROOT

    def times(self) -> Iterator[datetime]:
        """Yield all times; each is one at which something happened."""
        told = (self.created, self.password_used, self.password_changed)
        yield from (time for time in told if time is not None)
        yield from (time for key in self.keys for time in (key.rotated, key.used) if time is not None)

    @property
    def active_keys(self) -> tuple[AccessKey, ...]:
        """The keys that work."""
        return tuple(key for key in self.keys if key.active)


def read_report(content: str) -> Mapping[str, Row]:
    """Read a credential report.

    Args:
        content: the CSV text.

    Returns:
        Rows by ARN, root included.

    Raises:
        ValueError: a column or value is missing or malformed, a user stands twice, or a time lies ahead.
    """
    return {arn: _readable(row) for arn, row in _read(content).items()}


def _readable(row: Row | str) -> Row:
    """Return a row that can be read and in which nothing lies ahead.

    Raises:
        ValueError: it is none; the others stand by themselves.
    """
    if isinstance(row, str):
        raise ValueError(row)  # noqa: TRY004 - the text says what is wrong with the row
    past(max(row.times()))
    return row


@lru_cache(maxsize=8)
def _read(content: str) -> Mapping[str, Row | str]:
    """Return the rows by ARN, or why one cannot be read; one that names nobody stands under an empty ARN."""
    try:
        lines = list(csv.DictReader(content.splitlines(), strict=True))
    except csv.Error as error:
        raise ValueError(f"the credential report is not CSV: {error}") from error
    rows: dict[str, Row | str] = {}
    for line in lines:
        whole = None not in line and all(line.get(name) is not None for name in _COLUMNS)
        arn, row = (line.get("arn") or "") if whole else "", _row_or_fault(line)
        rows[arn] = "a user stands twice in the credential report" if arn and arn in rows else row
    if sum(line.get("user") == _ROOT for line in lines) != 1:
        raise ValueError("the credential report does not have exactly one row for root")
    return rows


def _row_or_fault(line: Mapping[str, str | None]) -> Row | str:
    try:
        return _row(line)
    except ValueError as error:
        return str(error)


def _row(line: Mapping[str, str | None]) -> Row:
    values: dict[str, str] = {}
    for name in _COLUMNS:
        value = line.get(name)
        if value is None:
            raise ValueError(f"the credential report has no {name} in one of its rows")
        values[name] = value
    if None in line:
        raise ValueError("a row of the credential report has more values than columns")
    # AWS does not tell of root's password whether it is set and since when.
    untold = {name for name in _COLUMNS if values["user"] == _ROOT and values[name] == "not_supported"}
    return Row(
        user=values["user"],
        arn=values["arn"],
        created=time_of(values["user_creation_time"]),
        password_enabled="password_enabled" not in untold and _flag(values, "password_enabled"),
        password_used=_time(values, "password_last_used"),
        password_changed=None if "password_last_changed" in untold else _time(values, "password_last_changed"),
        mfa_active=_flag(values, "mfa_active"),
        keys=(_key(values, 1), _key(values, 2)),
        has_more=(line.get(_BEYOND) or "N/A") not in {*_NEVER, "not_supported"},
    )


def _key(values: Mapping[str, str], slot: int) -> AccessKey:
    return AccessKey(
        slot=slot,
        active=_flag(values, f"access_key_{slot}_active"),
        rotated=_time(values, f"access_key_{slot}_last_rotated"),
        used=_time(values, f"access_key_{slot}_last_used_date"),
    )


def _flag(values: Mapping[str, str], name: str) -> bool:
    match values[name].lower():
        case "true":
            return True
        case "false":
            return False
    raise ValueError(f"{name} in the credential report is neither true nor false")


def _time(values: Mapping[str, str], name: str) -> datetime | None:
    return None if values[name] in _NEVER else time_of(values[name])


_RENEWED = timedelta(hours=4)
"""IAM makes a new report when the last one is older (IAM User Guide, "Getting credential reports")."""
_IN_BETWEEN = timedelta(minutes=30)
"""Between the request for a report and its reading, repeated where IAM is slow."""


def content_of(view: View, as_of: datetime) -> str:
    """Return the credential report, which has to be as new as IAM makes it.

    Args:
        view: the window on the account's evidence.
        as_of: the moment that is judged, aware UTC. A report of that very moment tells of it however late it was read.

    Raises:
        ValueError: it was made more than four hours before it was read and before that moment, or after it was read.
    """
    for record, page in view.answers("iam:GetCredentialReport"):
        if page is not None:
            content = text(page, "Content")
            _read(content)
            made = moment(page, "GeneratedTime")
            if not any(-_IN_BETWEEN <= then - made <= _RENEWED + _IN_BETWEEN for then in (record.collected_at, as_of)):
                raise ValueError(
                    f"the credential report was made at {made:%Y-%m-%d %H:%M} UTC and read at "
                    f"{record.collected_at:%Y-%m-%d %H:%M} UTC; IAM renews it after "
                    f"{counted(_RENEWED.seconds // 3600, 'hour')}"
                )
            return content
    raise ValueError("there is no credential report")


def _root(subject: Subject) -> Row:
    rows = _read(content_of(subject.evidence, subject.as_of))
    return next(row for row in map(_readable, _of_root(rows, subject.account.id)) if row.is_root)


def _of_root(rows: Mapping[str, Row | str], account: str) -> Iterator[Row | str]:
    yield from (row for arn, row in rows.items() if arn.endswith(f":{account}:root"))
    yield from (row for row in rows.values() if isinstance(row, Row) and row.is_root)
    yield from (row for arn, row in rows.items() if not arn)


def _user(subject: Subject) -> Row | None:
    """Return the row of the user judged; None when the report, up to four hours old, does not list them yet.

    Raises:
        ValueError: their row cannot be read, or one that names nobody and could be theirs.
    """
    rows = _read(content_of(subject.evidence, subject.as_of))
    row = rows.get(text(subject.item, "Arn"), rows.get(""))
    return _readable(row) if row is not None else None


def _as_far_as_listed(row: Row, verdict: Verdict) -> Verdict:
    """Leave open what speaks for a user of whom the report does not list everything."""
    if row.has_more and verdict.state in (State.PASS, State.NOT_APPLICABLE):
        return not_assessed("The credential report does not list all keys or certificates of this user.")
    return verdict


_NOT_LISTED = "The credential report does not list this user; it is refreshed at most every four hours."


def root_access_keys(subject: Subject) -> Verdict:
    """Judge whether root has access keys: the account summary decides, the credential report is compared.

    Evidence: ``iam:GetAccountSummary``, ``iam:GetCredentialReport``.
    """
    summary = mapping(subject.evidence.page("iam:GetAccountSummary"), "SummaryMap")
    present = integer(summary, "AccountAccessKeysPresent")
    if present:
        return failed("The account summary counts an access key of the root user.", observed="root has an access key")
    if _root(subject).active_keys:
        return passed(
            "The account summary, which is live, counts no access key of the root user; the credential report, "
            "which may be hours old, still shows an active one."
        )
    return passed("The account summary counts no access key of the root user, and the credential report shows none.")


def root_not_used(subject: Subject) -> Verdict:
    """Judge whether root was used within the last ``window_days`` days, by password or either key.

    Evidence: ``iam:GetCredentialReport``.
    """
    window = timedelta(days=integer(subject.parameters, "window_days"))
    row = _root(subject)
    return _as_far_as_listed(row, _root_use(row, subject.as_of, window))


def _root_use(row: Row, as_of: datetime, window: timedelta) -> Verdict:
    uses = [moment for moment in (row.password_used, *(key.used for key in row.keys)) if moment is not None]
    if not uses:
        return passed("The credential report records no use of the root user's password or keys.")
    last = max(uses)
    sentence = f"The root user's credentials were last used on {last:%Y-%m-%d %H:%M} UTC"
    if as_of - last <= window:
        return failed(
            f"{sentence}, within the last {counted(window.days, 'day')}.", observed=f"last use {last:%Y-%m-%d}"
        )
    return passed(f"{sentence}, more than {counted(window.days, 'day')} ago.", observed=f"last use {last:%Y-%m-%d}")


def console_user_has_mfa(subject: Subject) -> Verdict:
    """Judge one IAM user: a console password asks for MFA.

    Evidence: ``iam:ListUsers`` (population), ``iam:GetCredentialReport``.
    """
    row = _user(subject)
    if row is None:
        return not_assessed(_NOT_LISTED)
    if not row.password_enabled:
        return not_applicable("The user has no console password.")
    if row.mfa_active:
        return passed("The user has a console password and an active MFA device.", observed="MFA active")
    return failed("The user has a console password and no MFA device.", observed="no MFA")


def credentials_in_use(subject: Subject) -> Verdict:
    """Judge one IAM user: no enabled credential was unused for ``days`` full days or longer.

    Evidence: ``iam:ListUsers`` (population), ``iam:GetCredentialReport``.
    """
    limit = timedelta(days=integer(subject.parameters, "days"))
    row = _user(subject)
    if row is None:
        return not_assessed(_NOT_LISTED)
    return _as_far_as_listed(row, _idleness(_last_uses(subject.evidence, row), subject.as_of, limit))


def _idleness(credentials: list[tuple[str, datetime]], as_of: datetime, limit: timedelta) -> Verdict:
    if not credentials:
        return not_applicable("The user has neither a console password nor an active access key.")
    idle = [f"{name} since {since:%Y-%m-%d}" for name, since in credentials if as_of - since >= limit]
    if idle:
        return failed(
            f"Enabled and unused for {counted(limit.days, 'day')} or longer: {', '.join(idle)}.",
            observed="; ".join(idle),
        )
    names = " and ".join(name for name, _ in credentials)
    return passed(f"Used, or made, less than {counted(limit.days, 'day')} ago: {names}.", observed=f"in use: {names}")


def _last_uses(view: View, row: Row) -> list[tuple[str, datetime]]:
    """Return each enabled credential with its last use, or with its making when it was never used."""
    told = [("the console password", row.password_used, row.password_changed)] if row.password_enabled else []
    told += [(f"access key {key.slot}", key.used, key.rotated) for key in row.active_keys]
    found: list[tuple[str, datetime]] = []
    for name, used, made in told:
        with view.going_on():
            found.append((name, _since(used, made)))
    return found


def _since(used: datetime | None, made: datetime | None) -> datetime:
    if used is not None:
        return used
    if made is None:
        raise ValueError("an enabled credential has neither a time of use nor of making in the credential report")
    return made


def single_active_key(subject: Subject) -> Verdict:
    """Judge one IAM user: at most one access key is active.

    Evidence: ``iam:ListUsers`` (population), ``iam:GetCredentialReport``.
    """
    row = _user(subject)
    if row is None:
        return not_assessed(_NOT_LISTED)
    active = len(row.active_keys)
    if active > 1:
        return failed("Both access keys of the user are active.", observed="2 active access keys")
    verdict = passed(f"The user has {active or 'no'} active access key.", observed=counted(active, "active access key"))
    return _as_far_as_listed(row, verdict)


def keys_rotated(subject: Subject) -> Verdict:
    """Judge one IAM user: no active access key is older than ``days`` days.

    Evidence: ``iam:ListUsers`` (population), ``iam:GetCredentialReport``.
    """
    limit = timedelta(days=integer(subject.parameters, "days"))
    row = _user(subject)
    if row is None:
        return not_assessed(_NOT_LISTED)
    return _as_far_as_listed(row, _ages(subject.evidence, row, subject.as_of, limit))


def _ages(view: View, row: Row, as_of: datetime, limit: timedelta) -> Verdict:
    if not row.active_keys:
        return not_applicable("The user has no active access key.")
    ages: dict[int, timedelta] = {}
    for key in row.active_keys:
        with view.going_on():
            ages[key.slot] = _age(key, as_of)
    observed = ", ".join(f"key {slot}: {counted(age.days, 'day')} old" for slot, age in ages.items())
    if any(age > limit for age in ages.values()):
        return failed(
            f"An active access key is older than {counted(limit.days, 'day')} ({observed}).", observed=observed
        )
    return passed(f"No active access key is older than {counted(limit.days, 'day')} ({observed}).", observed=observed)


def _age(key: AccessKey, as_of: datetime) -> timedelta:
    if key.rotated is None:
        raise ValueError(f"access key {key.slot} is active but has no time of making in the credential report")
    return as_of - key.rotated


def no_initial_access_key(subject: Subject) -> Verdict:
    """Judge one IAM user: no active access key was made within ``tolerance_minutes`` of a console user and never used.

    Evidence: ``iam:ListUsers`` (population), ``iam:GetCredentialReport``.
    """
    tolerance = timedelta(minutes=integer(subject.parameters, "tolerance_minutes"))
    row = _user(subject)
    if row is None:
        return not_assessed(_NOT_LISTED)
    if not row.password_enabled:
        return not_applicable("The user has no console password.")
    with_user: list[AccessKey] = []
    for key in row.active_keys:
        with subject.evidence.going_on():
            with_user += [key] if abs(_age(key, row.created)) <= tolerance else []
    if not with_user:
        verdict = passed("No active access key was made together with this console user.")
        return _as_far_as_listed(row, verdict)
    if any(key.used is None for key in with_user):
        return failed("An access key was made together with this console user and was never used.")
    return manual(
        "An access key was made together with this console user and has been used since; "
        "somebody has to say whether it was asked for at creation."
    )

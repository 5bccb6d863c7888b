"""A believable run, made up from a few loops: every state, a broken alarm chain, a trail report, events, hostile names.

``build(folder)`` writes an evidence folder and returns the results document over it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from auditor.base.period import Period, rfc3339
from auditor.evidence.answer import Answer, CallError
from auditor.evidence.operations import Call
from auditor.evidence.store import Evidence, EvidenceWriter
from auditor.model import (
    AccountScope,
    Citation,
    Control,
    ControlResult,
    Framework,
    Gap,
    Population,
    Requirement,
    Result,
    Results,
    RunInfo,
    Scope,
    Severity,
    State,
    TestType,
)
from auditor.pack.imports import Finding, Import
from auditor.pack.outcome import results_document

START = datetime(2026, 10, 1, tzinfo=UTC)
END = datetime(2026, 11, 1, tzinfo=UTC)
AS_OF = datetime(2026, 11, 2, 6, 0, tzinfo=UTC)

REGIONS = (
    "ap-northeast-1", "ap-northeast-2", "ap-northeast-3", "ap-south-1", "ap-southeast-1", "ap-southeast-2",
    "ca-central-1", "eu-central-1", "eu-north-1", "eu-west-1", "eu-west-2", "eu-west-3", "sa-east-1", "us-east-1",
    "us-east-2", "us-west-1", "us-west-2",
)  # fmt: skip

HOSTILE = (
    "<script>alert(1)</script>",
    "=cmd|' /C calc'!A0",
    "../../../etc/passwd\u2007\u2007\u2007",
    "x" * 10_000,
    "\u202egnp.exe\u202c \u05d0\u05d1\u05d2 \u0645\u0631\u062d\u0628\u0627",
    "\u4e2d\u6587\u540d\u5b57 \u65e5\u672c\u8a9e \ud55c\uad6d\uc5b4",
    "zero\u200bwidth\u0000null",
    "{{ 7 * 7 }} {% raw %} ${x}",
)

SERVICES = {
    "CloudTrail": ("trail", "log-validation", "log-bucket", "kms", "digest", "events-write", "events-read"),
    "IAM": ("root-mfa", "root-keys", "user-mfa", "key-rotation", "password-length", "support-role", "attached"),
    "CloudWatch": (
        "unauthorized", "no-mfa-signin", "root-use", "iam-changes", "trail-changes", "signin-failures",
        "key-deletion", "bucket-policy", "config-changes", "security-groups", "network-acl", "gateways", "routes",
        "vpc", "organizations",
    ),
    "EC2 and VPC": ("default-group", "open-admin-ports", "flow-logs", "ebs-encryption"),
    "S3": ("public-access", "bucket-tls", "mfa-delete"),
    "KMS": ("rotation",),
    "Account": ("contacts", "security-contact", "security-questions"),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Sample:
    """The evidence and the results document over it."""

    evidence: Evidence
    results: Mapping[str, Any]


def build(
    folder: Path,
    *,
    accounts: int = 1,
    regions: tuple[str, ...] = REGIONS,
    resources: int = 9,
    hostile: bool = False,
    entity: str = "Northwind Trading AG",
) -> Sample:
    """Write the evidence and judge it as told."""
    scopes = tuple(
        AccountScope(f"{111122223333 + 7 * number:012d}", "aws", regions, "northwind-prod" if number == 0 else "")
        for number in range(accounts)
    )
    run = RunInfo(
        entity=HOSTILE[4] if hostile else entity,
        title="Audit of logging and monitoring",
        accounts=scopes,
        period=Period(START, END, "2026-10"),
        as_of=AS_OF,
        started=AS_OF,
        ended=AS_OF + timedelta(minutes=4, seconds=11),
        frameworks=("cis-aws-5.0.0", "cis-aws-3.0.0"),
        principal=f"arn:aws:sts::{scopes[0].id}:assumed-role/AuditorReadOnly/night-run",
        tool="auditor 0.1.0",
        operations=("cloudtrail:DescribeTrails", "iam:GetCredentialReport", "logs:DescribeMetricFilters"),
    )
    writer = EvidenceWriter(folder)
    for scope in scopes:
        _answers(writer, scope, run, hostile=hostile)
    writer.close(run)
    evidence = Evidence(folder)
    controls = _controls(evidence, scopes, resources, hostile=hostile)
    names = [control.control.id for control in controls]
    results = Results(
        run=run,
        frameworks=tuple(
            _framework(framework, edition, names)
            for framework, edition in zip(run.frameworks, ("5.0.0", "3.0.0"), strict=True)
        ),
        controls=tuple(controls),
        gaps=tuple(_gaps(evidence)),
        integrity=tuple(trail_report(scope, evidence) for scope in scopes[:1]),
        events=tuple(notable_events(scope, evidence, hostile=hostile) for scope in scopes[:1]),
        activity=tuple(answer for scope in scopes[:1] for answer in answers(scope, evidence, hostile=hostile)),
        posture=tuple(holdings(scope, evidence) for scope in scopes[:1]),
        continuity=tuple(lifelines(scope, evidence, hostile=hostile) for scope in scopes[:1]),
        imported=(imported_findings(scopes[0], hostile=hostile),),
    )
    return Sample(evidence, results_document(results))


def _answers(writer: EvidenceWriter, scope: AccountScope, run: RunInfo, *, hostile: bool) -> None:
    for number, region in enumerate(scope.regions):
        for operation, pages in _regional(scope, region, hostile=hostile).items():
            error = None
            if operation == "ec2:DescribeFlowLogs" and region == "eu-north-1":
                message = f"User: {run.principal} is not authorized to perform: ec2:DescribeFlowLogs"
                error = CallError("AccessDenied", message, "ec2:DescribeFlowLogs")
            writer.add(_answer(scope, operation, region, pages if error is None else (), run, number, error))
    for number, (operation, page) in enumerate(_global(scope, hostile=hostile).items()):
        writer.add(_answer(scope, operation, "global", (page,), run, 100 + number, None))
    for operation in ("trail:VerifyDigests", "trail:NotableEvents"):
        writer.add(_answer(scope, operation, "eu-central-1", ({"verdict": "fail"},), run, 200, None))


def _answer(
    scope: AccountScope,
    operation: str,
    region: str,
    pages: tuple[Any, ...],
    run: RunInfo,
    number: int,
    error: CallError | None,
) -> Answer:
    return Answer(
        account=scope.id,
        call=Call(operation, region, ()),
        pages=pages,
        principal=run.principal,
        request_ids=(f"3f6c1d2e-{number:04x}-4b7a-9c3d-{int(scope.id) % 0xFFFFFF:012x}",),
        http_status=200 if error is None else 403,
        collected_at=AS_OF + timedelta(seconds=number),
        error=error,
    )


def _regional(scope: AccountScope, region: str, *, hostile: bool) -> dict[str, tuple[Any, ...]]:
    return {
        "cloudtrail:DescribeTrails": (
            {
                "trailList": [
                    {
                        "Name": "org-trail",
                        "S3BucketName": "northwind-trail-logs",
                        "IncludeGlobalServiceEvents": True,
                        "IsMultiRegionTrail": True,
                        "HomeRegion": "eu-central-1",
                        "TrailARN": f"arn:aws:cloudtrail:eu-central-1:{scope.id}:trail/org-trail",
                        "LogFileValidationEnabled": True,
                        "CloudWatchLogsLogGroupArn": f"arn:aws:logs:eu-central-1:{scope.id}:log-group:trail:*",
                        "HasCustomEventSelectors": True,
                        "IsOrganizationTrail": False,
                    }
                ]
            },
        ),
        "ec2:DescribeFlowLogs": ({"FlowLogs": [{"FlowLogId": f"fl-{region}", "FlowLogStatus": "ACTIVE"}]},),
        "ec2:DescribeSecurityGroups": (
            {
                "SecurityGroups": [
                    {"GroupId": f"sg-0{index:015x}", "GroupName": HOSTILE[index] if hostile else f"web-{index}"}
                    for index in range(8)
                ]
            },
        ),
        "config:DescribeConfigurationRecorderStatus": (
            {"ConfigurationRecordersStatus": [{"name": "default", "recording": region != "sa-east-1"}]},
        ),
        "logs:DescribeMetricFilters": ({"metricFilters": [{"filterName": f"cis-{n}"} for n in range(15)]},),
        "cloudwatch:DescribeAlarms": ({"MetricAlarms": [{"AlarmName": f"cis-{n}"} for n in range(15)]},),
    }


def _global(scope: AccountScope, *, hostile: bool) -> dict[str, Any]:
    users = HOSTILE if hostile else ("alice", "bob", "deploy-bot", "carol.jones", "temp-contractor")
    return {
        "iam:GetCredentialReport": {
            "Content": [{"user": user, "mfa_active": "false", "password_enabled": "true"} for user in users]
        },
        "iam:GetAccountSummary": {"SummaryMap": {"AccountMFAEnabled": 0, "AccountAccessKeysPresent": 1, "Users": 5}},
        "iam:GetAccountPasswordPolicy": {"PasswordPolicy": {"MinimumPasswordLength": 8, "RequireSymbols": True}},
        "s3:ListBuckets": {"Buckets": [{"Name": f"northwind-data-{n}", "Region": "eu-central-1"} for n in range(4)]},
    }


_STATES = (
    State.PASS, State.FAIL, State.PASS, State.PASS, State.NOT_ASSESSED, State.PASS, State.FAIL, State.PASS,
    State.MANUAL, State.PASS, State.WAIVED, State.PASS, State.NOT_APPLICABLE,
)  # fmt: skip

_REASONS = {
    State.PASS: "The setting was on when it was read.",
    State.FAIL: "{name} has no log file validation: LogFileValidationEnabled is false.",
    State.NOT_ASSESSED: "ec2:DescribeFlowLogs was refused in eu-north-1 (AccessDenied); it takes ec2:DescribeFlowLogs.",
    State.MANUAL: "No AWS API shows this; a dated attestation by a responsible person is asked for.",
    State.WAIVED: "{name} has no MFA device.",
    State.NOT_APPLICABLE: "There is no such resource in this account.",
}


def _controls(
    evidence: Evidence, scopes: tuple[AccountScope, ...], resources: int, *, hostile: bool
) -> list[ControlResult]:
    found = []
    number = 0
    for service, names in SERVICES.items():
        for name in names:
            state = _STATES[number % len(_STATES)]
            control = _control(f"{service.split()[0].lower()}-{name}", service, number)
            results = [
                result
                for scope in scopes
                for result in _results(control, state, scope, evidence, resources, number, hostile=hostile)
            ]
            populations = tuple(
                Population(
                    scope.id,
                    "global",
                    sum(item.state in (State.PASS, State.FAIL, State.WAIVED) for item in results) // len(scopes),
                    1 if number % 5 == 0 else 0,
                    sum(item.state in (State.NOT_ASSESSED, State.MANUAL) for item in results) // len(scopes),
                )
                for scope in scopes
            )
            found.append(
                ControlResult(
                    control,
                    {"cis-aws-5.0.0": (f"{1 + number // 12}.{1 + number % 12}",), "cis-aws-3.0.0": (f"3.{number}",)},
                    populations,
                    tuple(results),
                )
            )
            number += 1
    return found


def _control(name: str, service: str, number: int) -> Control:
    return Control(
        id=name,
        title=f"{service}: the setting “{name.partition('-')[2].replace('-', ' ')}” holds everywhere",
        severity=list(Severity)[number % 4],
        service=service,
        test_type=TestType.POT if number % 6 == 0 else TestType.PIT,
        scope=Scope.RESOURCE,
        objective="A changed or deleted log file can be detected afterwards, as CloudTrail signs what it delivered.",
        criterion="Every trail has log file validation switched on, in each Region that was asked.",
        test="LogFileValidationEnabled of each trail is read and must be true.",
        why="Without signed digests nobody can show later that a log file is the one that was delivered.",
        remediation="aws cloudtrail update-trail --name org-trail --enable-log-file-validation",
        side_effects="One small object per hour and Region in the log bucket." if number % 3 else "",
        evidence=("cloudtrail:DescribeTrails",),
        population="trailList[]",
        identify="TrailARN",
        home_region="HomeRegion",
        exclude_when="",
        exclude_reason="",
        pass_when="LogFileValidationEnabled == `true`",
        optional=(),
        check="",
        parameters={},
        when_empty=State.FAIL,
        empty_reason="",
        origin="sample",
    )


def _results(
    control: Control,
    state: State,
    scope: AccountScope,
    evidence: Evidence,
    resources: int,
    number: int,
    *,
    hostile: bool,
) -> list[Result]:
    operations = ("cloudtrail:DescribeTrails", "ec2:DescribeSecurityGroups", "iam:GetCredentialReport")
    records = evidence.of(scope.id, operations[number % 3])
    pointers = (
        "/pages/0/trailList/0/LogFileValidationEnabled",
        "/pages/0/SecurityGroups/0",
        "/pages/0/Content/1/mfa_active",
    )
    count = 1 if state in (State.MANUAL, State.NOT_APPLICABLE) else resources + number % 4
    results = []
    for index in range(count):
        own = state if index < 3 else State.PASS
        region = scope.regions[index % len(scope.regions)]
        name = HOSTILE[index % len(HOSTILE)] if hostile else f"trail-{index}"
        record = records[index % len(records)]
        results.append(
            Result(
                account=scope.id,
                region="global" if number % 3 == 2 else region,
                resource=name if hostile else f"arn:aws:cloudtrail:{region}:{scope.id}:trail/{name}",
                state=own,
                reason=_REASONS[own].format(name=name),
                observed="false" if own is State.FAIL else "",
                expected="true" if own is State.FAIL else "",
                evidence=(Citation(record.ref, pointers[number % 3]),),
                frameworks=("cis-aws-5.0.0",) if index == 2 else (),
                details=_details(control, own, hostile=hostile)
                if control.service == "CloudWatch" and index == 0
                else {},
                waiver={
                    "justification": "Break-glass account in a safe, reviewed each quarter",
                    "owner": "Security",
                    "approver": "CISO",
                    "ticket": "SEC-1204",
                    "expires": "2026-12-31",
                }
                if own is State.WAIVED
                else None,
            )
        )
    return results


def _details(control: Control, state: State, *, hostile: bool) -> dict[str, Any]:
    broken = state is State.FAIL
    name = HOSTILE[0] if hostile else control.id
    links = [
        {"kind": "trail", "name": "org-trail", "holds": True, "reason": ""},
        {"kind": "log group", "name": "/aws/cloudtrail/org-trail", "holds": True, "reason": ""},
        {
            "kind": "metric filter",
            "name": name,
            "holds": not broken,
            "reason": "it misses DeleteTrail" if broken else "",
        },
        {"kind": "metric", "name": "CISBenchmark/ChangeCount", "holds": None if broken else True, "reason": ""},
        {"kind": "alarm", "name": f"cis-{control.id}", "holds": None if broken else True, "reason": ""},
        {
            "kind": "action",
            "name": "arn:aws:sns:eu-central-1:111122223333:security-alarms",
            "holds": None if broken else True,
            "reason": "",
        },
        {"kind": "people", "name": "e-mail, confirmed", "holds": None if broken else True, "reason": ""},
    ]
    missed = [
        {
            "pattern": "{($.eventName=CreateTrail)||($.eventName=UpdateTrail)||($.eventName=DeletTrail)}",
            "clause": "($.eventName=DeletTrail)",
            "event": {
                "eventSource": "cloudtrail.amazonaws.com",
                "eventName": "DeleteTrail",
                "userIdentity": {"type": "IAMUser"},
            },
            "fields": ["eventName"],
            "sentence": "The filter asks for DeletTrail; CloudTrail writes DeleteTrail, so nobody hears of it.",
        }
    ]
    return {"chains": [{"links": links}], "missed": missed if broken else []}


def _framework(name: str, edition: str, controls: list[str]) -> Framework:
    column = 0 if edition == "5.0.0" else 1
    requirements = [
        Requirement(
            f"{1 + number // 12}.{1 + number % 12}" if column == 0 else f"3.{number}",
            f"Subject of requirement {number + 1} in our own words",
            (control,),
            (),
            1,
            "automated",
            {},
        )
        for number, control in enumerate(controls)
    ]
    requirements.append(Requirement("9.1", "", (), (), 1, "manual", {}))
    return Framework(
        name,
        f"CIS AWS Foundations Benchmark {edition}",
        edition,
        "Center for Internet Security",
        "",
        tuple(requirements),
        "sample",
    )


def _gaps(evidence: Evidence) -> list[Gap]:
    return [
        Gap(
            record.account, record.call.region, record.call.operation, record.error.code, record.error.message,
            record.error.action, record.ref, ("ec2-flow-logs", "ec2-default-group"),
        )
        for record in evidence.records
        if record.error is not None
    ]  # fmt: skip


def trail_report(scope: AccountScope, evidence: Evidence) -> dict[str, Any]:
    """Return a trail report: two hours stopped, one log altered, one missing, one unvouched."""
    (record,) = evidence.of(scope.id, "trail:VerifyDigests")
    chains = [_chain(scope, region) for region in scope.regions]
    finding = {"account": scope.id, "region": "us-east-1", "hour": "2026-10-21T05:00:00Z", "certainty": "shown"}
    name = f"{scope.id}_CloudTrail_us-east-1_20261021T0505Z"
    key = f"AWSLogs/{scope.id}/CloudTrail/us-east-1/2026/10/21/{name}_AbCdEfGh12345678.json.gz"
    return {
        "schema": "auditor.trail/1",
        "ref": record.ref,
        "account": scope.id,
        "region": "eu-central-1",
        "period": {"start": rfc3339(START), "end": rfc3339(END)},
        "trail": {
            "arn": f"arn:aws:cloudtrail:eu-central-1:{scope.id}:trail/org-trail",
            "name": "org-trail",
            "home_region": "eu-central-1",
            "account": scope.id,
            "bucket": "northwind-trail-logs",
            "prefix": "",
        },
        "verdict": "fail",
        "counts": {
            "digests": {
                "expected": 12_648,
                "valid": 12_590,
                "altered": 0,
                "missing": 58,
                "unvouched": 0,
                "unreadable": 0,
            },
            "logs": {
                "expected": 18_211,
                "valid": 18_209,
                "altered": 1,
                "missing": 1,
                "unvouched": 1,
                "stored_bytes": 9,
            },
        },
        "coverage": {
            "hours_asked": sum(chain["hours_asked"] for chain in chains),
            "hours_verified": sum(chain["hours_verified"] for chain in chains),
            "states": {
                "v": "verified: a proved digest covers the hour and every log file in it is as delivered",
                "x": "altered, damaged or forged",
                "s": "logging or validation was switched off",
                "g": "no digest and no explanation",
                ".": "not asked for",
            },
            "chains": chains,
        },
        "gaps": [
            {
                "account": scope.id,
                "region": region,
                "start": "2026-10-14T09:00:00Z",
                "end": "2026-10-14T11:00:00Z",
                "hours": 2.0,
                "cause": "logging_stopped",
                "certainty": "shown",
                "sentence": "Logging was stopped by role/admin and started again two hours later.",
                "log_objects": 0,
                "events": ["0b1f6a3e-5d0c-4c0e-9a77-000000000000"],
            }
            for region in scope.regions
        ],
        "findings": [
            {
                **finding,
                "kind": kind,
                "level": level,
                "object": key.replace("AbCd", letters) if letters else "",
                "expected": expected,
                "found": found,
                "sentence": sentence,
            }
            for kind, level, letters, expected, found, sentence in _FINDINGS
        ],
        "findings_omitted": {},
    }


_FINDINGS = (
    (
        "log_altered",
        "fail",
        "AbCd",
        "9f2c" * 16,
        "41aa" * 16,
        "The log file does not have the hash that its digest states.",
    ),
    ("log_missing", "fail", "ZyXw", "77bd" * 16, "no object", "A digest lists this log file, and the bucket lacks it."),
    ("log_unvouched", "fail", "QqQq", "an entry in the hour's digest", "none", "No digest vouches for this object."),
    ("gap_logging_stopped", "incomplete", "", "digests", "none", "Logging was stopped."),
    ("chain_restarted", "note", "", "", "", "A new chain starts where the old one ended."),
)


def _chain(scope: AccountScope, region: str) -> dict[str, Any]:
    days = {f"{START + timedelta(days=number):%Y-%m-%d}": "v" * 24 for number in range(31)}
    days["2026-10-14"] = "v" * 9 + "ss" + "v" * 13
    if region == "us-east-1":
        days["2026-10-21"] = "v" * 5 + "x" + "v" * 18
    if region == "sa-east-1":
        days["2026-10-28"] = "g" * 24
    verified = sum(hours.count("v") for hours in days.values())
    return {
        "account": scope.id,
        "region": region,
        "hours_asked": 744,
        "hours_verified": verified,
        "digests": {"expected": 744, "valid": verified},
        "logs": {"expected": 1071, "valid": 1070},
        "days": [{"date": day, "hours": hours} for day, hours in days.items()],
    }


_EVENTS = (
    ("trail_changed", "StopLogging"),
    ("trail_changed", "StartLogging"),
    ("root_sign_in", "ConsoleLogin"),
    ("bucket_deleted", "DeleteBucket"),
    ("bucket_changed", "PutBucketPolicy"),
    ("port_opened", "AuthorizeSecurityGroupIngress"),
    ("port_closed", "RevokeSecurityGroupIngress"),
    ("key_endangered", "ScheduleKeyDeletion"),
)


def imported_findings(scope: AccountScope, *, hostile: bool) -> dict[str, Any]:
    """Return findings that another tool wrote."""
    findings = [
        {
            "id": f"prowler-aws-s3_bucket_versioning-{number}",
            "title": HOSTILE[number] if hostile else "Check if S3 buckets have object versioning enabled",
            "account": scope.id,
            "region": "eu-central-1",
            "resource": HOSTILE[3] if hostile else f"arn:aws:s3:::northwind-data-{number}",
            "status": status,
            "severity": "Medium",
        }
        for number, status in enumerate(("FAIL", "FAIL", "PASS"))
    ]
    return Import(b"", "5e" * 32, "Prowler 5.46", tuple(Finding(**item) for item in findings)).document(
        "evidence/imported/1-5e5e5e5e5e5e.json"
    )


def answers(scope: AccountScope, evidence: Evidence, *, hostile: bool = False) -> list[Mapping[str, Any]]:
    """Return answers to questions: one with events, one with groups of calls, and one without rows."""
    ref = evidence.of(scope.id, "trail:NotableEvents")[0].ref
    actor = HOSTILE[4] if hostile else f"arn:aws:iam::{scope.id}:user/alice"

    def event(at: str, **own: Any) -> dict[str, Any]:
        told = {"account": scope.id, "region": "us-east-1", "actor": actor, "source_ip": "192.0.2.9", "error": None}
        named = {"event_time": at, "event_name": "TagRole", "event_id": f"e-{at}", "log_file": "b/a.json.gz"}
        return {**told, **named, "outcome": "success", "verified": True, **own}

    def answer(question: str, *rows: Mapping[str, Any], **own: Any) -> dict[str, Any]:
        searched = {
            "accounts": [scope.id], "regions": list(scope.regions), "hours_verified": 1480, "hours_expected": 1488,
            "log_files": 2147, "records": 6599, "duplicates": 0, "unreadable": 0,
            "not_searched": [{"what": "hours", "why": "deleted", "region": "us-east-1"}],
        }  # fmt: skip
        return {
            "schema": "auditor.events/1", "ref": ref, "account": scope.id, "region": "global", "question": question,
            "title": question, "answers": "", "parameters": {}, "period": Period(START, END, "2026-10").document(),
            "answered_by": {"engine": "duckdb", "sources": []}, "searched": searched, "cannot_see": ["Reads."],
            "columns": [*rows[0]] if rows else [], "rows": list(rows), "truncated": False,
            "statement": "SELECT *\nFROM calls", **own,
        }  # fmt: skip

    refused = event("2026-10-05T07:00:00Z", outcome="refused", error="AccessDenied", verified=False)
    denied = {
        "account": scope.id, "actor": actor, "event_source": "ec2.amazonaws.com", "call": "StopInstances", "calls": 42,
        "error": "UnauthorizedOperation", "why": "explicit deny", "regions": "eu-central-1", "addresses": "192.0.2.9",
        "first_time": "2026-10-02T10:00:00Z", "last_time": "2026-10-30T10:00:00Z", "example_event": "e-1",
    }  # fmt: skip
    tagged = [event(f"2026-10-{day:02d}T07:00:00Z", subject="ledger") for day in (1, 2, 3)]
    opened = event("2026-10-21T14:02:11Z", event_name="AuthorizeSecurityGroupIngress", resource="sg-0aa")
    closed = {
        "answer_event": "RevokeSecurityGroupIngress", "answered_by": f"arn:aws:sts::{scope.id}:assumed-role/closer/run",
        "answer_id": "e-closed", "answer_time": "2026-10-21T14:06:13Z", "seconds_between": 242, "answers_in_time": 1,
    }  # fmt: skip
    scenario = answer("auto-remediation", {**opened, **closed}, opened, parameters={"minutes": 60})
    return [answer("iam-changes", *tagged, refused), answer("denied-calls", denied), answer("organizations"), scenario]


def holdings(scope: AccountScope, evidence: Evidence) -> Mapping[str, Any]:
    """Return what an account's logging consists of."""
    group = {"region": "eu-central-1", "filters": 14, "encrypted": True}
    return {
        "account": scope.id,
        "refs": [item.ref for item in evidence.of(scope.id, "logs:DescribeMetricFilters")][:2],
        "log_groups": {
            "count": 3,
            "bytes": 5 << 30,
            "never_expire": 1,
            "largest": [
                {**group, "name": "/aws/cloudtrail", "retention_days": 400, "bytes": 4 << 30},
                {**group, "name": "/aws/lambda/invoice", "retention_days": None, "bytes": 1 << 20},
            ],
        },
        "metric_filters": 14,
        "alarms": {
            "count": 15,
            "states": {"OK": 14, "ALARM": 1},
            "actions_off": 1,
            "without_action": 2,
            "composites": [
                {
                    "name": "security", "region": "eu-central-1", "state": "OK", "actions_on": False, "notifies": [],
                    "children": {"cis-1": "OK", "gone": None},
                }
            ],
        },
        "dashboards": {"count": 1, "named": [{"name": "operations", "bytes": 900}]},
        "observability": {"sinks": 0, "links": 1, "attached": 0},
        "agent_metrics": {"metrics": 4, "instances": 2},
        "not_asked": ["oam:ListSinks"],
        "unread": ["cloudwatch:DescribeAlarms sa-east-1"],
    }  # fmt: skip


COST: Mapping[str, Any] = {
    "totals": {"logging_usd_a_month": 12.5, "paid_twice_usd_a_month": 2.5, "audit_usd": 0.0177},
    "month": "the period is a calendar month; its numbers stand as they are",
    "prices": {"region": "us-east-1", "own_file": None},
    "lines": [
        {
            "area": "management events", "what": "second copy, by org-trail", "account": "111122223333", "usd": 2.5,
            "region": "eu-central-1", "quantity": 125000.0, "unit": "events", "formula": "125,000 records x 1.0000",
            "price": {"usd": "2 per 100,000", "source": "price list", "seen": "2026-11-20"}, "paid_twice": True,
            "note": "at most: its log files may hold other events as well",
        },
        {
            "area": "alarms", "what": "metric alarms, standard", "account": "111122223333", "usd": 10.0,
            "region": "eu-central-1", "quantity": 100.0, "unit": "alarm metrics", "formula": "100 metrics",
            "price": {"usd": "0.1 per alarm metric", "source": "price list", "seen": "2026-11-20"},
            "paid_twice": False, "note": "",
        },
    ],
    "not_known": [{"area": "transfer", "what": "data that leaves a Region", "why": "no answer", "usd_at_most": None}],
    "proposals": [],
}  # fmt: skip
"""An estimate."""


def lifelines(scope: AccountScope, evidence: Evidence, *, hostile: bool = False) -> Mapping[str, Any]:
    """Return timelines in which every condition occurs."""
    refs = [item.ref for item in evidence.of(scope.id, "trail:VerifyDigests")]
    stopped, started = START + timedelta(days=13, hours=2), START + timedelta(days=13, hours=4)
    name = HOSTILE[0] if hostile else f"arn:aws:cloudtrail:eu-central-1:{scope.id}:trail/org-trail"
    actor = HOSTILE[4] if hostile else f"arn:aws:iam::{scope.id}:user/temp-contractor"

    def stretches(*told: tuple[datetime, str]) -> list[dict[str, str]]:
        ends = [*(moment for moment, _ in told[1:]), END]
        pairs = zip(told, ends, strict=True)
        return [{"start": rfc3339(at), "end": rfc3339(end), "condition": how} for (at, how), end in pairs]

    def change(at: datetime, call: str, *, holds: bool) -> dict[str, Any]:
        told = {"event_id": "4397abb3-e49b-4857-b00b-a8d95a78fa48", "source_ip": "203.0.113.66", "sets": "", "part": ""}
        return {
            **told, "event_time": rfc3339(at), "event_name": call, "actor": actor, "log_file": "a.json.gz",
            "holds": holds, "verified": True,
        }  # fmt: skip

    return {
        "account": scope.id,
        "period": Period(START, END, "2026-10").document(),
        "refs": refs,
        "lines": [
            {
                "kind": "logging",
                "name": name,
                "region": "eu-central-1",
                "refs": refs,
                "readings": [{"part": "", "holds": True, "at": rfc3339(AS_OF), "since": rfc3339(started)}],
                "stretches": stretches((START, "held"), (stopped, "broken"), (started, "held")),
                "changes": [change(stopped, "StopLogging", holds=False), change(started, "StartLogging", holds=True)],
                "refused": 1,
            }
        ],
        "more": 0,
        "untouched": [
            {
                "kind": "alarm",
                "count": 14,
                "names": [f"cis-{number}" for number in range(14)],
                "refs": refs,
                "stretches": stretches((START, "unchanged"), (stopped, "open"), (started, "altered")),
            }
        ],
        "unread": [{"kind": "topic", "operation": "sns:ListTopics"}],
    }


def notable_events(scope: AccountScope, evidence: Evidence, *, hostile: bool) -> dict[str, Any]:
    """Return a table of events of note."""
    (record,) = evidence.of(scope.id, "trail:NotableEvents")
    folder = f"AWSLogs/{scope.id}/CloudTrail/eu-central-1/2026/10"
    rows = []
    for number, (kind, name) in enumerate(_EVENTS):
        moment = START + timedelta(days=3 * number, hours=9, minutes=12)
        resource = f"arn:aws:s3:::northwind-data-{number}"
        if kind == "trail_changed":
            moment = START + timedelta(days=13, hours=9 + 2 * number)
            resource = f"arn:aws:cloudtrail:eu-central-1:{scope.id}:trail/org-trail"
        row = {
            "kind": kind,
            "event_id": f"0b1f6a3e-5d0c-4c0e-9a77-{number:012d}",
            "event_time": rfc3339(moment),
            "event_name": name,
            "event_source": "cloudtrail.amazonaws.com",
            "region": "eu-central-1",
            "account": scope.id,
            "actor": HOSTILE[number] if hostile else f"arn:aws:sts::{scope.id}:assumed-role/Admin/carol.jones",
            "actor_type": "AssumedRole",
            "source_ip": "203.0.113.77",
            "user_agent": "aws-cli/2.31",
            "outcome": "Success",
            "resource": resource,
            "summary": f"carol.jones called {name} on northwind-data-{number}.",
            "log_file": f"{folder}/{1 + 3 * number:02d}/{scope.id}_CloudTrail_eu-central-1_a1b2c3d4.json.gz",
            "verified": number != 2,
        }
        if kind == "port_opened":
            row |= {
                "ports": [22],
                "closed_by": f"arn:aws:sts::{scope.id}:assumed-role/CloseOpenPorts/lambda",
                "closed_at": rfc3339(moment + timedelta(minutes=4)),
                "minutes_open": 4.0,
            }
        rows.append(row)
    return {
        "schema": "auditor.notable-events/1",
        "ref": record.ref,
        "account": scope.id,
        "region": "eu-central-1",
        "scope": {},
        "source": {"log_files": 18_209, "records": 412_883},
        "counts": {kind: sum(row["kind"] == kind for row in rows) for kind, _ in _EVENTS},
        "rows": rows,
        "omitted": 0,
    }

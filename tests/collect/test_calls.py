"""Whatever AWS or the network answers, it ends up as evidence: complete, or with the error that says why not."""

import socket
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from auditor.base.errors import CollectionError
from auditor.collect.collection import collect_account
from auditor.evidence.answer import Record
from auditor.evidence.operations import Where
from auditor.evidence.store import EvidenceWriter
from tests.collect.aws import ACCOUNT, FakeAws, Reply, ok, query, query_refused, refused
from tests.collect.conftest import NOW, QUICK, Collection, each, operation

TRAILS = operation("cloudtrail:DescribeTrails", required=("trailList",))
KEYS = operation("kms:ListKeys", required=("Keys",))
GROUPS = operation("logs:DescribeLogGroups", required=("logGroups",))
NO_TRAILS = ok({"trailList": []})
PAGES = [[{"KeyId": "a"}, {"KeyId": "b"}], [{"KeyId": "c"}], [{"KeyId": "d"}]]


def the(collection: Collection, name: str, region: str = "eu-west-1") -> Record:
    return next(item for item in collection.evidence().of(ACCOUNT, name) if item.call.region == region)


def code(record: Record) -> str:
    return record.error.code if record.error else ""


def test_an_answer_is_stored_with_who_asked_when_and_how(aws: FakeAws, collection: Collection) -> None:
    aws.script("cloudtrail:DescribeTrails", ok({"trailList": [{"Name": "main", "IsMultiRegionTrail": True}]}))
    collected = collection.collect(TRAILS)
    record = the(collection, "cloudtrail:DescribeTrails")
    assert (record.complete, record.pages, record.items, record.http_status) == (True, 1, 1, 200)
    assert record.request_ids == ("11111111-2222-4333-8444-555555555555",)
    assert record.principal == f"arn:aws:sts::{ACCOUNT}:assumed-role/Auditor/jane"
    assert collected.scope.regions == ("eu-west-1", "us-east-1")


def test_only_enabled_regions_are_asked_and_their_list_is_evidence(aws: FakeAws, collection: Collection) -> None:
    aws.script("cloudtrail:DescribeTrails", NO_TRAILS)
    collected = collection.collect(TRAILS)
    assert sorted(item.region for item in aws.asked if item.operation == TRAILS.name) == ["eu-west-1", "us-east-1"]
    record = the(collection, "ec2:DescribeRegions", "global")
    assert record.complete
    assert dict(record.call.parameters) == {"AllRegions": True}
    assert collected.regions_proved


def test_every_page_is_fetched(aws: FakeAws, collection: Collection) -> None:
    def in_turn(asked: Any) -> Reply:
        number = str(asked.parameters.get("Marker", "page-0"))[-1]
        keys = PAGES[int(number)]
        more = {"Truncated": True, "NextMarker": f"page-{int(number) + 1}"} if int(number) < 2 else {"Truncated": False}
        return ok({"Keys": keys, **more})

    aws.script("kms:ListKeys", in_turn)
    collection.collect(KEYS)
    record = the(collection, "kms:ListKeys")
    assert (record.pages, record.items, record.complete, len(record.request_ids)) == (3, 4, True, 3)


def test_a_token_is_followed_where_the_sdk_has_no_paginator(aws: FakeAws, collection: Collection) -> None:
    aws.paged("events:ListEventBuses", "EventBuses", [[{"Name": "default"}], [{"Name": "other"}]], token="NextToken")
    collection.collect(operation("events:ListEventBuses", required=("EventBuses",)))
    record = the(collection, "events:ListEventBuses")
    assert (record.pages, record.items, record.complete) == (2, 2, True)


ENDLESS = ok({"logGroups": [], "nextToken": "again"})


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        pytest.param(refused("AccessDeniedException", "no"), "AccessDeniedException", id="denied"),
        pytest.param(refused("ThrottlingException", "slow down"), "ThrottlingException", id="throttled-for-good"),
        pytest.param(refused("ExpiredTokenException", "too late"), "ExpiredTokenException", id="expired-token"),
        pytest.param(
            refused("UnrecognizedClientException", "off"), "UnrecognizedClientException", id="region-disabled"
        ),
        pytest.param(refused("InternalFailure", "oops", 500), "InternalFailure", id="server-error"),
        pytest.param(Reply(b"<html>bad gateway", 502), "502", id="a-proxys-page"),
        pytest.param(Reply(b"", 503), "503", id="error-without-body"),
        pytest.param(Reply(b"", damage="reset"), "ConnectionClosed", id="reset"),
        pytest.param(Reply(b'{"logGroups": []}', damage="cut"), "ConnectionClosed", id="cut-short"),
        pytest.param(Reply(b""), "Malformed", id="empty-body"),
        pytest.param(Reply(b"   "), "Malformed", id="blank-body"),
        pytest.param(Reply(b'{"logGroups": [{"logGr'), "Malformed", id="truncated-json"),
        pytest.param(Reply(b'"logGroups"'), "Malformed", id="json-of-another-kind"),
        pytest.param(Reply(b'{"logGroups": 7}'), "Malformed", id="list-is-a-number"),
        pytest.param(Reply(b'{"logGroups": [' * 5000), "Malformed", id="nested-too-deeply"),
        pytest.param(ok({"other": []}), "Malformed", id="missing-required-key"),
        pytest.param(ok({"logGroups": [{"storedBytes": "NaN"}], "x": 1}), "", id="unknown-field"),
        pytest.param(ENDLESS, "Incomplete", id="the-same-token-again"),
    ],
)
def test_each_fault_is_recorded(aws: FakeAws, collection: Collection, reply: Reply, expected: str) -> None:
    aws.script("logs:DescribeLogGroups", reply)
    aws.script("cloudtrail:DescribeTrails", NO_TRAILS)
    collection.collect(GROUPS, TRAILS, limits=replace(QUICK, mode="standard"))
    evidence = collection.evidence()
    for record in evidence.of(ACCOUNT, "logs:DescribeLogGroups"):
        assert code(record) == expected, record.error
        assert record.complete is (expected == "")
        assert record.error is None or record.error.action == "logs:DescribeLogGroups"
    assert all(record.complete for record in evidence.of(ACCOUNT, "cloudtrail:DescribeTrails"))


def test_a_damaged_answer_is_asked_for_once_more(aws: FakeAws, collection: Collection) -> None:
    aws.script("logs:DescribeLogGroups", Reply(b'{"logGroups": []}', damage="cut"), ok({"logGroups": []}))
    collection.collect(GROUPS, regions=("eu-west-1",))
    assert the(collection, "logs:DescribeLogGroups").complete


def test_an_answer_that_does_not_come_is_a_timeout(aws: FakeAws, collection: Collection) -> None:
    def slow(_asked: Any) -> Reply:
        time.sleep(0.6)
        return NO_TRAILS

    aws.script("cloudtrail:DescribeTrails", slow)
    collection.collect(TRAILS, limits=replace(QUICK, attempts=1, read_seconds=0.1), regions=("eu-west-1",))
    assert code(the(collection, "cloudtrail:DescribeTrails")) == "Timeout"


def test_a_lost_middle_page_keeps_what_came_and_says_that_it_is_not_all(aws: FakeAws, collection: Collection) -> None:
    first = ok({"logGroups": [{"logGroupName": "a"}], "nextToken": "2"})
    aws.script("logs:DescribeLogGroups", first, refused("AccessDeniedException"))
    collection.collect(GROUPS, regions=("eu-west-1",))
    record = the(collection, "logs:DescribeLogGroups")
    assert (record.pages, record.items, record.complete, code(record)) == (1, 1, False, "AccessDeniedException")


def test_a_page_without_its_list_is_malformed_though_others_follow(aws: FakeAws, collection: Collection) -> None:
    first = ok({"logGroups": [{"logGroupName": "a"}], "nextToken": "2"})
    aws.script("logs:DescribeLogGroups", first, ok({"nextToken": "3"}), ok({"logGroups": []}))
    collection.collect(GROUPS, regions=("eu-west-1",))
    record = the(collection, "logs:DescribeLogGroups")
    assert (record.complete, code(record)) == (False, "Malformed")


def test_a_truncated_answer_without_a_marker_is_incomplete(aws: FakeAws, collection: Collection) -> None:
    aws.script("kms:ListKeys", ok({"Keys": [{"KeyId": "a"}], "Truncated": True}))
    collection.collect(KEYS, regions=("eu-west-1",))
    record = the(collection, "kms:ListKeys")
    assert (record.complete, code(record)) == (False, "Incomplete")


def test_ever_new_tokens_come_to_an_end(aws: FakeAws, collection: Collection) -> None:
    counter = iter(range(1_000_000))
    aws.script("logs:DescribeLogGroups", lambda _: ok({"logGroups": [], "nextToken": f"t{next(counter)}"}))
    collection.collect(GROUPS, limits=replace(QUICK, max_pages=7), regions=("eu-west-1",))
    record = the(collection, "logs:DescribeLogGroups")
    assert (record.pages, record.complete, code(record)) == (7, False, "Incomplete")


def test_that_there_is_no_such_thing_is_an_answer(aws: FakeAws, collection: Collection) -> None:
    policy = operation(
        "iam:GetAccountPasswordPolicy", where=Where.GLOBAL, required=("PasswordPolicy",), absent=("NoSuchEntity",)
    )
    aws.script("iam:GetAccountPasswordPolicy", query_refused("NoSuchEntity", "none", 404))
    collection.collect(policy)
    record = the(collection, "iam:GetAccountPasswordPolicy", "global")
    assert (record.absent, record.complete, code(record), record.http_status) == (True, False, "NoSuchEntity", 404)


@pytest.mark.parametrize(
    ("message", "absent"),
    [
        pytest.param("Macie is not enabled.", True, id="off"),
        pytest.param("User is not authorized", False, id="denied"),
    ],
)
def test_one_code_for_two_things_is_told_apart_by_its_message(
    aws: FakeAws, collection: Collection, message: str, absent: bool
) -> None:
    groups = operation("logs:DescribeLogGroups", absent=("AccessDeniedException: Macie is not enabled",))
    aws.script("logs:DescribeLogGroups", refused("AccessDeniedException", message))
    collection.collect(groups, regions=("eu-west-1",))
    assert the(collection, "logs:DescribeLogGroups").absent is absent


def test_truncated_xml_is_malformed(aws: FakeAws, collection: Collection) -> None:
    summary = operation("iam:GetAccountSummary", where=Where.GLOBAL, required=("SummaryMap",))
    aws.script("iam:GetAccountSummary", Reply(b"<GetAccountSummaryResponse><GetAccountSumm"))
    collection.collect(summary)
    assert code(the(collection, "iam:GetAccountSummary", "global")) == "Malformed"


def test_a_message_is_one_bounded_line_without_secrets(aws: FakeAws, collection: Collection) -> None:
    message = "a\nb\x1b[31m\u202e AKIAABCDEFGHIJKLMNOP " + "x" * 5000 + " Encoded authorization failure message: zzz"
    aws.script("logs:DescribeLogGroups", refused("AccessDeniedException", message))
    collection.collect(GROUPS, regions=("eu-west-1",))
    error = the(collection, "logs:DescribeLogGroups").error
    assert error is not None
    assert error.message.startswith("a b [31m AKIA[")
    assert len(error.message) <= 400
    assert error.message.isprintable()
    assert "AKIAABCDEFGHIJKLMNOP" not in error.message


def test_the_credential_report_is_waited_for(aws: FakeAws, collection: Collection) -> None:
    states = iter(["STARTED", "INPROGRESS", "COMPLETE"])
    aws.script(
        "iam:GenerateCredentialReport", lambda _: query("GenerateCredentialReport", f"<State>{next(states)}</State>")
    )
    aws.script("iam:GetCredentialReport", query("GetCredentialReport", "<Content>dXNlcixhcm4=</Content>"))
    generate = operation("iam:GenerateCredentialReport", where=Where.GLOBAL, required=("State",))
    get = operation(
        "iam:GetCredentialReport", where=Where.GLOBAL, required=("Content",), for_each=each(generate.name, "[@]")
    )
    collection.collect(generate, get)
    evidence = collection.evidence()
    (record,) = evidence.of(ACCOUNT, "iam:GetCredentialReport")
    assert evidence.pages(record)[0]["Content"] == "user,arn"
    assert aws.operations().count("iam:GenerateCredentialReport") == 3


def test_a_report_that_never_comes_is_an_error_and_nothing_is_read(aws: FakeAws, collection: Collection) -> None:
    aws.script("iam:GenerateCredentialReport", query("GenerateCredentialReport", "<State>STARTED</State>"))
    generate = operation("iam:GenerateCredentialReport", where=Where.GLOBAL, required=("State",))
    get = operation("iam:GetCredentialReport", where=Where.GLOBAL, for_each=each(generate.name, "[@]"))
    collection.collect(generate, get)
    assert code(the(collection, "iam:GenerateCredentialReport", "global")) == "ReportInProgress"
    assert "iam:GetCredentialReport" not in aws.operations()


def test_an_operation_that_the_sdk_does_not_know_is_a_recorded_gap(aws: FakeAws, collection: Collection) -> None:
    collection.collect(operation("kms:ListNewThings"), operation("newservice:ListThings"), regions=("eu-west-1",))
    evidence = collection.evidence()
    assert [code(record) for record in evidence.of(ACCOUNT, "kms:ListNewThings")] == ["UnknownOperation"]
    assert [code(record) for record in evidence.of(ACCOUNT, "newservice:ListThings")] == ["UnknownServiceError"]


def test_a_mutating_operation_ends_the_run_before_anything_is_sent(aws: FakeAws, collection: Collection) -> None:
    with pytest.raises(CollectionError, match="cloudtrail:StopLogging") as caught:
        collection.collect(operation("cloudtrail:StopLogging", parameters={"Name": "main"}))
    assert caught.value.exit_code == 5
    assert "cloudtrail:StopLogging" not in aws.operations()


def test_an_unwritable_folder_ends_the_run(aws: FakeAws, collection: Collection) -> None:
    aws.script("cloudtrail:DescribeTrails", NO_TRAILS)
    collection.folder.mkdir()
    (collection.folder / "raw").write_text("in the way")
    with pytest.raises(CollectionError, match="cannot be written"):
        collection.collect(TRAILS)


def test_children_are_asked_in_their_own_region_each_once(aws: FakeAws, collection: Collection) -> None:
    trail = {"TrailARN": f"arn:aws:cloudtrail:eu-west-1:{ACCOUNT}:trail/main", "HomeRegion": "eu-west-1"}
    aws.script("cloudtrail:DescribeTrails", ok({"trailList": [trail]}))
    aws.script("cloudtrail:GetTrailStatus", ok({"IsLogging": True}))
    status = operation(
        "cloudtrail:GetTrailStatus", for_each=each(TRAILS.name, "trailList[]", region="HomeRegion", Name="TrailARN")
    )
    collection.collect(TRAILS, status)
    asked = [item for item in aws.asked if item.operation == status.name]
    assert [(item.region, item.parameters["Name"]) for item in asked] == [("eu-west-1", trail["TrailARN"])]


def test_a_redacted_parameter_is_sent_as_it_was_and_stored_redacted(aws: FakeAws, collection: Collection) -> None:
    key = "AKIAABCDEFGHIJKLMNOP"
    aws.script("logs:DescribeLogGroups", ok({"logGroups": [{"logGroupName": key}]}))
    aws.script("logs:DescribeSubscriptionFilters", ok({"subscriptionFilters": []}))
    child = operation(
        "logs:DescribeSubscriptionFilters", for_each=each(GROUPS.name, "logGroups[]", logGroupName="logGroupName")
    )
    collection.collect(GROUPS, child, regions=("eu-west-1",))
    sent = [item.parameters["logGroupName"] for item in aws.asked if item.operation == child.name]
    assert sent == [key]
    assert key not in str(the(collection, child.name).call)


def test_concurrency_does_not_change_a_byte(aws: FakeAws, new_collection: Callable[[str], Collection]) -> None:
    aws.script("cloudtrail:DescribeTrails", NO_TRAILS)
    aws.paged(
        "logs:DescribeLogGroups", "logGroups", [[{"logGroupName": "a"}], [{"logGroupName": "b"}]], token="nextToken"
    )
    aws.script("kms:ListKeys", refused("AccessDeniedException"))
    folders = []
    for workers in (1, 2, 16):
        collection = new_collection(f"with-{workers}")
        collection.collect(TRAILS, GROUPS, KEYS, limits=replace(QUICK, workers=workers))
        collection.evidence()
        folders.append(content(collection.folder))
    assert folders[0] == folders[1] == folders[2]


def content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*.json"))}


def test_each_operation_is_called_once_per_region_and_our_own_calls_are_listed(
    aws: FakeAws, collection: Collection
) -> None:
    aws.script("cloudtrail:DescribeTrails", NO_TRAILS)
    aws.script("kms:ListKeys", ok({"Keys": []}))
    collected = collection.collect(TRAILS, KEYS)
    assert sorted(aws.operations()) == [
        "cloudtrail:DescribeTrails",
        "cloudtrail:DescribeTrails",
        "ec2:DescribeRegions",
        "kms:ListKeys",
        "kms:ListKeys",
        "sts:GetCallerIdentity",
    ]
    assert collected.calls == 5
    assert collection.log.requests == len(aws.asked)
    assert {
        "service": "kms",
        "operation": "ListKeys",
        "region": "eu-west-1",
        "requests": 1,
    } in collection.log.document()


def test_progress_is_told_to_the_end(aws: FakeAws, collection: Collection) -> None:
    aws.script("cloudtrail:DescribeTrails", NO_TRAILS)
    told: list[tuple[int, int, str]] = []
    collect_account(
        collection.caller(),
        operations={TRAILS.name: TRAILS},
        wanted=[TRAILS.name],
        writer=EvidenceWriter(collection.folder, redact=collection.redactor),
        redactor=collection.redactor,
        log=collection.log,
        now=lambda: NOW,
        limits=QUICK,
        progress=lambda done, total, name: told.append((done, total, name)),
    )
    assert [item[:2] for item in told] == [(1, 3), (2, 3), (3, 3)]


def test_an_interrupted_run_sends_nothing_more(aws: FakeAws, collection: Collection) -> None:
    def interrupt(_done: int, _total: int, _operation: str) -> None:
        raise KeyboardInterrupt

    aws.script("cloudtrail:DescribeTrails", NO_TRAILS)
    with pytest.raises(KeyboardInterrupt):
        collect_account(
            collection.caller(),
            operations={TRAILS.name: TRAILS},
            wanted=[TRAILS.name],
            writer=EvidenceWriter(collection.folder, redact=collection.redactor),
            redactor=collection.redactor,
            log=collection.log,
            now=lambda: NOW,
            limits=replace(QUICK, workers=1),
            progress=interrupt,
        )
    asked = len(aws.asked)
    time.sleep(0.1)
    assert len(aws.asked) == asked == collection.log.requests


@pytest.mark.parametrize(
    ("number", "expected"), [(socket.EAI_NONAME, "NoSuchEndpoint"), (socket.EAI_AGAIN, "ConnectionError")]
)
def test_an_endpoint_whose_name_does_not_exist_is_told_from_one_out_of_reach(
    aws: FakeAws, collection: Collection, monkeypatch: pytest.MonkeyPatch, number: int, expected: str
) -> None:
    real = socket.getaddrinfo

    def resolve(host: Any, *arguments: Any, **options: Any) -> Any:
        if str(host).startswith("nowhere."):
            raise socket.gaierror(number, "as the resolver says it")
        return real(host, *arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    monkeypatch.setenv("AWS_ENDPOINT_URL_KMS", "http://nowhere.example:9")
    aws.script("cloudtrail:DescribeTrails", NO_TRAILS)
    collection.collect(TRAILS, KEYS)
    assert code(the(collection, "kms:ListKeys")) == expected


def test_a_service_that_does_not_know_a_value_yet_is_asked_without_it(aws: FakeAws, collection: Collection) -> None:
    def older(asked: Any) -> Reply:
        if asked.parameters["logGroupClass"] == "FUTURE":
            return refused("ValidationException", "Member must satisfy enum value set: [STANDARD]")
        return ok({"logGroups": [{"logGroupName": "trail"}]})

    aws.script("logs:DescribeLogGroups", older)
    asked = replace(GROUPS, parameters={"logGroupClass": "FUTURE"}, older={"logGroupClass": "STANDARD"})
    collection.collect(asked)
    record = the(collection, "logs:DescribeLogGroups")
    assert (record.complete, dict(record.call.parameters)) == (True, {"logGroupClass": "STANDARD"})


@pytest.mark.parametrize(("code_", "message"), [("AccessDenied", "enum value set"), ("ValidationException", "no such")])
def test_any_other_refusal_is_taken_as_it_is(aws: FakeAws, collection: Collection, code_: str, message: str) -> None:
    aws.script("logs:DescribeLogGroups", refused(code_, message))
    collection.collect(replace(GROUPS, parameters={"logGroupClass": "FUTURE"}, older={"logGroupClass": "STANDARD"}))
    record = the(collection, "logs:DescribeLogGroups")
    assert (code(record), dict(record.call.parameters)) == (code_, {"logGroupClass": "FUTURE"})

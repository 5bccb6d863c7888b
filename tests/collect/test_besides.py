"""Calls that follow from more than the catalogue: guarded, stored and counted like all others."""

import pytest

from auditor.base.errors import UsageError
from auditor.collect.accounts import identify, open_session
from auditor.collect.collection import ask_besides
from auditor.collect.guard import MutationRefusedError
from auditor.evidence.answer import Record
from auditor.evidence.operations import Call, Operation
from tests.collect.aws import FakeAws, ok, refused
from tests.collect.conftest import NOW, QUICK, Collection, operation

TEST = operation("logs:TestMetricFilter", required=("matches",))
DELETE = operation("logs:DeleteMetricFilter")


def question(pattern: str, region: str = "eu-west-1", name: str = TEST.name) -> Call:
    return Call(name, region, (("filterPattern", pattern), ("logEventMessages", ["{}"])))


def ask(collection: Collection, known: Operation, *calls: Call) -> int:
    return ask_besides(
        identify(open_session(region="us-east-1", log=collection.log)),
        calls,
        operations={known.name: known},
        writer=collection.writer,
        redactor=collection.redactor,
        log=collection.log,
        now=lambda: NOW,
        limits=QUICK,
    )


def test_each_call_is_stored_with_exactly_its_parameters(aws: FakeAws, collection: Collection) -> None:
    aws.script("logs:TestMetricFilter", ok({"matches": []}))
    collection.collect(regions=("eu-west-1",))
    assert ask(collection, TEST, question("a"), question("b"), question("a", "us-east-1")) == 3
    stored = [record for record in collection.evidence().records if record.call.operation == TEST.name]
    assert [record.call for record in stored] == [question("a"), question("b"), question("a", "us-east-1")]
    assert all(complete(record) for record in stored)


def complete(record: Record) -> bool:
    return record.complete and record.error is None


def test_a_refusal_is_stored_and_stops_nothing(aws: FakeAws, collection: Collection) -> None:
    aws.script("logs:TestMetricFilter", refused("AccessDeniedException", "not authorized"))
    collection.collect(regions=("eu-west-1",))
    assert ask(collection, TEST, question("a"), question("b")) == 2
    errors = [it.error for it in collection.evidence().records if it.call.operation == TEST.name]
    assert [(error.code, error.action) for error in errors if error] == [("AccessDeniedException", TEST.action)] * 2


def test_what_is_no_read_is_refused_before_anything_is_sent(aws: FakeAws, collection: Collection) -> None:
    collection.collect(regions=("eu-west-1",))
    with pytest.raises(MutationRefusedError):
        ask(collection, DELETE, question("a", name=DELETE.name))
    assert DELETE.name not in aws.operations()


def test_what_the_catalogue_does_not_know_is_not_asked(aws: FakeAws, collection: Collection) -> None:
    collection.collect(regions=("eu-west-1",))
    with pytest.raises(UsageError, match="logs:TestMetricFilter"):
        ask(collection, DELETE, question("a"))
    assert TEST.name not in aws.operations()

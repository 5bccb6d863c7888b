"""Some operations end a list in silence unless they are asked for pages: AWS's own documentation says which."""

import html
import re
from collections.abc import Iterator

import botocore.session
import pytest

from auditor.evidence.operations import Operation
from tests.collect.aws import ACCOUNT, Asked, FakeAws, Reply, ok
from tests.collect.conftest import Collection
from tests.evaluate.kit import catalog

SAYS_SO = re.compile(r"(?:must set (\w+) to receive a value for|(?:did|do) not set (\w+) in the request)")
"""How the documentation of SQS, the only one so far, says that without a parameter there is no next page."""

PLANNED = [item for item in catalog().operations.values() if not item.produced]
QUEUES = catalog().operations["sqs:ListQueues"]


def documentation(operation: Operation) -> Iterator[str]:
    """Yield what botocore says of an operation and of everything that goes in and comes out of it."""
    model = botocore.session.get_session().get_service_model(operation.service).operation_model(operation.api)
    yield model.documentation
    for shape in (model.input_shape, model.output_shape):
        if shape is not None:
            yield from (member.documentation for member in shape.members.values())


def asked_for(operation: Operation) -> set[str]:
    texts = (re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", "", text))) for text in documentation(operation))
    return {name for text in texts for found in SAYS_SO.finditer(text) for name in found.groups() if name}


@pytest.mark.parametrize("operation", PLANNED, ids=lambda item: item.name)
def test_what_ends_in_silence_without_a_parameter_is_asked_with_it(operation: Operation) -> None:
    assert sorted(asked_for(operation) - operation.parameters.keys()) == []


def test_the_sentence_is_found_where_it_stands() -> None:
    assert asked_for(QUEUES) == {"MaxResults"}


def test_every_queue_is_listed_though_aws_tells_of_more_only_when_asked_for_pages(
    aws: FakeAws, collection: Collection
) -> None:
    urls = [f"https://sqs.eu-west-1.amazonaws.com/{ACCOUNT}/q{number:04d}" for number in range(1001)]

    def listed(asked: Asked) -> Reply:
        start = int(asked.parameters.get("NextToken", "0"))
        most = asked.parameters.get("MaxResults")
        page = urls[start : start + 1000]
        more = {"NextToken": str(start + 1000)} if most and start + 1000 < len(urls) else {}
        return ok({"QueueUrls": page, **more})

    aws.script("sqs:ListQueues", listed)
    collection.collect(QUEUES)
    record = next(item for item in collection.evidence().of(ACCOUNT, QUEUES.name) if item.call.region == "eu-west-1")
    assert (record.complete, record.pages, record.items) == (True, 2, 1001)

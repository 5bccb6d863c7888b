"""The policy allows what a run calls, nothing else, and fits into IAM's limits."""

from fnmatch import fnmatchcase
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditor.catalog.load import Catalog
from auditor.catalog.policy import (
    SIZE_LIMIT,
    Scope,
    Statement,
    costs,
    documents,
    operations_for,
    size,
    statements,
)
from auditor.collect.guard import is_read
from auditor.run import open_catalog

DECRYPTED_BY_S3 = "kms:Decrypt"


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return open_catalog()


def everything(catalog: Catalog, scope: Scope | None = None) -> tuple[Statement, ...]:
    return statements(operations_for(catalog, catalog.controls.values()), scope or Scope())


def test_every_operation_of_a_run_is_allowed(catalog: Catalog) -> None:
    allowed = {action for statement in everything(catalog) for action in statement.actions}
    for operation in operations_for(catalog, catalog.controls.values()):
        assert operation.produced or operation.action in allowed, operation.name


def test_only_actions_that_a_run_needs_are_allowed(catalog: Catalog) -> None:
    known = {operation.action for operation in catalog.operations.values()} | {"ec2:DescribeRegions"}
    of_trails = {
        "cloudtrail:ListPublicKeys",
        "s3:GetObject",
        "s3:GetObjectVersion",
        "s3:ListBucket",
        "s3:ListBucketVersions",
    }
    allowed = {action for statement in everything(catalog) for action in statement.actions}
    assert allowed <= known | of_trails


def test_no_action_changes_anything(catalog: Catalog) -> None:
    for statement in everything(catalog):
        for action in statement.actions:
            assert is_read(action) or action == "apigateway:GET", action
            assert "*" not in action


def test_every_called_operation_is_a_read(catalog: Catalog) -> None:
    assert [name for name, item in catalog.operations.items() if not item.produced and not is_read(name)] == []


def test_objects_are_read_only_where_trails_put_them(catalog: Catalog) -> None:
    for scope in (Scope(), Scope(trail_buckets=("logs", "more-logs"))):
        for statement in everything(catalog, scope):
            if "s3:GetObject" in statement.actions:
                assert all("AWSLogs/" in resource for resource in statement.resources)
            if statement.resources == ("*",):
                assert not {"s3:GetObject", "s3:GetObjectVersion", DECRYPTED_BY_S3} & set(statement.actions)


def test_buckets_account_and_partition_narrow_the_resources(catalog: Catalog) -> None:
    found = everything(catalog, Scope("aws-cn", "111122223333", ("logs",), ("arn:aws-cn:kms:cn-north-1:1:key/a",)))
    text = str([statement.document() for statement in found])
    assert "arn:aws:" not in text
    assert "arn:aws-cn:s3:::logs/*AWSLogs/*" in text
    assert "arn:aws-cn:kms:*:111122223333:key/*" in text
    (decrypt,) = (statement for statement in found if DECRYPTED_BY_S3 in statement.actions)
    assert decrypt.resources == ("arn:aws-cn:kms:cn-north-1:1:key/a",)


def test_only_the_buckets_of_trails_are_listed(catalog: Catalog) -> None:
    for trail in (True, False):
        operations = operations_for(catalog, [catalog.controls["trail-logs-retained"]], trail=trail)
        found = statements(operations, Scope(trail_buckets=("logs",)))
        (listing,) = (statement for statement in found if "s3:ListBucket" in statement.actions)
        assert listing.resources == ("arn:aws:s3:::logs",)


def test_what_is_asked_besides_costs_no_other_control(catalog: Catalog) -> None:
    """Versioning is asked of each own bucket, and of the trails' buckets besides."""
    controls = (catalog.controls["s3-mfa-delete"], catalog.controls["trail-bucket-object-lock"])
    assert costs(catalog, controls, "cloudtrail:DescribeTrails") == ("trail-bucket-object-lock",)
    assert costs(catalog, controls, "s3:GetBucketVersioning") == ("s3-mfa-delete", "trail-bucket-object-lock")


def test_a_run_without_trails_needs_no_objects(catalog: Catalog) -> None:
    found = statements(operations_for(catalog, catalog.controls.values(), trail=False), Scope())
    assert not any("s3:GetObject" in statement.actions for statement in found)


def test_only_a_report_over_a_period_shows_histories_beside(catalog: Catalog) -> None:
    beside = {"cloudwatch:DescribeAlarmHistory", "logs:DescribeQueryDefinitions"}
    for trail, whole in ((True, True), (True, False), (False, True)):
        operations = operations_for(catalog, catalog.controls.values(), trail=trail, whole=whole)
        assert ({item.name for item in operations} & beside == beside) is (trail and whole)


def test_aws_may_be_asked_about_patterns_when_controls_read_patterns_and_nobody_skips_it(catalog: Catalog) -> None:
    confirming = {"logs:TestMetricFilter", "events:TestEventPattern"}
    monitoring = [catalog.controls["monitor-cloudtrail-changes"]]
    for controls, truth, expected in (
        (monitoring, True, confirming),
        (monitoring, False, set()),
        ([catalog.controls["kms-key-rotation"]], True, set()),
    ):
        names = {operation.name for operation in operations_for(catalog, controls, truth=truth)}
        assert names & confirming == expected


def test_fewer_controls_need_fewer_actions(catalog: Catalog) -> None:
    control = catalog.controls["kms-key-rotation"]
    found = statements(operations_for(catalog, [control], trail=False), Scope())
    actions = {action for statement in found for action in statement.actions}
    assert actions == {"ec2:DescribeRegions", "kms:DescribeKey", "kms:GetKeyRotationStatus", "kms:ListKeys"}


def test_the_whole_catalogue_fits_and_is_a_valid_policy(catalog: Catalog) -> None:
    for document in documents(everything(catalog)):
        assert size(document) <= SIZE_LIMIT
        check(document)


def check(document: Any) -> None:
    sids = [statement["Sid"] for statement in document["Statement"]]
    assert document["Version"] == "2012-10-17"
    assert len(sids) == len(set(sids))
    assert all(sid.isalnum() for sid in sids)
    for statement in document["Statement"]:
        assert statement["Effect"] == "Allow"
        assert statement["Action"] == sorted(set(statement["Action"]))
        assert statement["Resource"]


actions = st.sets(st.from_regex(r"[a-z]{2,9}:[A-Z][A-Za-z]{3,30}", fullmatch=True), min_size=1, max_size=40)


@settings(max_examples=30, deadline=None)
@given(st.lists(actions, min_size=1, max_size=6), st.integers(400, 2000))
def test_splitting_loses_and_repeats_nothing(groups: list[set[str]], limit: int) -> None:
    given_statements = [
        Statement(f"S{number}", tuple(sorted(group)), (f"arn:aws:x:::{number}",)) for number, group in enumerate(groups)
    ]
    packed = documents(given_statements, limit=limit)
    pairs = [
        (action, statement["Resource"])
        for document in packed
        for statement in document["Statement"]
        for action in statement["Action"]
    ]
    wanted = [(action, item.resources[0]) for item in given_statements for action in item.actions]
    assert sorted(pairs) == sorted(wanted)
    assert all(size(document) <= limit for document in packed)
    for document in packed:
        check(document)


def test_an_action_that_never_fits_is_an_error() -> None:
    with pytest.raises(ValueError, match="does not fit"):
        documents([Statement("S", ("x:Y",), ("*",))], limit=20)


def test_what_a_missing_permission_costs_is_known(catalog: Catalog) -> None:
    controls = tuple(catalog.controls.values())
    assert "kms-key-rotation" in costs(catalog, controls, "kms:ListKeys")
    assert costs(catalog, controls, "kms:GetKeyRotationStatus") == ("kms-key-rotation",)


def test_every_resource_pattern_is_of_the_actions_own_service(catalog: Catalog) -> None:
    for statement in everything(catalog):
        for resource in statement.resources:
            if resource == "*":
                continue
            service = resource.split(":")[2]
            assert all(fnmatchcase(action, f"{service}:*") for action in statement.actions), statement

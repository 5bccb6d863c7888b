"""Before a run: which operations the caller may not do, found out by asking each once."""

from auditor.collect.preflight import May, Permission, check_permissions
from auditor.evidence.operations import Operation, Where
from tests.collect.aws import FakeAws, Reply, ok, query, query_refused, refused
from tests.collect.conftest import NOW, QUICK, Collection, each, operation

KEYS = operation("kms:ListKeys", required=("Keys",))
KEY = operation("kms:DescribeKey", for_each=each(KEYS.name, "Keys[]", KeyId="KeyId"))
ROTATION = operation(
    "kms:GetKeyRotationStatus", for_each=each(KEY.name, "[KeyMetadata]", where="Enabled", KeyId="KeyId")
)


def checked(collection: Collection, *operations: Operation) -> dict[str, Permission]:
    found = check_permissions(
        collection.caller(),
        operations={item.name: item for item in operations},
        wanted=[item.name for item in operations],
        region="eu-west-1",
        now=lambda: NOW,
        limits=QUICK,
    )
    return {item.operation: item for item in found}


def test_each_operation_is_asked_once_about_the_first_thing_there_is(aws: FakeAws, collection: Collection) -> None:
    aws.script("kms:ListKeys", ok({"Keys": [{"KeyId": "a"}, {"KeyId": "b"}], "Truncated": True, "NextMarker": "m"}))
    aws.script("kms:DescribeKey", ok({"KeyMetadata": {"KeyId": "a", "Enabled": True}}))
    aws.script("kms:GetKeyRotationStatus", ok({"KeyRotationEnabled": True}))
    found = checked(collection, KEYS, KEY, ROTATION)
    assert {item.may for item in found.values()} == {May.ALLOWED}
    assert sorted(aws.operations()) == [
        "kms:DescribeKey",
        "kms:GetKeyRotationStatus",
        "kms:ListKeys",
        "sts:GetCallerIdentity",
    ]


def test_a_denied_operation_is_named_with_its_action_and_what_hangs_on_it_is_unknown(
    aws: FakeAws, collection: Collection
) -> None:
    aws.script("kms:ListKeys", refused("AccessDeniedException", "not authorized"))
    found = checked(collection, KEYS, KEY)
    assert found["kms:ListKeys"] == Permission(
        "kms:ListKeys", "kms:ListKeys", May.DENIED, "eu-west-1", "AccessDeniedException: not authorized"
    )
    assert found["kms:DescribeKey"].may is May.UNKNOWN
    assert found["kms:DescribeKey"].reason == "depends on kms:ListKeys"


def test_what_there_is_nothing_to_ask_about_is_unknown_not_allowed(aws: FakeAws, collection: Collection) -> None:
    aws.script("kms:ListKeys", ok({"Keys": []}))
    found = checked(collection, KEYS, KEY, ROTATION)
    assert found["kms:DescribeKey"].may is May.UNKNOWN
    assert "nothing to ask about" in found["kms:DescribeKey"].reason
    assert found["kms:GetKeyRotationStatus"].may is May.UNKNOWN


def test_another_error_leaves_the_question_open(aws: FakeAws, collection: Collection) -> None:
    aws.script("kms:ListKeys", refused("InternalFailure", "oops", 500))
    assert checked(collection, KEYS)["kms:ListKeys"].may is May.UNKNOWN


def test_that_a_thing_does_not_exist_shows_that_asking_is_allowed(aws: FakeAws, collection: Collection) -> None:
    policy = operation("iam:GetAccountPasswordPolicy", where=Where.GLOBAL, absent=("NoSuchEntity",))
    aws.script("iam:GetAccountPasswordPolicy", query_refused("NoSuchEntity", status=404))
    assert checked(collection, policy)[policy.name].may is May.ALLOWED


def test_nobody_waits_for_the_credential_report(aws: FakeAws, collection: Collection) -> None:
    generate = operation("iam:GenerateCredentialReport", where=Where.GLOBAL)
    get = operation("iam:GetCredentialReport", where=Where.GLOBAL, for_each=each(generate.name, "[@]"))
    aws.script(generate.name, query("GenerateCredentialReport", "<State>STARTED</State>"))
    aws.script(get.name, query_refused("ReportNotPresent", status=410))
    found = checked(collection, generate, get)
    assert {item.may for item in found.values()} == {May.ALLOWED}
    assert aws.operations().count(generate.name) == 1


def test_the_trails_own_files_are_asked_for(aws: FakeAws, collection: Collection) -> None:
    digests = operation("trail:VerifyDigests", produced=True)
    aws.script("cloudtrail:DescribeTrails", ok({"trailList": [{"S3BucketName": "logs"}]}))
    aws.script("cloudtrail:ListPublicKeys", refused("AccessDeniedException"))
    listing = (
        "<ListBucketResult><Name>logs</Name><Contents><Key>other</Key></Contents>"
        "<Contents><Key>AWSLogs/1/a.json.gz</Key></Contents></ListBucketResult>"
    )
    aws.script("s3:GET /logs?list-type=2&max-keys=100&encoding-type=url", Reply(listing.encode()))
    aws.script("s3:GET /logs?versions&max-keys=1&encoding-type=url", Reply(b"<ListVersionsResult/>"))
    aws.script("s3:HEAD /logs/AWSLogs/1/a.json.gz", Reply(b"", 403))
    found = checked(collection, digests)
    assert {name: item.may for name, item in found.items()} == {
        "cloudtrail:DescribeTrails": May.ALLOWED,
        "cloudtrail:ListPublicKeys": May.DENIED,
        "s3:HeadObject": May.DENIED,
        "s3:ListObjectVersions": May.ALLOWED,
        "s3:ListObjectsV2": May.ALLOWED,
    }
    assert found["s3:HeadObject"].action == "s3:GetObject"

"""Whatever the catalogue asks AWS for, the simulator knows."""

from pathlib import Path
from typing import Any

import boto3
import pytest
import yaml
from botocore import xform_name
from botocore.exceptions import ClientError

from tests.simulator.conftest import Clients

pytestmark = pytest.mark.simulator

CATALOGUE = Path(__file__).parents[2] / "controls" / "operations.yaml"
KNOWN = boto3.Session().get_available_services()
ASKED = {
    name: dict(about or {})
    for name, about in yaml.safe_load(CATALOGUE.read_text()).items()
    if name.partition(":")[0] in KNOWN and not (about or {}).get("produced")
}


SAMPLES: dict[str, Any] = {"integer": 1, "long": 1, "boolean": False, "timestamp": "2026-10-01T00:00:00Z"}


def _filled(shape: Any, name: str = "") -> Any:
    """Return a value that the SDK accepts for a required parameter; the named thing does not exist."""
    if shape.type_name == "structure":
        return {member: _filled(shape.members[member], member) for member in shape.required_members}
    if shape.type_name == "list":
        return [_filled(shape.member, name)]
    if shape.type_name in SAMPLES:
        return SAMPLES[shape.type_name]
    absent_arn = "arn:aws:service:eu-central-1:111122223333:thing/absent"
    return shape.enum[0] if shape.enum else absent_arn if name.lower().endswith("arn") else "absent-thing-00"


@pytest.mark.parametrize("operation", sorted(ASKED))
def test_every_operation_of_the_catalogue_is_simulated(client: Clients, operation: str) -> None:
    service, _, name = operation.partition(":")
    asked = client(service)
    shape = asked.meta.service_model.operation_model(name).input_shape
    given = _filled(shape) if shape is not None else {}
    words = {"{account}": "111122223333", "{start}": "2026-10-01T00:00:00Z", "{end}": "2026-11-01T00:00:00Z"}
    fixed = dict(ASKED[operation].get("parameters") or {})
    for word, meaning in words.items():
        fixed = {key: value.replace(word, meaning) if isinstance(value, str) else value for key, value in fixed.items()}
    code = ""
    try:
        getattr(asked, xform_name(name))(**(given | fixed))
    except ClientError as error:
        code = error.response["Error"]["Code"]
    assert code not in {"NotImplemented", "InvalidAction", "SimulatorFailure"}


def test_an_alarm_mute_rule_can_be_written_listed_and_read(client: Clients) -> None:
    cloudwatch = client("cloudwatch")
    schedule = {"Expression": "cron(0 2 * * *)", "Duration": "PT2H"}
    cloudwatch.put_alarm_mute_rule(
        Name="nightly", Rule={"Schedule": schedule}, MuteTargets={"AlarmNames": ["cis-nacl-changes"]}
    )
    (listed,) = cloudwatch.list_alarm_mute_rules()["AlarmMuteRuleSummaries"]
    assert listed["AlarmMuteRuleArn"].endswith(":alarm-mute-rule:nightly")
    read = cloudwatch.get_alarm_mute_rule(AlarmMuteRuleName="nightly")
    assert read["Rule"]["Schedule"] == schedule
    assert read["MuteTargets"]["AlarmNames"] == ["cis-nacl-changes"]

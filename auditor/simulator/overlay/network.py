"""EC2, Auto Scaling, load balancers and KMS beyond moto: Regions, attributes, policies and keys as AWS shows them."""

from collections.abc import Iterable
from typing import Any, Final

from auditor.simulator.app import Application
from auditor.simulator.calls import Call
from auditor.simulator.overlay.state import State
from auditor.simulator.worlds.builder import DEFAULT_REGIONS, NOT_OPTED_IN, OPTED_IN, REGIONS

_AWS_ALIASES: Final = ("alias/aws/ebs", "alias/aws/rds", "alias/aws/s3", "alias/aws/sns")


def install(application: Application, state: State) -> None:  # noqa: ARG001 - all parts are installed alike
    """Add the overlay of EC2, Auto Scaling, load balancers and KMS."""
    application.overlay |= {
        "ec2:DescribeRegions": _regions,
        "kms:ListAliases": lambda call: _aliases(application, call),
    }
    application.amendments |= {
        "autoscaling:DescribePolicies": lambda call, output: _scaling_policies(application, call, output),
        "elbv2:DescribeLoadBalancerAttributes": _balancer_attributes,
        "kms:DescribeKey": _key,
        "kms:GetKeyRotationStatus": _rotation,
    }


_ENABLED: set[str] = set()
"""The account's Regions where it has only some; AWS lets nobody switch us-east-1 off."""


def enable(regions: Iterable[str]) -> None:
    """Let the account have some Regions only; none means all."""
    _ENABLED.clear()
    _ENABLED.update(regions)
    if _ENABLED:
        _ENABLED.add("us-east-1")


def enabled() -> tuple[str, ...]:
    """Return the Regions that the account has."""
    return tuple(name for name in REGIONS if not _ENABLED or name in _ENABLED)


def _regions(call: Call) -> dict[str, Any]:
    names = enabled()
    if call.parameters.get("AllRegions"):
        names = tuple(sorted(REGIONS + NOT_OPTED_IN))
    wanted = call.parameters.get("RegionNames") or names
    return {
        "Regions": [
            {"RegionName": name, "Endpoint": f"ec2.{name}.amazonaws.com", "OptInStatus": _status(name)}
            for name in names
            if name in wanted
        ]
    }


def _status(name: str) -> str:
    if _ENABLED and name not in _ENABLED:
        return "not-opted-in"
    if name in DEFAULT_REGIONS:
        return "opt-in-not-required"
    return "opted-in" if name in OPTED_IN else "not-opted-in"


def _aliases(application: Application, call: Call) -> dict[str, Any]:
    """List a Region's aliases without moto's habit of making keys while it lists."""
    from moto.kms.models import kms_backends

    asked = call.parameters.get("KeyId")
    found = [
        {"AliasName": alias.alias_name, "AliasArn": alias.alias_arn, "TargetKeyId": alias.target_key_id}
        for alias in kms_backends[application.account][call.region].list_aliases(key_id=None)
        if asked is None or asked == alias.target_key_id
    ]
    if asked is None:
        prefix = f"arn:aws:kms:{call.region}:{application.account}:"
        found += [{"AliasName": name, "AliasArn": prefix + name} for name in _AWS_ALIASES]
    return {"Aliases": sorted(found, key=lambda alias: str(alias["AliasName"])), "Truncated": False}


def _balancer_attributes(_call: Call, output: dict[str, Any]) -> dict[str, Any]:
    """AWS names every attribute; moto only those that were set."""
    held = {attribute["Key"]: attribute["Value"] for attribute in output.get("Attributes", [])}
    named = {"access_logs.s3.enabled": "false", "access_logs.s3.bucket": "", "access_logs.s3.prefix": ""} | held
    return {"Attributes": [{"Key": key, "Value": value} for key, value in sorted(named.items())]}


def _scaling_policies(application: Application, call: Call, output: dict[str, Any]) -> dict[str, Any]:
    """AWS names the alarms that set a policy off; moto does not connect the two."""
    from moto.cloudwatch.models import cloudwatch_backends

    alarms = cloudwatch_backends[application.account][call.region].alarms.values()
    for policy in output.get("ScalingPolicies", []):
        policy.setdefault("Enabled", True)
        policy["Alarms"] = [
            {"AlarmName": alarm.name, "AlarmARN": alarm.alarm_arn}
            for alarm in alarms
            if policy["PolicyARN"] in (alarm.alarm_actions or [])
        ]
    return output


def _key(_call: Call, output: dict[str, Any]) -> dict[str, Any]:
    """What a key is for, and in how many Regions it lives, has a default that moto leaves out."""
    output["KeyMetadata"].setdefault("KeyUsage", "ENCRYPT_DECRYPT")
    output["KeyMetadata"].setdefault("MultiRegion", False)
    return output


def _rotation(call: Call, output: dict[str, Any]) -> dict[str, Any]:
    if output.get("KeyRotationEnabled"):
        output.setdefault("RotationPeriodInDays", 365)
    output.setdefault("KeyId", call.parameters.get("KeyId"))
    return output

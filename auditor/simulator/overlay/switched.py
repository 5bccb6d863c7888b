"""What somebody switches on in a simulated account, where moto does not know it or always shows it as on."""

from typing import Any, Final

from auditor.simulator import clock
from auditor.simulator.app import Application, Refused
from auditor.simulator.calls import Call
from auditor.simulator.overlay.state import State

_HUB: Final = "securityhub:DescribeHub"
_ANALYZERS: Final = "accessanalyzer:ListAnalyzers"
_DEFAULTS: Final = "ec2:GetInstanceMetadataDefaults"


def install(application: Application, _state: State) -> None:
    """Add what can be switched on."""
    application.overlay |= {
        "securityhub:EnableSecurityHub": lambda call: _enable_hub(application, call),
        "securityhub:DisableSecurityHub": lambda call: _disable_hub(application, call),
        "accessanalyzer:CreateAnalyzer": lambda call: _create_analyzer(application, call),
        "accessanalyzer:DeleteAnalyzer": lambda call: _delete_analyzer(application, call),
        "ec2:ModifyInstanceMetadataDefaults": lambda call: _metadata_defaults(application, call),
    }


def _now() -> str:
    return f"{clock.now():%Y-%m-%dT%H:%M:%S.000Z}"


def _enable_hub(application: Application, call: Call) -> dict[str, Any]:
    held = application.declared.get((_HUB, call.region))
    if held is not None and not isinstance(held, Refused):
        raise Refused("ResourceConflictException", "Account is already subscribed to Security Hub", 409)
    hub = f"arn:aws:securityhub:{call.region}:{application.account}:hub/default"
    output = {"HubArn": hub, "SubscribedAt": _now(), "AutoEnableControls": True}
    application.declare(_HUB, output, region=call.region)
    return {}


def _disable_hub(application: Application, call: Call) -> dict[str, Any]:
    application.declared.pop((_HUB, call.region), None)
    return {}


def _analyzers(application: Application, region: str) -> list[dict[str, Any]]:
    held = application.declared.get((_ANALYZERS, region)) or {"analyzers": []}
    return list(held["analyzers"])


def _create_analyzer(application: Application, call: Call) -> dict[str, Any]:
    name = str(call.parameters["analyzerName"])
    held = _analyzers(application, call.region)
    if any(item["name"] == name for item in held):
        raise Refused("ConflictException", f"Analyzer {name} already exists", 409)
    arn = f"arn:aws:access-analyzer:{call.region}:{application.account}:analyzer/{name}"
    made = {
        "arn": arn,
        "name": name,
        "type": str(call.parameters["type"]),
        "createdAt": clock.now(),
        "status": "ACTIVE",
    }
    application.declare(_ANALYZERS, {"analyzers": [*held, made]}, region=call.region)
    return {"arn": arn}


def _delete_analyzer(application: Application, call: Call) -> dict[str, Any]:
    name = str(call.parameters["analyzerName"])
    kept = [item for item in _analyzers(application, call.region) if item["name"] != name]
    application.declare(_ANALYZERS, {"analyzers": kept}, region=call.region)
    return {}


def _metadata_defaults(application: Application, call: Call) -> dict[str, Any]:
    held = application.declared.get((_DEFAULTS, call.region)) or {"AccountLevel": {}}
    changed = {name: value for name, value in call.parameters.items() if name in ("HttpTokens", "HttpEndpoint")}
    level = {**held["AccountLevel"], **changed}
    if level.get("HttpTokens") == "no-preference":
        del level["HttpTokens"]
    application.declare(_DEFAULTS, {"AccountLevel": level}, region=call.region)
    return {"Return": True}

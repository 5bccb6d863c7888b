"""Remedies that switch on a detection service in a Region."""

from collections.abc import Mapping
from typing import Any

from auditor.remedy.change import Finding, Look, Remedy, Stage, Step
from auditor.remedy.known import Known
from auditor.remedy.plans.common import bucket_steps, delivery_statements

CONFIG_BUCKET = "auditor-config-{account}"


def guardduty(finding: Finding, known: Known) -> Remedy:
    """Enable the detector that is there, or make one."""
    where = finding.region
    present = [str(one) for page in known.pages("guardduty:ListDetectors", where) for one in page["DetectorIds"]]
    there = Look("guardduty", "ListDetectors", {}, "DetectorIds[0]")
    steps: tuple[Step, ...]
    undo: tuple[Step, ...]
    if present:
        update = {"DetectorId": present[0], "Enable": True}
        steps = (Step(Stage.SETTING, f"enable the detector of {where}", "guardduty", "UpdateDetector", where, update),)
        undo = (
            Step(
                Stage.SETTING,
                "suspend it again",
                "guardduty",
                "UpdateDetector",
                where,
                {"DetectorId": present[0], "Enable": False},
            ),
        )
    else:
        steps = (
            Step(
                Stage.SETTING,
                f"make a detector in {where}",
                "guardduty",
                "CreateDetector",
                where,
                {"Enable": True},
                unless=there,
            ),
        )
        undo = ()
    return Remedy(
        finding,
        f"The detector {present[0]}, not enabled." if present else "No detector in this Region.",
        steps,
        undo,
        "A member of a GuardDuty administrator cannot decide this itself; there the administrator enables it.",
        "by volume: 4.00 USD for each million events and more; often 30 to 300 USD",
        undo_words="" if present else "`aws guardduty delete-detector` deletes the detector and its findings for good.",
    )


def security_hub(finding: Finding, known: Known) -> Remedy:
    """Enable Security Hub in a Region."""
    where = finding.region
    known.pages("securityhub:DescribeHub", where)
    step = Step(
        Stage.SETTING,
        f"enable Security Hub in {where}",
        "securityhub",
        "EnableSecurityHub",
        where,
        {"EnableDefaultStandards": True},
        tolerated=("ResourceConflictException",),
    )
    undo = Step(Stage.SETTING, "disable it again", "securityhub", "DisableSecurityHub", where, {})
    return Remedy(
        finding,
        "Security Hub is not enabled in this Region.",
        (step,),
        (undo,),
        "The default standards are on; their checks need AWS Config to record.",
        "0.001 USD for each check",
        undo_words="Disabling deletes findings and settings of the Region after 90 days.",
    )


def analyzer(finding: Finding, known: Known) -> Remedy:
    """Make an analyzer of external access."""
    where = finding.region
    known.pages("accessanalyzer:ListAnalyzers", where)
    step = Step(
        Stage.SETTING,
        f"an external access analyzer in {where}",
        "accessanalyzer",
        "CreateAnalyzer",
        where,
        {"analyzerName": "auditor-external-access", "type": "ACCOUNT"},
        unless=Look("accessanalyzer", "ListAnalyzers", {}, "analyzers[?type=='ACCOUNT' && status=='ACTIVE'].arn | [0]"),
    )
    undo = Step(
        Stage.SETTING,
        "delete it again",
        "accessanalyzer",
        "DeleteAnalyzer",
        where,
        {"analyzerName": "auditor-external-access"},
    )
    return Remedy(
        finding,
        "No active analyzer of external access in this Region.",
        (step,),
        (undo,),
        "It adds findings about what is shared already.",
        "nothing",
    )


def recorder(finding: Finding, known: Known) -> Remedy:
    """Complete the recorder of a Region, or make one; it delivers where the recorders of other Regions do."""
    where = finding.region
    recorders = known.items("config:DescribeConfigurationRecorders", "ConfigurationRecorders", where)
    own = next((item for item in recorders if not item.get("servicePrincipal")), None)
    channels = known.items("config:DescribeDeliveryChannels", "DeliveryChannels", where)
    whole = _whole(own or {}, known, where)
    name = str(whole["name"])
    steps = [
        _recorder(where, f"record every supported type in {where}", whole),
        *_role(known, str(whole["roleARN"])),
        *([] if channels else _channel(known, where)),
        _switch(where, name, "StartConfigurationRecorder", "start recording", Stage.FILTER),
    ]
    before = (
        {key: own[key] for key in ("name", "roleARN", "recordingGroup", "recordingMode") if key in own} if own else {}
    )
    undo = (
        _recorder(where, "the recorder as it was", before)
        if before
        else _switch(where, name, "StopConfigurationRecorder", "stop recording", Stage.SETTING)
    )
    return Remedy(
        finding,
        f"The recorder {name}." if own else "No recorder of your own in this Region.",
        tuple(steps),
        (undo,),
        "One recorder for each Region: where Control Tower made one, it is changed there. "
        "Global resource types are recorded in one Region only.",
        "0.003 USD for each recorded item",
        person="The first delivery takes some hours; until then the control says so.",
        undo_words="" if own else "What was recorded stays in the bucket.",
    )


def _whole(own: Mapping[str, Any], known: Known, where: str) -> dict[str, Any]:
    """Return a recorder of every supported type: the one that is there, completed, or a new one."""
    everywhere = bool((own.get("recordingGroup") or {}).get("includeGlobalResourceTypes"))
    group = {"allSupported": True, "includeGlobalResourceTypes": where == known.home or everywhere}
    role = str(own.get("roleARN") or _linked_role(known))
    return {"name": str(own.get("name", "default")), "roleARN": role, "recordingGroup": group}


def _recorder(where: str, words: str, recorder: Mapping[str, Any]) -> Step:
    given = {"ConfigurationRecorder": recorder}
    return Step(Stage.SETTING, words, "config", "PutConfigurationRecorder", where, given)


def _switch(where: str, name: str, operation: str, words: str, stage: Stage) -> Step:
    return Step(stage, words, "config", operation, where, {"ConfigurationRecorderName": name})


def _linked_role(known: Known) -> str:
    return known.arn("iam", "", "role/aws-service-role/config.amazonaws.com/AWSServiceRoleForConfig")


def _role(known: Known, role: str) -> list[Step]:
    """Return what makes the role of AWS Config itself, where a recorder has it."""
    if role != _linked_role(known):
        return []
    return [
        Step(
            Stage.ROLE,
            "the role of AWS Config itself",
            "iam",
            "CreateServiceLinkedRole",
            known.home,
            {"AWSServiceName": "config.amazonaws.com"},
            unless=Look("iam", "GetRole", {"RoleName": "AWSServiceRoleForConfig"}, "Role.Arn", ("NoSuchEntity",)),
            tolerated=("InvalidInput", "EntityAlreadyExists"),
        )
    ]


def _channel(known: Known, where: str) -> list[Step]:
    """Return what gives a Region a delivery channel: into the bucket of another Region's, or into a new one."""
    used = [str(item["s3BucketName"]) for item in known.items("config:DescribeDeliveryChannels", "DeliveryChannels")]
    bucket = used[0] if used else CONFIG_BUCKET.format(account=known.account)
    steps = []
    if not used:
        statements = delivery_statements(known, bucket, "config", f"AWSLogs/{known.account}/Config/*")
        steps += bucket_steps(known, bucket, known.home, statements)
    channel = {"name": "default", "s3BucketName": bucket}
    words = f"deliver what {where} records to {bucket}"
    return [*steps, Step(Stage.SETTING, words, "config", "PutDeliveryChannel", where, {"DeliveryChannel": channel})]

"""Remedies that switch on a detection service in a Region."""

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
    own = [
        item
        for item in known.items("config:DescribeConfigurationRecorders", "ConfigurationRecorders", where)
        if not item.get("servicePrincipal")
    ]
    channels = known.items("config:DescribeDeliveryChannels", "DeliveryChannels", where)
    name = str(own[0]["name"]) if own else "default"
    group = {"allSupported": True, "includeGlobalResourceTypes": where == known.home}
    if own and (own[0].get("recordingGroup") or {}).get("includeGlobalResourceTypes"):
        group["includeGlobalResourceTypes"] = True
    linked = known.arn("iam", "", "role/aws-service-role/config.amazonaws.com/AWSServiceRoleForConfig")
    role = str(own[0].get("roleARN") or linked) if own else linked
    steps = [
        Step(
            Stage.SETTING,
            f"record every supported type in {where}",
            "config",
            "PutConfigurationRecorder",
            where,
            {"ConfigurationRecorder": {"name": name, "roleARN": role, "recordingGroup": group}},
        )
    ]
    if role == linked:
        steps.append(
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
        )
    if not channels:
        steps += _channel(known, where)
    steps.append(
        Step(
            Stage.FILTER,
            "start recording",
            "config",
            "StartConfigurationRecorder",
            where,
            {"ConfigurationRecorderName": name},
        )
    )
    undo = [
        Step(
            Stage.SETTING,
            "stop recording",
            "config",
            "StopConfigurationRecorder",
            where,
            {"ConfigurationRecorderName": name},
        )
    ]
    if own:
        before = {key: own[0][key] for key in ("name", "roleARN", "recordingGroup", "recordingMode") if key in own[0]}
        undo = [
            Step(
                Stage.SETTING,
                "the recorder as it was",
                "config",
                "PutConfigurationRecorder",
                where,
                {"ConfigurationRecorder": before},
            )
        ]
    return Remedy(
        finding,
        f"The recorder {name}." if own else "No recorder of your own in this Region.",
        tuple(steps),
        tuple(undo),
        "One recorder for each Region: where Control Tower made one, it is changed there. "
        "Global resource types are recorded in one Region only.",
        "0.003 USD for each recorded item",
        person="The first delivery takes some hours; until then the control says so.",
        undo_words="" if own else "What was recorded stays in the bucket.",
    )


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

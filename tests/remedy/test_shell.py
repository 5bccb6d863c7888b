"""Whatever a pack holds stays inside its quotes, and is never taken for an option or the address of a file."""

import json
import re
import shlex
import subprocess
from pathlib import Path
from typing import Any

import botocore.session
import pytest
from botocore import xform_name
from hypothesis import given
from hypothesis import strategies as st

from auditor.remedy.change import Finding, Look, Made, Remedy, Stage, Step
from auditor.remedy.guide import plain
from auditor.remedy.proposal import findings
from auditor.remedy.shell import kebab, script, words_of

HOSTILE = (
    "$(touch {mark})",
    "`touch {mark}`",
    "'; touch {mark}; '",
    '"; touch {mark}; "',
    "\n touch {mark} \n",
    "\r\ntouch {mark}\r\n#",
    "x\ttouch {mark} & touch {mark} | touch {mark}",
    "\\'; touch {mark} #",
    "--endpoint-url=http://198.51.100.7",
    "file:///etc/passwd",
    "fileb:///etc/passwd",
    "https://198.51.100.7/x",
    "\u202etouch {mark}\u2028touch {mark}",
    "!touch ~ * ? [a] {{a,b}} $HOME ${{HOME}}",
)


def finding(text: str) -> Finding:
    return Finding("a-control", text, "high", {}, "111122223333", "aws", "eu-west-1", text, text, ("EV-0001",))


def remedy(text: str) -> Remedy:
    look = Look("logs", "DescribeLogGroups", {"logGroupNamePrefix": text}, f"logGroups[?logGroupName=='{text}']")
    parameters = {"AlarmName": text, "AlarmActions": [text], "Tags": [{"Key": text, "Value": text}]}
    step = Step(Stage.ALARM, text, "cloudwatch", "PutMetricAlarm", "eu-west-1", parameters)
    guarded = Step(
        Stage.ALARM,
        text,
        "logs",
        "CreateLogGroup",
        "eu-west-1",
        {"logGroupName": text},
        gives="GROUP",
        query=text,
        unless=look,
        expects=look,
        expected=(text, text),
        tolerated=("SomeException",),
    )
    return Remedy(finding(text), text, (step, guarded), (step,), text, text, text, text, text)


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("undo", [False, True])
def test_a_hostile_name_runs_nothing(text: str, undo: bool, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    name = text.format(mark=mark)
    path = tmp_path / "remedy.sh"
    path.write_text(script(name, (remedy(name),), account="111122223333", undo=undo))
    fake = tmp_path / "fake.sh"
    fake.write_text('aws() { if [ "$1" = sts ]; then echo 111122223333; fi; printf "%s\\0" "$@" "" >>"$LOG"; }\n')
    log = tmp_path / "log"
    environment = {"PATH": "/usr/bin:/bin", "BASH_ENV": str(fake), "LOG": str(log)}
    subprocess.run(["bash", path], env=environment, capture_output=True, text=True, check=False, timeout=20)
    assert not mark.exists()
    calls = [part.split("\0") for part in log.read_bytes().decode().split("\0\0")]
    alarm = next(call for call in calls if "put-metric-alarm" in call)
    if "--cli-input-json" in alarm:
        assert json.loads(alarm[alarm.index("--cli-input-json") + 1])["AlarmName"] == name
    else:
        assert alarm[alarm.index("--alarm-name") + 1] == name


@pytest.mark.parametrize(
    "text", ["-x", "--no-verify-ssl", "file://x", "fileb://x", "http://x", "https://x", "[x", "{x"]
)
def test_what_the_command_would_misread_goes_in_as_a_document(text: str) -> None:
    words = words_of("logs", "PutRetentionPolicy", "eu-west-1", {"logGroupName": text, "retentionInDays": 30})
    assert words[5] == "--cli-input-json"
    (document,) = shlex.split(words[6])
    assert json.loads(document) == {"logGroupName": text, "retentionInDays": 30}


@given(st.text(max_size=40), st.lists(st.text(min_size=1, max_size=20), max_size=3))
def test_a_shell_reads_back_what_was_written(name: str, names: list[str]) -> None:
    name, names = name.replace("\0", ""), [item.replace("\0", "") or "x" for item in names]
    line = " ".join(words_of("cloudwatch", "DeleteAlarms", "eu-west-1", {"AlarmName": name, "AlarmNames": names}))
    words = shlex.split(line)[5:]
    if words[0] == "--cli-input-json":
        assert json.loads(words[1]) == {"AlarmName": name, "AlarmNames": names}
    else:
        assert words == ["--alarm-name", name, "--alarm-names", *names]


@given(st.text(max_size=60))
def test_a_line_of_the_page_holds_no_markup_of_others(text: str) -> None:
    shown = plain(text)
    assert "\n" not in shown
    assert not re.search(r"(?<!\\)(\\\\)*[<`\[|]", shown)


def test_a_made_value_inside_a_document_is_refused() -> None:
    with pytest.raises(TypeError, match="cannot stand inside a document"):
        words_of("kms", "CreateAlias", "eu-west-1", {"Tags": [{"Key": Made("KEY")}]})


def test_names_of_parameters_are_spelled_as_the_command_spells_them() -> None:
    session = botocore.session.Session()
    for service in ("cloudtrail", "iam", "s3", "ec2", "logs", "kms", "cloudwatch", "guardduty", "s3control", "config"):
        model = session.get_service_model(service)
        for operation in model.operation_names:
            shape: Any = model.operation_model(operation).input_shape
            for name in (operation, *(shape.members if shape else ())):
                if not re.search(r"[A-Z]{2,}s$|[0-9]|[A-Z]{2}", name):
                    assert kebab(name) == xform_name(name, "-")


@pytest.mark.parametrize(
    "change",
    [
        {"account": "../../etc"},
        {"account": "1111$(x)"},
        {"region": "eu-west-1; touch x"},
        {"control": "../control"},
        {"ref": "EV-0001\ntouch x"},
        {"partition": "aws/.."},
    ],
)
def test_names_that_stand_outside_quotes_are_checked(change: dict[str, str]) -> None:
    told = {"account": "111122223333", "region": "global", "control": "a-control", "ref": "EV-0001", "partition": "aws"}
    told |= change
    result = {
        "account": told["account"],
        "region": told["region"],
        "resource": "x",
        "reason": "y",
        "state": "FAIL",
        "evidence": [{"ref": told["ref"], "pointer": ""}],
    }
    document = {
        "run": {"accounts": [{"id": told["account"], "partition": told["partition"]}]},
        "controls": [{"id": told["control"], "title": "t", "severity": "high", "results": [result]}],
    }
    with pytest.raises(ValueError, match="is no name of"):
        findings(document, {})

"""``auditor pattern``: exit codes, JSON and sentences."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from auditor.cli import main
from tests.monitoring.patterns.published import PRINTED

CONTROL = "monitor-cloudtrail-changes"
GROUPS = "monitor-security-group-changes"
OLD_GROUPS = " || ".join(
    f"($.eventName = {name})"
    for name in (
        "AuthorizeSecurityGroupIngress",
        "AuthorizeSecurityGroupEgress",
        "RevokeSecurityGroupIngress",
        "RevokeSecurityGroupEgress",
        "CreateSecurityGroup",
        "DeleteSecurityGroup",
    )
)


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as left:
        main(["pattern", *arguments])
    said = capsys.readouterr()
    return int(left.value.code or 0), said.out, said.err


def as_json(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, dict[str, Any]]:
    code, out, _ = run(capsys, *arguments, "--json")
    return code, json.loads(out)


@pytest.mark.parametrize(
    ("patterns", "code"),
    [
        pytest.param([PRINTED[CONTROL]], 0, id="covered"),
        pytest.param(["{ $.eventName = *Trail }", "{ $.eventName = *Logging }"], 0, id="together"),
        pytest.param(["{ $.eventName = StopLogging }"], 1, id="not-covered"),
        pytest.param(["{ $.eventName == StopLogging }"], 2, id="not-valid"),
        pytest.param([PRINTED[CONTROL], "{"], 2, id="one-of-them-not-valid"),
        pytest.param(["{ $.eventName = %" + "a{999}" * 9 + "% }"], 3, id="not-decided"),
        pytest.param(['{"detail": {"eventName": [{"suffix": "Trail"}, {"suffix": "Logging"}]}}'], 0, id="rule"),
    ],
)
def test_check_answers_with_its_exit_code(
    patterns: Sequence[str], code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    answered, document = as_json(capsys, "check", "--control", CONTROL, *patterns)
    assert answered == document["exit_code"] == code
    assert {"valid", "covers", "missed", "narrowed_by", "adds", "notes"} <= set(document)
    assert document["valid"] is (code != 2)
    told, out, _ = run(capsys, "check", "--control", CONTROL, *patterns)
    assert told == code
    assert out.count(CONTROL) == 1


def test_missed_events_come_with_words_and_record(capsys: pytest.CaptureFixture[str]) -> None:
    _, document = as_json(capsys, "check", "--control", CONTROL, PRINTED[CONTROL].replace("DeleteTrail", "DeleteTrial"))
    (missed,) = document["missed"]
    assert missed["name"] == "DeleteTrail"
    assert missed["event"]["eventName"] == "DeleteTrail"
    assert missed["hint"] == "DeleteTrial is written; did you mean DeleteTrail?"


def test_the_newest_edition_counts_unless_one_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    pattern = f"{{ {OLD_GROUPS} }}"
    assert run(capsys, "check", "--control", GROUPS, pattern)[0] == 1
    assert run(capsys, "check", "--control", GROUPS, "--framework", "cis-aws-5.0.0", pattern)[0] == 1
    assert run(capsys, "check", "--control", GROUPS, "--framework", "cis-aws-3.0.0", pattern)[0] == 0


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(["check"], id="nothing"),
        pytest.param(["check", "--control", "monitor-nothing", "x"], id="unknown-control"),
        pytest.param(["check", "--control", "cloudtrail-multi-region", "x"], id="no-monitoring-control"),
        pytest.param(["check", "--control", CONTROL], id="no-pattern"),
        pytest.param(["check", "--control", CONTROL, "--framework", "cis-aws-9", "x"], id="unknown-framework"),
        pytest.param(["check", "--control", CONTROL, "--controls", "/nowhere", "x"], id="no-such-folder"),
        pytest.param(["check", "--terraform", "/nowhere/plan.json"], id="no-such-plan"),
        pytest.param(["test", "{ $.a = b }", "/nowhere/event.json"], id="no-such-event"),
        pytest.param(["test", "{ $.a == b }", "/nowhere/event.json"], id="not-valid"),
    ],
)
def test_wrong_usage_is_one_message_and_exit_code_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, *arguments)
    assert code == 2
    assert not out
    assert err.startswith(("auditor: ", "Usage: "))
    assert "Traceback" not in err


def test_a_mistake_is_pointed_at(capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = run(capsys, "check", "--control", CONTROL, "{ $.eventName == x }")
    lines = out.splitlines()
    assert lines[1].index("==") + 1 == lines[2].index("^")


@pytest.mark.parametrize(
    ("pattern", "event", "code", "words"),
    [
        pytest.param("{ $.eventName = StopLogging }", {"eventName": "StopLogging"}, 0, "matches", id="match"),
        pytest.param("{ $.eventName = StopLogging }", {"eventName": "X"}, 1, "the event has", id="other-value"),
        pytest.param("{ $.a != b }", {"eventName": "X"}, 1, "no such field", id="absent"),
        pytest.param(
            "{ $.a = 1 }",
            {"Records": [{"eventName": "X", "a": 1}, {"eventName": "Y", "a": 2}]},
            0,
            "record 2 (Y): does not match",
            id="log-file",
        ),
        pytest.param("ERROR", {"eventName": "ERROR"}, 0, "term filter pattern", id="terms"),
        pytest.param(
            '{"source": ["aws.s3"]}',
            {"eventName": "X", "eventSource": "s3.amazonaws.com"},
            0,
            "EventBridge",
            id="record",
        ),
        pytest.param('{"source": ["aws.s3"]}', {"source": "aws.ec2", "detail": {}}, 1, "aws.ec2", id="event"),
        pytest.param("{ $.a = b }", {"eventName": "X", "a": "\x1b[31m\u202e"}, 1, "\\u001b", id="hostile-value"),
    ],
)
def test_test_says_whether_and_why(
    pattern: str, event: Any, code: int, words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "event.json"
    path.write_text(event if isinstance(event, str) else json.dumps(event), encoding="utf-8")
    answered, out, _ = run(capsys, "test", pattern, str(path))
    assert answered == code
    assert words.replace("\\u001b", "\\x1b") in out.replace("\\u001b", "\\x1b")
    assert "\x1b" not in out
    again, document = as_json(capsys, "test", pattern, str(path))
    assert again == code
    assert document["matches"] is (code == 0)


def test_test_says_how_many_records_were_read_and_which_matched(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "lines.jsonl"
    path.write_text('{"eventName": "A"}\n{"eventName": "B", "eventID": "b"}\n{ broken\n', encoding="utf-8")
    code, out, _ = run(capsys, "test", "{ $.eventName = B }", str(path))
    assert code == 0
    assert out.startswith("2 records read (several documents); 1 matches: record 2 (B)\n1 place without a record")
    _, document = as_json(capsys, "test", "{ $.eventName = B }", str(path))
    assert (document["records"], document["matched"], document["skipped"]) == (2, [2], 1)
    assert document["events"][1] | {"tests": []} == {
        "number": 2,
        "place": "line 2",
        "name": "B",
        "id": "b",
        "matches": True,
        "tests": [],
    }


@pytest.mark.parametrize(
    "text", ["", "an ERROR happened", "{}", "[]", '{"Records": []}', '{"source": "aws.ec2", "detail": {}}']
)
def test_an_input_without_a_record_is_never_no_match(
    text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "event.json"
    path.write_text(text, encoding="utf-8")
    code, out, err = run(capsys, "test", "{ $.eventName != StopLogging }", str(path))
    assert (code, out) == (2, "")
    assert f"{path} holds no CloudTrail record" in err
    assert "no CloudTrail record: no CloudTrail record" not in err


def test_other_text_is_one_event_when_asked_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "event.txt"
    path.write_text("an ERROR happened\n", encoding="utf-8")
    assert run(capsys, "test", "ERROR", "--text", str(path))[0] == 0
    assert run(capsys, "test", "FATAL", "--text", str(path))[0] == 1


TEMPLATE = """
Parameters: {Stage: {Type: String}}
Resources:
  Changes:
    Type: AWS::Logs::MetricFilter
    Properties:
      LogGroupName: trail
      FilterPattern: '%s'
      MetricTransformations: [{MetricNamespace: A, MetricName: m, MetricValue: "1"}]
  Alarm:
    Type: AWS::CloudWatch::Alarm
    Properties: {Namespace: A, MetricName: m, Statistic: Sum, Period: 300, EvaluationPeriods: 1, Threshold: %s,
      ComparisonOperator: GreaterThanOrEqualToThreshold, AlarmActions: [!Ref T]}
  T: {Type: AWS::SNS::Topic}
"""


@pytest.mark.parametrize(
    ("pattern", "threshold", "code", "words"),
    [
        pytest.param(PRINTED[CONTROL], "1", 0, f"covered      {CONTROL}: The filter Changes", id="covered"),
        pytest.param(PRINTED[CONTROL], "9", 1, f"not covered  {CONTROL}: ", id="not-covered"),
        pytest.param("{ $.eventName = StopLogging }", "1", 1, "for example, ", id="event-and-place"),
        pytest.param(PRINTED[CONTROL], "!Ref Stage", 3, "Stage (t.yaml:2)", id="not-decided"),
        pytest.param("{ $.eventName == x }", "1", 2, "not valid    Changes (t.yaml:4): ", id="not-valid"),
    ],
)
def test_code_is_answered_for_each_control(
    pattern: str, threshold: str, code: int, words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, sarif = tmp_path / "t.yaml", tmp_path / "found.sarif"
    path.write_text(TEMPLATE % (pattern, threshold), encoding="utf-8")
    arguments = ("check", "--control", CONTROL, "--cloudformation", str(path), "--sarif", str(sarif))
    answered, out, _ = run(capsys, *arguments)
    assert answered == code
    assert words in out
    again, document = as_json(capsys, *arguments)
    assert again == document["exit_code"] == code
    assert {"valid", "covers", "missed", "narrowed_by", "adds", "notes", "controls"} <= set(document)
    assert document["covers"] is {0: True, 1: False}.get(code)
    results = json.loads(sarif.read_text(encoding="utf-8"))["runs"][0]["results"]
    assert bool(results) is (code != 0)
    for result in results:
        place = result["locations"][0]["physicalLocation"]
        assert place["artifactLocation"]["uri"] == path.as_posix()
        assert 1 <= place["region"]["startLine"] <= 20


def test_all_controls_of_a_framework_are_answered_at_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "t.yaml"
    path.write_text(TEMPLATE % (PRINTED[CONTROL], "1"), encoding="utf-8")
    code, document = as_json(capsys, "check", "--framework", "cis-aws-3.0.0", "--cloudformation", str(path))
    assert code == 1
    assert len(document["controls"]) == 15
    assert [one["control"] for one in document["controls"] if one["covers"]] == [CONTROL]


def test_patterns_are_judged_for_all_controls_of_a_framework(capsys: pytest.CaptureFixture[str]) -> None:
    patterns = [PRINTED[CONTROL], "{ $.eventName = PutBucketPolicy }"]
    code, out, _ = run(capsys, "check", "--framework", "cis-aws-3.0.0", *patterns)
    assert code == 1
    assert len(out.splitlines()) == 15
    assert f"covered      {CONTROL}\n" in out
    assert "not covered  monitor-s3-bucket-policy-changes: misses " in out
    again, document = as_json(capsys, "check", "--framework", "cis-aws-3.0.0", *patterns)
    assert (again, document["covers"], len(document["controls"])) == (1, False, 15)
    assert run(capsys, "check", "--framework", "cis-aws-3.0.0", "{")[0] == 2


def test_code_without_any_detector_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "t.yaml").write_text("Resources: {B: {Type: AWS::S3::Bucket}}", encoding="utf-8")
    code, out, _ = run(capsys, "check", "--control", CONTROL, "--cloudformation", str(tmp_path))
    assert code == 1
    assert out.startswith(f"{tmp_path} has no metric filter, no alarm and no EventBridge rule.")


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(["--terraform", "x", "--cloudformation", "y"], id="both"),
        pytest.param(["--terraform", "/nowhere/main.tf"], id="no-such-file"),
        pytest.param(["--control", CONTROL, "--var", "a=b", "{ $.a = b }"], id="variable-without-code"),
        pytest.param(["--cloudformation", "/nowhere/t.yaml"], id="no-such-template"),
        pytest.param(["--terraform", "x", "{ $.a = b }"], id="code-and-pattern"),
    ],
)
def test_wrong_code_is_one_message(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, "check", *arguments)
    assert (code, out) == (2, "")
    assert "Traceback" not in err


def test_a_plan_that_was_not_shown_is_told_how(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "plan").write_bytes(b"PK\x03\x04\x00\xff")
    code, _, err = run(capsys, "check", "--terraform", str(tmp_path / "plan"))
    assert code == 2
    assert "terraform show -json" in err


def test_other_files_in_a_folder_of_templates_are_left_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "package.json").write_text('{"description": "Resources of ours"}', encoding="utf-8")
    (tmp_path / "t.yaml").write_text(TEMPLATE % (PRINTED[CONTROL], "1"), encoding="utf-8")
    assert run(capsys, "check", "--control", CONTROL, "--cloudformation", str(tmp_path))[0] == 0

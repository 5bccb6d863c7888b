"""Options add up or are refused, never lost; what a run says is true and complete."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from auditor.cli.options import config_of, in_parts
from auditor.cli.telling import _cause_words, _meaning, causes_of_gaps, tell_code, tell_given, tell_results
from auditor.collect.calls import _CODES
from auditor.config import Config
from auditor.model import Gap, Severity, State
from tests.cli.test_compare import answer
from tests.evaluate.kit import catalog


def given(**options: Any) -> Config:
    return config_of({"config_file": Path("/dev/null"), **options})


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (("a",), ["a"]),
        (("a", "b"), ["a", "b"]),
        (("a,b", "c"), ["a", "b", "c"]),
        (("a, b,", "a"), ["a", "b"]),
        ("a,b", ["a", "b"]),
    ],
)
def test_values_add_up(values: Any, expected: list[str]) -> None:
    assert in_parts(values) == expected
    assert given(control_ids=values).control_ids == expected


def test_every_list_of_a_run_adds_up() -> None:
    config = given(
        regions=("eu-central-1", "us-east-1,us-east-2"), skip=("trail", "events"), formats=("html", "csv,pdf"),
        frameworks=("a", "b,c"), allow=("not-assessed:x", "not-assessed:y"),
    )  # fmt: skip
    assert config.regions == ["eu-central-1", "us-east-1", "us-east-2"]
    assert (config.skip, config.formats) == (["trail", "events"], ["html", "csv", "pdf"])
    assert (config.frameworks, len(config.allow)) == (["a", "b", "c"], 2)


@pytest.mark.parametrize(
    "arguments",
    [
        ["run", "--profile", "a", "--profile", "b"],
        ["run", "--account", "111122223333", "--account", "222233334444"],
        ["demo", "--out", "a", "-o", "b"],
        ["trail", "verify", "--period", "2026-10", "--period", "2026-09"],
    ],
)
def test_an_option_with_one_value_refuses_a_second(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = answer(capsys, *arguments)
    assert code == 2
    assert "was given twice" in err


@pytest.mark.parametrize(
    ("option", "text"),
    [
        ("--waivers", ("waivers:\n- {control: iam-root-mfaa, resource: x, justification: long enough to be one, "
         "owner: o, approver: a, ticket: t, expires: 2027-01-01}\n")),
        ("--allow", ""),
    ],
)  # fmt: skip
def test_an_exception_for_an_unknown_control_is_refused(
    option: str, text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("waivers.yaml").write_text(text)
    value = "waivers.yaml" if option == "--waivers" else "not-assessed:iam-root-mfaa"
    code, _, err = answer(capsys, "run", option, value)
    assert code == 2
    assert "did you mean iam-root-mfa?" in err


def test_causes_of_gaps_are_grouped_and_counted() -> None:
    gaps = [Gap("1", "eu-central-1", f"iam:Get{n}", "ExpiredToken", "m", "", "EV-1", (f"c{n}",)) for n in range(3)]
    gaps.append(Gap("1", "us-east-1", "kms:DescribeKey", "AccessDenied", "m", "kms:DescribeKey", "EV-2", ("k",)))
    causes = causes_of_gaps(gaps)
    assert [(cause["error"], cause["calls"], cause["actions"]) for cause in causes] == [
        ("ExpiredToken", 3, []),
        ("AccessDenied", 1, ["kms:DescribeKey"]),
    ]
    assert causes[0]["controls"] == ["c0", "c1", "c2"]


def test_more_missing_actions_than_a_line_holds_are_counted(capsys: pytest.CaptureFixture[str]) -> None:
    from auditor.run import judge, load_rules
    from tests.cli.test_compare import SAMPLE

    results = judge(SAMPLE / "evidence", load_rules(Config(frameworks=["cis-aws-5.0.0"]), catalog()))
    gaps = tuple(Gap("1", "r", f"s:Get{n}", "AccessDenied", "m", f"s:Get{n:02}", "EV-1", ("c",)) for n in range(11))
    (cause,) = causes_of_gaps(gaps)
    assert len(cause["actions"]) == 11
    tell_results(replace(results, gaps=gaps))
    assert "s:Get07 and 3 more" in capsys.readouterr().out


@pytest.mark.parametrize("error", [code for _, code in _CODES if code[0] in "CTM"] + ["503", "Throttling"])
def test_what_stands_in_the_way_is_told_with_what_to_do(error: str, capsys: pytest.CaptureFixture[str]) -> None:
    from auditor.run import judge, load_rules
    from tests.cli.test_compare import SAMPLE

    results = judge(SAMPLE / "evidence", load_rules(Config(control_ids=["iam-root-mfa"], frameworks=[]), catalog()))
    tell_results(replace(results, gaps=(Gap("1", "r", "s:Get", error, "m", "", "EV-1", ("c",)),)))
    told = capsys.readouterr().out
    assert "check the network" in told or "repeat" in told


def test_a_run_tells_what_fails_and_what_was_let_through(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from auditor.run import judge, load_rules
    from tests.cli.test_compare import SAMPLE

    config = Config(frameworks=["cis-aws-5.0.0"], fail_on=Severity.CRITICAL)
    results = judge(SAMPLE / "evidence", load_rules(config, catalog()))
    tell_results(results)
    tell_code(0, results, config)
    told = capsys.readouterr().out
    assert "  FAIL  critical" in told or "  FAIL  high" in told
    assert "below --fail-on critical" in told
    assert "every selected criterion" not in told


@pytest.mark.parametrize(
    ("states", "words"),
    [
        pytest.param([State.PASS, State.WAIVED], "was met or is waived", id="met"),
        pytest.param([State.MANUAL], "was met or is waived or attested", id="attested"),
        pytest.param([State.NOT_APPLICABLE], "was met or is waived or not applicable", id="nothing-to-judge"),
        pytest.param(list(State), "was met or is waived, attested or not applicable", id="all"),
    ],
)
def test_an_answer_of_0_says_what_else_criteria_were(states: list[State], words: str) -> None:
    assert _meaning(0, "", set(states)) == f"every selected criterion {words}"
    assert "attested" not in _meaning(3, "", set(states))


def test_settings_are_shown_with_their_origin(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AUDITOR_PERIOD", "2026-Q3")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    Path("auditor.yaml").write_text(
        "entity: A\nlimits:\n  concurrency: 7\nzip: true\nregions: [eu-west-1, us-east-1]\n"
    )
    code, out, _ = answer(capsys, "config", "show")
    assert code == 0
    lines = {line.split()[0]: line for line in out.splitlines()}
    assert lines["period"].split()[1:] == ["2026-Q3", "AUDITOR_PERIOD"]
    assert lines["limits.concurrency"].endswith("auditor.yaml:3")
    assert lines["zip"].split()[1:] == ["true", "auditor.yaml:4"]
    assert lines["regions"].split()[1:] == ["[eu-west-1,", "us-east-1]", "auditor.yaml:5"]
    assert "title" not in lines


def test_what_was_handed_in_is_told_with_its_last_day_and_why_it_was_not_applied(
    capsys: pytest.CaptureFixture[str],
) -> None:
    from auditor.run import judge, load_rules
    from tests.cli.test_compare import SAMPLE

    config = Config(control_ids=["iam-root-mfa"])
    judged = judge(SAMPLE / "evidence", load_rules(config, catalog()))
    tell_given(judged)
    assert capsys.readouterr().out == ""
    results = replace(
        judged,
        waivers=(
            {"control": "a-b", "resource": "*", "expires": "2026-11-01T00:00:00Z", "used": False, "notes": ["expired"]},
        ),
        responses=({"control": "a-b", "resource": "x", "due": "", "used": True, "notes": []},),
        rules={"allow": ["not-assessed:a-b"]},
    )
    tell_given(results)
    told = capsys.readouterr().out
    assert "handed in: 1 waiver (0 applied), 1 response (1 applied), 1 accepted gap (0 applied)" in told
    assert "waiver       a-b *, last day 2026-10-31: expired" in told


@pytest.mark.parametrize(
    ("cause", "words"),
    [
        (("NotCollected", "events:Answer in global"), "not asked: the questions over CloudTrail events"),
        (("AccessDenied", "iam:ListUsers in global"), "AccessDenied: iam:ListUsers"),
        (("AccessDenied", "events:ListRules in eu-west-1"), "AccessDenied: events:ListRules in eu-west-1"),
    ],
)
def test_a_cause_has_no_inner_name(cause: tuple[str, str], words: str) -> None:
    assert _cause_words({"error": cause[0], "first": cause[1]}) == words

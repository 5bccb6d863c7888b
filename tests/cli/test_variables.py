"""Each option of each command has its variables by one rule, and they say what the option would: held for all."""

import json
from pathlib import Path
from typing import Any

import click
import pytest
from click.core import ParameterSource

from auditor.cli import auditor
from auditor.cli.variables import ALONE, SETTINGS, WITHOUT, FromVariables, long_name, rivals_of, walk
from auditor.config import _OPTIONS, Config, resolve
from tests.cli.test_compare import answer

COMMANDS = {" ".join(words): command for words, command in walk(auditor)}
OPTIONS = [
    (name, option)
    for name, command in COMMANDS.items()
    for option in command.params
    if isinstance(option, click.Option)
]


def told(option: click.Option) -> str:
    """Return a value that an option takes."""
    kind = option.type
    if isinstance(kind, click.Choice):
        return str(list(kind.choices)[-1])
    if isinstance(kind, click.IntRange | click.FloatRange):
        return str(int(kind.min or 0) + 1)
    if isinstance(kind, click.Path):
        return __file__ if kind.file_okay else "."
    return "true" if option.is_flag else "one"


def parsed(name: str, *arguments: str) -> click.Context:
    """Understand a command line without running it; a missing argument does not matter."""
    return COMMANDS[name].make_context(name, list(arguments), resilient_parsing=True)


@pytest.fixture(autouse=True)
def _nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in {variable for _, option in OPTIONS for variable in option.envvar or ()}:
        monkeypatch.delenv(name, raising=False)


def test_every_option_has_variables_but_for_those_that_say_why_not() -> None:
    without = {f"--{long_name(option)}" for _, option in OPTIONS if not option.envvar}
    assert without <= WITHOUT.keys()
    shared = {(name, long_name(option)) for name, option in OPTIONS if len(option.envvar or ()) < 1 + len(name.split())}
    alone = {(name, option) for name, option in shared if f"--{option}" not in WITHOUT}
    for name, option in alone:
        words = name.split()
        assert any(f"{' '.join(words[:length])} --{option}" in ALONE for length in range(1, len(words) + 1))
    for entry in ALONE:
        command, _, wanted = entry.rpartition(" --")
        assert any(name == command or name.startswith(f"{command} ") for name, given in alone if given == wanted), entry


def test_the_page_names_what_has_no_shared_variable_and_why() -> None:
    page = (Path(__file__).parents[2] / "docs" / "settings.md").read_text(encoding="utf-8")
    assert "".join(f"| `{option}` | {why} |\n" for option, why in ALONE.items()) in page
    assert all(f"`{option}`" in page for option in WITHOUT)


def test_a_variable_means_one_option_everywhere() -> None:
    meanings: dict[str, set[str]] = {}
    for _, option in OPTIONS:
        for variable in option.envvar or ():
            meanings.setdefault(variable, set()).add(long_name(option))
    assert {variable: names for variable, names in meanings.items() if len(names) > 1} == {}


@pytest.mark.parametrize("name", [name for name, command in COMMANDS.items() if not isinstance(command, click.Group)])
def test_each_variable_gives_its_option_and_a_word_goes_before_it(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for option in COMMANDS[name].params:
        if not isinstance(option, FromVariables) or not option.envvar or option.name is None:
            continue
        for variable in option.envvar:
            monkeypatch.setenv(variable, told(option))
            context = parsed(name)
            assert context.get_parameter_source(option.name) is ParameterSource.ENVIRONMENT, variable
            assert context.params[option.name] not in (None, (), False), variable
            monkeypatch.setenv(variable, "")
            assert parsed(name).get_parameter_source(option.name) is not ParameterSource.ENVIRONMENT, variable
        monkeypatch.setenv(option.envvar[-1], told(option))
        words = [f"--{long_name(option)}", *([] if option.is_flag else [told(option)])]
        assert parsed(name, *words).get_parameter_source(option.name) is ParameterSource.COMMANDLINE
        monkeypatch.delenv(option.envvar[-1])


def test_the_nearest_variable_counts_and_several_values_stand_between_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUDITOR_PERIOD", "2026-09")
    monkeypatch.setenv("AUDITOR_TRAIL_VERIFY_PERIOD", "2026-10")
    assert parsed("trail verify").params["period"] == "2026-10"
    assert parsed("run").params["period"] == "2026-09"
    monkeypatch.setenv("AUDITOR_INCLUDE", "ou:/A team, 111122223333,")
    assert parsed("run").params["include"] == ("ou:/A team", "111122223333")


def test_a_word_sets_aside_the_variables_of_what_it_excludes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUDITOR_PERIOD", "2026-09")
    monkeypatch.setenv("AUDITOR_TRAIL", "management-events")
    assert parsed("events NAME", "--since", "2026-10-01").params["period"] is None
    assert parsed("events NAME", "--pack", "reports").params["trail"] is None
    assert parsed("events NAME", "--store", "kept").params["trail"] == "management-events"
    assert rivals_of("since") == {"period"}


def test_settings_are_named_as_in_the_file_and_as_their_options() -> None:
    named = {option: name.upper().replace(".", "_") for name, option in _OPTIONS.items()}
    assert named | {"certificates": "CLUSTER_CERTIFICATES"} == SETTINGS
    for setting, option in _OPTIONS.items():
        for variable in (f"AUDITOR_{SETTINGS[option]}", f"AUDITOR_{option.upper().replace('-', '_')}"):
            value = "GOVERNANCE" if "mode" in setting else "3" if setting != "cluster.plain" else "true"
            value = "csv" if setting == "formats" else value
            further = {"AUDITOR_SAMPLING_SIZE": "3", "AUDITOR_SAMPLING_SEED": "x"} if "sampling" in setting else {}
            further = {name: text for name, text in further.items() if SETTINGS[option] not in name}
            found = resolve(None, {}, environ={variable: value, **further})
            assert found.origins[setting] == variable


def test_a_wrong_value_names_its_variable(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUDITOR_RUN_PERIOD", "2026-99")
    code, _, err = answer(capsys, "run", "--config", "/dev/null")
    assert (code, err.splitlines()[0].split(":")[1]) == (2, " AUDITOR_RUN_PERIOD")
    monkeypatch.setenv("AUDITOR_SAMPLE", "some")
    code, _, err = answer(capsys, "run", "--config", "/dev/null")
    assert code == 2
    assert "AUDITOR_SAMPLE: " in err


def test_json_by_a_variable_also_holds_for_mistakes(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AUDITOR_JSON", "yes")
    code, out, _ = answer(capsys, "controls", "show", "no-such-control")
    assert (code, json.loads(out)["exit_code"]) == (2, 2)
    monkeypatch.setenv("AUDITOR_CONTROLS_SHOW_JSON", "0")
    assert answer(capsys, "controls", "show", "no-such-control")[1] == ""


def test_what_variables_give_is_told_and_a_misspelt_one_with_the_closest(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    for name, value in {"FRAMEWORK": "a", "RUN_PERIOD": "2026-10", "EVENTS_USER": "ann", "PERIDO": "24h"}.items():
        monkeypatch.setenv(f"AUDITOR_{name}", value)
    monkeypatch.setenv("AUDITOR_WEBHOOK_SECRET", "open sesame")
    code, out, err = answer(capsys, "config", "show")
    lines = out.splitlines()
    assert code == 0
    assert lines[0].split() == ["frameworks", "[a]", "AUDITOR_FRAMEWORK"]
    assert lines[1:] == [
        "AUDITOR_RUN_PERIOD=2026-10 gives run --period",
        "AUDITOR_EVENTS_USER=ann gives events NAME --user",
    ]
    assert err.splitlines() == ["AUDITOR_PERIDO looks like a setting and is none; did you mean AUDITOR_PERIOD?"]
    document: dict[str, Any] = json.loads(answer(capsys, "config", "show", "--json")[1])
    assert [item["variable"] for item in document["options"]] == ["AUDITOR_RUN_PERIOD", "AUDITOR_EVENTS_USER"]
    assert document["ignored"] == ["AUDITOR_PERIDO"]
    assert set(Config.model_fields) >= {item["setting"] for item in document["settings"]}

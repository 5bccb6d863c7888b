"""An option that would be ignored is refused, with what it needs: held for each line of the tables, by running it."""

from pathlib import Path

import click
import pytest

from auditor.cli import auditor
from auditor.cli.needs import CLASHES, NEEDS
from auditor.cli.variables import long_name, walk
from tests.cli.test_compare import answer

COMMANDS = {" ".join(words): command for words, command in walk(auditor)}


_VALUES = {
    **dict.fromkeys(("region", "regions", "home-region"), "eu-central-1"),
    **dict.fromkeys(("account", "for-account"), "111122223333"),
}


def words_of(called: str, *options: str) -> list[str]:
    """Return a command line with some options, each with a value that it takes, and what the command requires."""
    command = COMMANDS[called]
    words = ["events", "root-activity"] if called == "events NAME" else called.split()
    known = {long_name(item): item for item in command.params if isinstance(item, click.Option)}
    required = [name for name, item in known.items() if item.required and name not in options]
    for name in (*required, *options):
        option, kind = known[name], known[name].type
        if option.is_flag:
            words.append(f"--{name}")
        elif isinstance(kind, click.Choice):
            words += [f"--{name}", str(next(iter(kind.choices)))]
        elif isinstance(kind, click.IntRange | click.FloatRange):
            words += [f"--{name}", str(int(kind.min or 0) + 1)]
        else:
            words += [f"--{name}", _VALUES.get(name, __file__ if getattr(kind, "exists", False) else "one")]
    return [*words, *("one" for item in command.params if isinstance(item, click.Argument) and item.required)]


ALONE = [(called, option, need) for called, needs in NEEDS.items() for need in needs for option in need.options]
BESIDE = [
    (called, clash.option, other) for called, clashes in CLASHES.items() for clash in clashes for other in clash.others
]


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))


@pytest.mark.parametrize("command", ["run", "demo"])
def test_a_gate_is_asked_for_no_pdf(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = answer(capsys, command, "--gate", "-f", "html", "-f", "csv,pdf")
    assert (code, out) == (2, "")
    assert "--gate and --format pdf exclude each other" in err


@pytest.mark.parametrize(("called", "option"), [(called, option) for called, option, _ in ALONE])
def test_an_option_without_what_it_needs_is_refused_early(
    called: str, option: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = answer(capsys, *words_of(called, option))
    assert (code, out) == (2, "")
    assert f"--{option} does nothing " in err, err


@pytest.mark.parametrize(("called", "option", "other"), BESIDE)
def test_an_option_beside_one_that_sets_it_aside_is_refused(
    called: str, option: str, other: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = answer(capsys, *words_of(called, option, other))
    assert code == 2
    assert f"--{option} and --{other} exclude each other" in err + out, err


def test_the_tables_name_commands_and_options_that_there_are() -> None:
    known = {called: {long_name(item) for item in command.params} for called, command in COMMANDS.items()}
    for called, needs in NEEDS.items():
        named = {name for need in needs for name in (*need.options, *(item.partition("=")[0] for item in need.any_of))}
        assert named <= known[called], called
    for called, clashes in CLASHES.items():
        assert {name for clash in clashes for name in (clash.option, *clash.others)} <= known[called], called


@pytest.mark.parametrize(
    "settings",
    [
        pytest.param("account: '111122223333'\nrole_name: Reader\n", id="a-role-in-the-settings"),
        pytest.param("org: true\n", id="an-organization"),
        pytest.param("accounts: ['111122223333']\nrole_name: Reader\n", id="accounts-by-name"),
    ],
)
def test_settings_may_say_what_an_option_needs(
    settings: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "auditor.yaml").write_text(settings)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")
    code, _, err = answer(capsys, "run", "--external-id", "x", "--profile", "nope", "--quiet")
    assert code == 2
    assert "could not be found" in err, err


def test_a_variable_for_many_commands_is_set_aside_where_it_does_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AUDITOR_EXTERNAL_ID", "x")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")
    code, _, err = answer(capsys, "run", "--profile", "nope", "--quiet")
    assert "could not be found" in err, err
    assert code == 2

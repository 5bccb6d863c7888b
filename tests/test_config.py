"""auditor.yaml."""

import re
from pathlib import Path
from typing import Any, get_args

import pytest

from auditor.base.errors import UsageError
from auditor.catalog.responses import load_responses
from auditor.catalog.waivers import load_attestations, load_waivers
from auditor.cli.options import config_of
from auditor.collect.clients import Limits
from auditor.collect.redact import Policy
from auditor.config import SECTIONS, Config, Format, load_config, resolve
from auditor.pack.presentation import PAGES
from auditor.render.exports import EXPORTS
from auditor.run import open_catalog
from auditor.run.settings import limits_of, redaction_of


def write(folder: Path, text: str) -> Path:
    path = folder / "auditor.yaml"
    path.write_text(text)
    return path


def test_options_go_before_the_file_and_the_file_before_defaults(tmp_path: Path) -> None:
    path = write(tmp_path, "entity: Example\nframeworks: [cis-aws-5.0.0]\nperiod: 2026-Q3\n")
    config = load_config(path, {"period": "2026-10"})
    assert (config.entity, config.frameworks, config.period, config.out) == (
        "Example",
        ["cis-aws-5.0.0"],
        "2026-10",
        "reports",
    )


def test_file_names_are_read_beside_the_file(tmp_path: Path) -> None:
    config = load_config(write(tmp_path, "waivers: w.yaml\ncontrols: [own]\nbranding: {logo: logo.png}\n"), {})
    assert (config.waivers, config.controls, config.branding.logo) == (
        str(tmp_path / "w.yaml"),
        [str(tmp_path / "own")],
        str(tmp_path / "logo.png"),
    )


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        pytest.param("entity: A\nframeworx: [x]\n", 2, "frameworx", id="typo"),
        pytest.param("fail_on: severe\n", 1, "fail_on", id="unknown-severity"),
        pytest.param("entity: A\nregions:\n- eu-central-1\n- mars\n", 4, "regions.1", id="no-region"),
        pytest.param("branding:\n  acent: '#112233'\n", 2, "branding.acent", id="nested-typo"),
        pytest.param("period: [\n", 2, "", id="not-yaml"),
        pytest.param("- a\n", 1, "mapping", id="a-list"),
        pytest.param("limits:\n  concurrency: 0\n", 2, "limits.concurrency", id="no-call-at-all"),
        pytest.param("redaction: {identitys: true}\n", 1, "redaction.identitys", id="redaction-typo"),
        pytest.param("entity: A\nentity: B\n", 2, "twice", id="twice"),
        pytest.param("entity: A\nperiod: 2026-13\n", 2, "cannot read the period", id="no-period"),
        pytest.param("formats:\n- pdf\n- docx\n", 3, "formats.1", id="no-format"),
        pytest.param("branding:\n  accent: #14324f\n", 2, "in quotes", id="colour-as-a-comment"),
        pytest.param("limits: 3\n", 1, "expected a mapping", id="no-mapping"),
        pytest.param("\tentity: A\n", 1, "cannot start", id="tab"),
        pytest.param("a: 1\nentity: 0x_\n", 2, "cannot be read as int", id="no-number"),
        pytest.param(f"entity: {'9' * 5000}\n", 1, "cannot be read as int", id="endless-number"),
        pytest.param("entity: !!timestamp soon\n", 1, "cannot be read as timestamp", id="no-time"),
    ],
)
def test_a_mistake_is_told_with_file_and_line(tmp_path: Path, text: str, line: int, words: str) -> None:
    path = write(tmp_path, text)
    with pytest.raises(UsageError) as caught:
        load_config(path, {})
    assert caught.value.message.startswith(f"{path}:{line}:")
    assert words in caught.value.message


def test_a_typo_is_answered_with_the_known_settings(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        load_config(write(tmp_path, "signing: {kei: a}\n"), {})
    assert (
        caught.value.hint == "did you mean key?; known settings: key, certificate, kms_key, tsa, tsa_ca, tsa_optional"
    )


def test_a_file_that_was_named_must_exist(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        load_config(tmp_path / "missing.yaml", {})


def test_a_flag_that_was_not_given_leaves_the_choice_to_the_file(tmp_path: Path) -> None:
    path = write(tmp_path, "zip: true\nsampling: {size: 25, seed: '2026-10'}\n")
    config = config_of({"zip": None, "sample": None, "seed": None, "imports": (), "config_file": path})
    assert config.zip
    assert config.sampling is not None
    assert (config.sampling.size, config.sampling.seed) == (25, "2026-10")
    assert not config_of({"zip": None, "config_file": write(tmp_path, "")}).zip


def test_the_number_of_calls_in_flight_goes_before_the_files_and_leaves_its_other_limits(tmp_path: Path) -> None:
    path = write(tmp_path, "limits: {concurrency: 4, read_seconds: 60}\n")
    config = config_of({"config_file": path, "concurrency": 8})
    assert (config.limits.concurrency, config.limits.read_seconds, config.limits.attempts) == (8, 60, 5)


def test_limits_and_redaction_reach_the_collector(tmp_path: Path) -> None:
    text = "limits: {concurrency: 4, attempts: 2, connect_seconds: 1, read_seconds: 7, report_seconds: 0}\n"
    config = load_config(write(tmp_path, f"{text}redaction: {{identities: true}}\n"), {})
    assert limits_of(config) == Limits(workers=4, attempts=2, connect_seconds=1, read_seconds=7, report_seconds=0)
    assert redaction_of(config) == Policy(source_addresses=False, identities=True)


def test_without_settings_the_collector_keeps_its_own_limits() -> None:
    assert limits_of(Config()) == Limits()
    assert redaction_of(Config()) == Policy()


@pytest.mark.parametrize(
    ("option", "given"),
    [
        pytest.param("--concurrency", {"concurrency": 1000}, id="concurrency"),
        pytest.param("--format", {"formats": "pdf,docx"}, id="format"),
        pytest.param("--period", {"period": "yesterday"}, id="period"),
        pytest.param("--regions", {"regions": "eu-central1"}, id="regions"),
        pytest.param("--seed", {"sample": 3, "seed": "\x01"}, id="seed"),
    ],
)
def test_an_option_out_of_bounds_is_named_as_it_was_given(tmp_path: Path, option: str, given: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match=rf"^{option}: "):
        config_of({"config_file": write(tmp_path, ""), **given})


@pytest.mark.parametrize("text", ["[" * 100_000, "- " * 100_000, "\n".join(" " * deep + "a:" for deep in range(99))])
def test_endless_nesting_is_refused_at_once(tmp_path: Path, text: str) -> None:
    with pytest.raises(UsageError, match="nested too deeply"):
        load_config(write(tmp_path, text), {})


def test_the_examples_of_the_documentation_are_read(tmp_path: Path) -> None:
    page = (Path(__file__).parent.parent / "docs" / "settings.md").read_text(encoding="utf-8")
    settings, waivers, attestations, responses = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    (tmp_path / "evidence").mkdir()
    (tmp_path / "evidence" / "minutes.pdf").write_bytes(b"minutes")
    for name, text in (("waivers", waivers), ("attestations", attestations), ("responses", responses)):
        (tmp_path / f"{name}.yaml").write_text(text)
    config = load_config(write(tmp_path, settings), {})
    catalog = open_catalog()
    (waiver,), (attestation,) = load_waivers(Path(config.waivers)), load_attestations(Path(config.attestations))
    (response,) = load_responses(Path(config.responses))
    asked = {name for edition in config.frameworks for name in catalog.frameworks[edition].controls}
    assert {waiver.control, attestation.control, response.control} <= asked
    assert [name for name in Config.model_fields if f"{name}:" not in settings and f"`{name}`" not in page] == []


def test_the_formats_are_those_that_can_be_written() -> None:
    assert set(get_args(Format)) == {*PAGES, *EXPORTS}


def test_what_yaml_takes_for_a_number_means_what_it_looks_like(tmp_path: Path) -> None:
    config = load_config(write(tmp_path, "period: 2026\naccount: 111122223333\nrole_name: r\n"), {})
    assert (config.period, config.account) == ("2026", "111122223333")


def test_an_account_that_begins_with_zero_is_no_octal_number(tmp_path: Path) -> None:
    config = load_config(write(tmp_path, "account: 001234567012\naccounts: [000000000001, 012345670123]\n"), {})
    assert (config.account, list(config.accounts)) == ("001234567012", ["000000000001", "012345670123"])


def test_a_zero_byte_in_a_setting_is_told_with_its_line(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"auditor\.yaml:2: a text holds a zero byte"):
        load_config(write(tmp_path, 'period: "2026"\nout: "a\\0b"\n'), {})


def test_a_file_that_looks_like_settings_and_is_not_read_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("auditor.yml").write_text("entity: A\n")
    with pytest.raises(UsageError, match=r"auditor\.yml is not read") as caught:
        load_config(None, {})
    assert "auditor.yaml" in caught.value.hint


def test_layers_go_before_each_other_and_are_told(tmp_path: Path) -> None:
    user = tmp_path / "auditor" / "auditor.yaml"
    user.parent.mkdir()
    user.write_text("entity: user\ntitle: user\nlimits: {concurrency: 2, attempts: 2}\n")
    file = write(tmp_path, "entity: file\nlimits: {concurrency: 3}\n")
    environ = {"AUDITOR_ENTITY": "environment", "AUDITOR_FRAMEWORKS": "a, b", "AUDITOR_LIMITS_READ_SECONDS": "4.5",
               "AUDITOR_ZIP": "true", "AUDITOR_OUT": "", "AUDITOR_FRAMEWRK": "x", "HOME": "/"}  # fmt: skip
    found = resolve(file, {"period": "2026-10"}, environ=environ, user_folder=tmp_path)
    config = found.config
    assert (config.entity, config.title, config.period, config.out) == ("environment", "user", "2026-10", "reports")
    assert (config.limits.concurrency, config.limits.attempts, config.limits.read_seconds) == (3, 2, 4.5)
    assert (config.frameworks, config.zip) == (["a", "b"], True)
    assert found.ignored == ("AUDITOR_FRAMEWRK",)
    assert found.origins["entity"] == "AUDITOR_ENTITY"
    assert found.origins["title"] == f"{user}:2"
    assert found.origins["limits.concurrency"] == f"{file}:2"
    assert found.origins["period"] == "--period"


@pytest.mark.parametrize(
    ("variable", "value", "words"),
    [
        ("AUDITOR_LIMITS_CONCURRENCY", "many", "expected a whole number"),
        ("AUDITOR_LIMITS_CONCURRENCY", "-3", "has to be at least 1"),
        ("AUDITOR_FAIL_ON", "soon", "critical"),
    ],
)
def test_a_wrong_variable_is_named(variable: str, value: str, words: str) -> None:
    with pytest.raises(UsageError, match=f"{variable}: .*{words}"):
        resolve(None, {}, environ={variable: value})


WRONG: tuple[Any, ...] = ("no such thing", "", "x" * 5000, -1, 10**9, 3.5, True, None, [], ["\x00"], {}, {"a": 1})


@pytest.mark.parametrize(
    "name", [*Config.model_fields, *(f"{part}.{name}" for part in SECTIONS for name in SECTIONS[part].model_fields)]
)
def test_what_is_wrong_with_a_setting_is_said_in_a_persons_words(name: str) -> None:
    section, _, inner = name.rpartition(".")
    for value in WRONG:
        options = {section: {inner: value}} if section else {inner: value}
        try:
            resolve(None, options)
        except UsageError as error:
            told = error.message
            assert not re.search(
                r"Input|String should|pattern|valid (dict|integer|boolean|number)|instance of|\^", told
            ), told
            assert len(told) < 500


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"formats": ["pdff"]}, "'pdff' is none of html, pdf, .*; did you mean pdf?"),
        ({"fail_on": "hihg"}, "'hihg' is none of critical, high, medium, low, informational; did you mean high?"),
        ({"entity": "x" * 300}, "too long: 300 characters, and at most 200 fit"),
        ({"allow": ["foo"]}, "'foo' does not have the form that this takes"),
        ({"object_lock_days": 40_000}, "40000 has to be at most 36,500"),
    ],
)
def test_a_wrong_value_is_told_with_what_would_be_right(options: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        resolve(None, options)


def test_all_mistakes_of_a_file_are_told_at_once_each_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "auditor.yaml"
    path.write_text(
        "period: last-mont\nframeworkz: [x]\nregions: [eu-cental-1]\nlimits:\n  concurrency: 0\nfail_on: loud\n"
    )
    with pytest.raises(UsageError) as told:
        load_config(path, {})
    assert told.value.message.startswith(f"{path}:2: frameworkz: there is no such key")
    assert {line for line in range(1, 7) if f"{path}:{line}: " in told.value.message} == {1, 2, 3, 5, 6}
    assert "did you mean frameworks?" in str(told.value.hint)


def test_twenty_mistakes_are_told_at_once_too(tmp_path: Path) -> None:
    path = tmp_path / "waivers.yaml"
    path.write_text("waivers:\n" + "  - foo\n" * 20)
    with pytest.raises(UsageError) as told:
        load_waivers(path)
    assert re.findall(r":(\d+): waivers", told.value.message) == [str(line) for line in range(2, 22)]

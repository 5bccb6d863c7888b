"""auditor.yaml."""

from pathlib import Path

import pytest

from auditor.cli.options import config_of
from auditor.config import load_config
from auditor.errors import UsageError


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
        pytest.param("entity: A\nentity: B\n", 2, "twice", id="twice"),
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
    assert caught.value.hint == "known settings: key, certificate, kms_key, tsa, tsa_ca, tsa_optional"


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

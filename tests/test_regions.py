"""Names of Regions: what the SDK knows is one, what was mistyped is told with the one that was meant."""

from pathlib import Path

import boto3
import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.cli.variables import long_name
from auditor.regions import HOME, KNOWN, mistake_in
from tests.cli.test_compare import answer
from tests.cli.test_variables import OPTIONS

SERVICES = ("ec2", "sts", "cloudtrail")


def test_what_the_sdk_knows_is_known() -> None:
    session = boto3.Session()
    partitions = session.get_available_partitions()
    known = {
        name for part in partitions for service in SERVICES for name in session.get_available_regions(service, part)
    }
    assert {name for name in known if "global" not in name} <= set(KNOWN)
    assert HOME.keys() == set(partitions)
    assert all(session.get_partition_for_region(region) == part for part, region in HOME.items())


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("eu-cental-1", "eu-central-1"),
        ("eu_central_1", "eu-central-1"),
        ("EU-CENTRAL-1", "eu-central-1"),
        ("us-esat-1", "us-east-1"),
        ("us-east1", "us-east-1"),
        ("eu-central", "eu-central-1"),
        ("eu-central-1a", "eu-central-1"),
        ("ap-souteast-2", "ap-southeast-2"),
        ("eu-frankfurt-1", ""),
        ("", ""),
        ("global", ""),
    ],
)
def test_a_mistyped_name_is_told_with_the_one_that_was_meant(name: str, meant: str) -> None:
    told = mistake_in(name)
    assert repr(name) in told
    if meant:
        assert f"did you mean {meant}?" in told


@pytest.mark.parametrize("name", ["eu-central-3", "ap-southeast-12", "nz-north-1", "eu-southwest-1", "eusc-de-west-1"])
def test_a_region_that_is_newer_than_this_program_is_believed(name: str) -> None:
    assert mistake_in(name) == ""


@given(st.text(max_size=40))
def test_any_text_is_answered(text: str) -> None:
    assert mistake_in(text) == "" or "AWS Region" in mistake_in(text)


TAKING = sorted(
    {(name, long_name(option)) for name, option in OPTIONS if long_name(option) in {"region", "regions", "home-region"}}
)


@pytest.mark.parametrize(("name", "option"), TAKING)
def test_every_option_for_regions_says_which_was_meant(
    name: str, option: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    words = ["events", "root-activity"] if name == "events NAME" else name.split()
    code, _, err = answer(capsys, *words, f"--{option}", "eu-cental-1")
    assert code == 2
    assert f"--{option}: 'eu-cental-1' is no name of an AWS Region; did you mean eu-central-1?" in err


@pytest.mark.parametrize("setting", ["regions: [us-east-1, eu-cental-1]\n", "region: eu-cental-1\n"])
def test_settings_and_variables_say_so_too(
    setting: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "auditor.yaml").write_text(setting)
    code, _, err = answer(capsys, "run", "--quiet")
    assert code == 2
    assert "auditor.yaml:1" in err
    assert "did you mean eu-central-1?" in err
    (tmp_path / "auditor.yaml").unlink()
    variable = f"AUDITOR_{setting.partition(':')[0].upper()}"
    monkeypatch.setenv(variable, "eu-cental-1")
    code, _, err = answer(capsys, "run", "--quiet")
    assert (code, f"{variable}: " in err, "did you mean eu-central-1?" in err) == (2, True, True)

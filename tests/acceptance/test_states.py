"""Every control's state in each simulated account, with all frameworks, beside what was written down for it.

``states.csv`` is the whole table. A change of it is a change of verdicts and wants a reason in the same commit.
"""

import csv
import re
from pathlib import Path

import pytest

from auditor.model import State
from auditor.run import open_catalog
from tests.acceptance.conftest import Pack, auditor, made, shared

TABLE = Path(__file__).with_name("states.csv")
REGIONS = "eu-central-1,eu-north-1,eu-west-1,sa-east-1,us-east-1,us-west-2"
"""Those in which the accounts' stories take place; the twelve others come to the same states and take their time."""

WORLDS = {"demo": 4, "clean": 3, "empty": 1}
"""World and the exit code of its audit: integrity, criteria left open, criteria not met."""


def column(world: str) -> dict[str, str]:
    """Return what was written down for one account: control and state."""
    with TABLE.open(newline="") as file:
        return {row["control"]: row[world] for row in csv.DictReader(file)}


@pytest.fixture(scope="session")
def audits(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Pack]:
    """The pack of each account, made once with all frameworks."""
    every = [option for name in open_catalog().frameworks for option in ("--framework", name)]
    return {
        world: made(shared(tmp_path_factory, f"states-{world}"), world, "--format", "csv", "--regions", REGIONS, *every)
        for world in WORLDS
    }


@pytest.mark.parametrize("world", WORLDS)
def test_every_state_is_as_written_down(world: str, audits: dict[str, Pack]) -> None:
    assert {item["id"]: item["state"] for item in audits[world].results["controls"]} == column(world)
    assert audits[world].answer["exit_code"] == WORLDS[world]


@pytest.mark.parametrize("world", WORLDS)
def test_sentences_write_thousands_with_a_separator(world: str, audits: dict[str, Pack]) -> None:
    results = [result for item in audits[world].results["controls"] for result in item["results"]]
    assert [
        (result["reason"], found.group())
        for result in results
        for found in re.finditer(r"(?<![\w.,:/\-\"'#])\d{4,11}(?![\w:/\-\"'])(?!\.\w)", result["reason"])
        if found.group() not in PORTS
    ] == []


PORTS = {"3389"}


def test_every_control_has_a_row_and_every_row_is_a_control() -> None:
    assert sorted(column("demo")) == sorted(open_catalog().controls)
    with TABLE.open() as file:
        assert [line.partition(",")[0] for line in file][1:] == sorted(column("demo"))


def test_the_demo_account_has_something_to_judge_for_every_control() -> None:
    assert State.NOT_APPLICABLE not in column("demo").values()


ELSEWHERE = "trail-bucket-protection-unchanged"
"""The log bucket belongs to an account of its own, as it should: who changed it is recorded there."""


def test_nothing_fails_or_stays_open_where_everything_is_right() -> None:
    states = {name: State(state) for name, state in column("clean").items()}
    assert states.pop(ELSEWHERE) is State.NOT_ASSESSED
    assert set(states.values()) == {State.PASS, State.MANUAL, State.NOT_APPLICABLE}


def test_nothing_passes_in_an_empty_account_for_want_of_things_to_look_at() -> None:
    """What passes there does so for what AWS itself puts into a new account, or for what root did not do."""
    assert {name for name, state in column("empty").items() if state == State.PASS} == {
        "cifs-not-open",
        "iam-cloudshell-full-access-restricted",
        "iam-no-expired-server-certificates",
        "iam-root-no-access-keys",
        "iam-root-not-used",
        "sg-no-open-admin-ports-ipv4",
        "sg-no-open-admin-ports-ipv6",
    }


def test_with_its_manual_controls_attested_the_account_in_which_everything_is_right_answers_zero(
    audits: dict[str, Pack], tmp_path: Path
) -> None:
    entries = "".join(
        f"- control: {name}\n  statement: Looked at on the day.\n  criterion: met\n  person: Head of IT\n"
        "  date: 2026-10-20\n  valid_until: 2027-10-19\n"
        for name, state in column("clean").items()
        if state == State.MANUAL
    )
    (tmp_path / "attestations.yaml").write_text(f"attestations:\n{entries}")
    options = ("--attestations", tmp_path / "attestations.yaml", "--out", tmp_path / "results.json")
    assert auditor("evaluate", audits["clean"].path, *options).code == 3
    assert auditor("evaluate", audits["clean"].path, *options, "--allow", f"not-assessed:{ELSEWHERE}").code == 0

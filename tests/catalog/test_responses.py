"""Management's answers as people write them: what is wrong is told with file and line, everything at once."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from auditor.base.errors import UsageError
from auditor.catalog.responses import load_responses
from auditor.catalog.waivers import load_attestations, load_waivers
from auditor.config import Config
from auditor.run import load_rules

WHOLE = """\
responses:
  - control: iam-user-console-mfa
    resource: "*:user/ann"
    account: "111122223333"
    region: global
    owner: Head of IT
    due: 2026-12-31
    response: A key is on its way.
    ticket: SEC-1
  - {control: iam-root-mfa, owner: Board, response: Done by Friday.}
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "responses.yaml"
    path.write_text(text)
    return path


def test_a_response_names_control_owner_and_words_and_the_rest_may_be_left_out(tmp_path: Path) -> None:
    first, second = load_responses(written(tmp_path, WHOLE))
    assert first.due == datetime(2027, 1, 1, tzinfo=UTC)
    assert (first.owner, first.region, first.ticket, first.origin) == (
        "Head of IT",
        "global",
        "SEC-1",
        "responses.yaml:2",
    )
    assert (second.resource, second.account, second.region, second.due) == ("*", "", "", None)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        pytest.param("responses:\n  - {control: a-b, ownr: x}\n", ":2:.*ownr: there is no", id="typo"),
        pytest.param("responses:\n  - control: a-b\n", ":2:.*missing: owner, response", id="all-that-is-missing"),
        pytest.param("responses:\n  - {control: a-b, owner: '', response: y}\n", ":2:.*owner", id="nobody"),
        pytest.param("responses:\n  - {control: a-b, owner: x, response: y,\n  due: soon}\n", ":3:.*due", id="day"),
        pytest.param("responses:\n  - {control: A_B, owner: x, response: y}\n", ":2:.*control", id="no-id"),
        pytest.param("answers: []\n", ":1:.*answers", id="another-file"),
        pytest.param("responses: {a: b}\n", ":1:.*expected a list", id="no-list"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_with_file_and_line(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(UsageError, match=f"responses.yaml{told}"):
        load_responses(written(tmp_path, text))


def test_all_that_a_waiver_or_an_attestation_lacks_is_told_at_once(tmp_path: Path) -> None:
    path = tmp_path / "file.yaml"
    path.write_text("waivers:\n  - control: a-b\n    resource: '*'\n")
    with pytest.raises(UsageError, match=r"file.yaml:2: waivers.0: missing: justification, approver, ticket, expires"):
        load_waivers(path)
    path.write_text("attestations:\n  - control: a-b\n    statement: Yes.\n")
    with pytest.raises(UsageError, match="missing: criterion, person, date, valid_until"):
        load_attestations(path)


@pytest.mark.parametrize(
    ("text", "told", "hint"),
    [
        ("waiver: []\n", ":1: waiver: there", "did you mean waivers?; known keys: waivers"),
        ("waivers:\n  - accounts: '1'\n", ":2: waivers.0.accounts: there", "did you mean account?; known keys: "),
        ("waivers:\n  - CONTROL: x\n", ":2: waivers.0.CONTROL: there", "did you mean control?; known keys: "),
        ("waivers:\n  - reason: x\n", ":2: waivers.0.reason: there", "known keys: control, resource, account, "),
    ],
)
def test_an_unknown_key_is_told_with_those_that_there_are(tmp_path: Path, text: str, told: str, hint: str) -> None:
    path = tmp_path / "file.yaml"
    path.write_text(text)
    with pytest.raises(UsageError, match=told) as raised:
        load_waivers(path)
    assert raised.value.hint.startswith(hint)


@pytest.mark.parametrize("kind", ["responses", "waivers", "attestations"])
def test_a_control_that_there_is_not_is_refused_with_line_and_suggestion(tmp_path: Path, kind: str) -> None:
    more = {
        "responses": "owner: x\n    response: y",
        "waivers": "resource: '*'\n    justification: x\n    approver: x\n    ticket: x\n    expires: 2027-01-01",
        "attestations": "statement: x\n    criterion: met\n    person: x\n    date: 2026-01-01\n"
        "    valid_until: 2027-01-01",
    }
    path = tmp_path / f"{kind}.yaml"
    path.write_text(f"{kind}:\n  - control: iam-root-mfaa\n    {more[kind]}\n")
    with pytest.raises(UsageError, match=f"{kind}.yaml:2: .* names 'iam-root-mfaa'") as caught:
        load_rules(Config.model_validate({kind: str(path)}))
    assert "iam-root-mfa" in caught.value.hint

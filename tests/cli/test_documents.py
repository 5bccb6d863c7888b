"""No command prints a ``--json`` document whose form is not published: held for every command there is.

``tests/conftest.py`` holds each document that any test prints against its schema; here each command prints one.
"""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest

from auditor.cli import auditor
from auditor.cli.documents import ERROR, PRINTED, PUBLISHED, file_of, text_of
from auditor.cli.variables import walk
from auditor.simulator import Simulator
from tests.published import FOLDER
from tests.seal.forging import made_pack
from tests.test_command_schemas import SAMPLE, fits, printed

COMMANDS = {" ".join(words): command for words, command in walk(auditor) if not isinstance(command, click.Group)}
FILTER = '{ $.eventName = "StopLogging" }'
DDL = ("--s3", "s3://logs", "--account", "111122223333", "--region", "eu-central-1", "--since", "2026-10-01")

OFFLINE: dict[str, tuple[tuple[str, ...], ...]] = {
    "completion": (("bash",),),
    "config show": ((), ("--all",)),
    "controls list": ((), ("--framework", "nist-csf-2.0")),
    "controls show": (("iam-root-mfa",), ("monitor-cloudtrail-changes",)),
    "controls validate": ((),),
    "controls test": (("iam-root-mfa",),),
    "cost": ((str(SAMPLE),),),
    "diff": ((str(SAMPLE), str(SAMPLE)),),
    "evaluate": ((str(SAMPLE),),),
    "events NAME": (("root-activity", "--pack", str(SAMPLE), "--quiet"),),
    "events anatomy": (("record.json",),),
    "events athena-ddl": (DDL,),
    "events list": ((),),
    "events show": (("who-did", "--json"),),
    "events sql": (("SELECT 1 AS one", "--pack", str(SAMPLE), "--quiet"),),
    "keygen": (("--name", "Somebody", "--no-password", "--out", "keys"),),
    "packs prune": (("packs", "--keep", "1", "--dry-run"),),
    "pattern check": (
        (FILTER, "--control", "monitor-cloudtrail-changes"),
        ("{ nonsense", "--control", "monitor-cloudtrail-changes"),
        (FILTER, "--framework", "cis-aws-5.0.0"),
        ("--cloudformation", "template.json", "--control", "monitor-cloudtrail-changes"),
    ),
    "pattern test": ((FILTER, "record.json"),),
    "policy": (
        ("--control", "iam-root-mfa"),
        ("--org", "--control", "iam-root-mfa"),
        ("--upload", "s3://packs"),
        ("--securityhub-import",),
    ),
    "remediate": ((str(SAMPLE), "--to", "cli", "--out", "changes"),),
    "seal": (("packs/one",),),
    "verify": (("packs/one",),),
    "history": (("packs", "--no-html", "--quiet", "--as-of", "2026-12-02T00:00:00Z"),),
    "assemble": (("packs", "--quiet", "--format", "html", "--out", "year"),),
}
"""Command -> what it is asked without an account, each in a folder with a pack, a record and a template."""

ONLINE = ("run", "demo", "collect", "render", "upload", "doctor", "trail verify")
"""Commands that are tried with a simulated account below."""

TEMPLATE = {"Resources": {"Topic": {"Type": "AWS::SNS::Topic"}}}


def test_every_command_prints_documents_and_each_form_is_published() -> None:
    assert {name for name, item in COMMANDS.items() if any("--json" in option.opts for option in item.params)} == {
        *COMMANDS
    }
    assert set(PRINTED) == set(COMMANDS)
    assert set(OFFLINE) | set(ONLINE) == set(COMMANDS)
    for form in PUBLISHED:
        text = (FOLDER / file_of(form)).read_text(encoding="utf-8")
        assert f'"const": "{form}"' in text, form


def test_a_document_of_no_published_form_is_not_printed() -> None:
    with pytest.raises(KeyError):
        text_of({"schema": "auditor.made-up/1", "exit_code": 0})
    with pytest.raises(KeyError):
        text_of({"exit_code": 0})


def test_the_page_names_the_forms_of_every_command() -> None:
    page = (FOLDER.parent / "exit-codes.md").read_text(encoding="utf-8")
    for name, forms in PRINTED.items():
        links = ", ".join(f"[{form}](schemas/{file_of(form)})" for form in forms)
        assert f"| `auditor {name}` | {links} |\n" in page


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a pack, a record and a template."""
    folder = tmp_path_factory.mktemp("place")
    (folder / "packs").mkdir()
    made_pack(folder / "packs" / "one", formats="csv")
    (folder / "record.json").write_text(json.dumps({"eventName": "StopLogging", "eventSource": "x"}))
    (folder / "template.json").write_text(json.dumps(TEMPLATE))
    return folder


@pytest.mark.parametrize("name", sorted(OFFLINE))
def test_what_a_command_prints_is_of_its_form(
    name: str, place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(place, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    for arguments in OFFLINE[name]:
        words = ("events", *arguments) if name == "events NAME" else (*name.split(), *arguments)
        document = printed(capsys, *words, *(() if "--json" in words else ("--json",)))
        assert document["schema"] in PRINTED[name], document
        assert list(document)[:2] == ["schema", "exit_code"]


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_a_mistake_on_any_command_line_is_a_document_too(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    words = ("events", "root-activity") if name == "events NAME" else name.split()
    document = printed(capsys, *words, "--json", "--no-such-option")
    assert (document["schema"], document["exit_code"]) == (ERROR, 2)
    assert "--no-such-option" in document["error"]


@pytest.fixture(scope="module")
def account() -> Iterator[Simulator]:
    with Simulator("empty", enabled=[]) as aws:
        yield aws


@pytest.mark.simulator
def test_what_needs_an_account_is_of_its_form_too(
    account: Simulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for variable, value in account.environment().items():
        monkeypatch.setenv(variable, value)
    asked = ("--control", "iam-root-mfa", "--quiet", "--json")
    period = ("--period", "2026-10")

    def told(name: str, *arguments: str) -> dict[str, Any]:
        document = dict(printed(capsys, *name.split(), *arguments))
        assert document["schema"] in PRINTED[name], document
        return document

    made = told("run", *asked, *period, "--format", "csv", "--out", "packs")
    fits("run", made)
    account.archive("evidence-packs")
    told("upload", made["pack"], "s3://evidence-packs/aws", "--json", "--quiet")
    told("collect", *asked, *period, "--out", "collected")
    told("render", "collected", "--format", "csv", *asked)
    told("doctor", "--json", "--control", "iam-root-mfa")
    told("policy", "--check", "--control", "iam-root-mfa", "--json")
    told("trail verify", "--s3", "s3://evidence-packs/none", *period, "--json", "--quiet")
    monkeypatch.setenv("AUDITOR_FORMAT", "csv")
    told("demo", "--world", "empty", "--regions", "us-east-1", "--out", "demo", *asked)

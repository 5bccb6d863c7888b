"""An organization's run gives the same pack on every engine, and goes on where it was cut off."""

import json
import os
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from auditor.base.errors import CollectionError, UsageError
from auditor.config import Config
from auditor.org.handing import recheck_handed_on
from auditor.org.replaying import replay_any
from auditor.org.running import Organized, audit_organization
from auditor.run import Request, audit, take_up
from auditor.seal.report import Outcome
from auditor.seal.verify import Demands, verify_pack
from auditor.simulator import Simulator
from auditor.simulator.worlds import organization as story
from tests.org.test_run import AS_OF
from tests.run.test_resume import said_of
from tests.seal.forging import edited
from tests.work.machines import Machines, machines, make_certificates

pytestmark = pytest.mark.simulator

WHOLE = {"README.txt", "VERIFY.md", "manifest.json", "SHA256SUMS", "trust/attestation.intoto.json"}


def request_of(out: Path, **settings: Any) -> Request:
    given: dict[str, Any] = {
        "org": True,
        "external_id": story.EXTERNAL_ID,
        "control_ids": ["iam-password-min-length", "iam-user-console-mfa"],
        "regions": ["eu-central-1"],
        "formats": ["csv"],
        "period": "2026-10",
        "out": str(out),
        "limits": {"accounts": 1},
        **settings,
    }
    return Request(Config.model_validate(given), AS_OF, now=lambda: AS_OF, salt=b"salt" * 8)


def organized(out: Path, **settings: Any) -> Organized:
    return audit_organization(request_of(out, **settings), lambda *_: None)


def files(pack: Path) -> dict[str, bytes]:
    return {str(path.relative_to(pack)): path.read_bytes() for path in sorted(pack.rglob("*")) if path.is_file()}


@pytest.fixture(scope="module")
def aws(running_group: Simulator) -> Iterator[Simulator]:
    running_group.clear()
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("AUDITOR_")]:
            patch.delenv(name)
        for name, value in running_group.environment().items():
            patch.setenv(name, value)
        yield running_group


@pytest.fixture(scope="module")
def here(aws: Simulator, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    del aws
    return files(organized(tmp_path_factory.mktemp("here")).pack)


@pytest.fixture(scope="module")
def cluster(aws: Simulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Machines, Path]]:
    del aws
    certificates = make_certificates(tmp_path_factory.mktemp("certificates") / "made")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AUDITOR_EXTERNAL_ID", story.EXTERNAL_ID)
        with machines(certificates, tmp_path_factory.mktemp("machines")) as made:
            made.man(2)
            yield made, certificates


def test_processes_give_the_same_pack(here: dict[str, bytes], tmp_path: Path) -> None:
    assert files(organized(tmp_path, limits={"accounts": 2}).pack) == here


def test_a_cluster_gives_the_same_pack_though_a_worker_dies(
    here: dict[str, bytes], cluster: tuple[Machines, Path], tmp_path: Path
) -> None:
    made, certificates = cluster

    def kill(stage: str, done: int, total: int, note: str = "") -> None:
        del total, note
        if stage == "Audit the accounts" and done == 2:
            made.workers[0].kill()

    settings = {"scheduler": made.address, "cluster": {"certificates": str(certificates), "no_workers_seconds": 120}}
    assert files(audit_organization(request_of(tmp_path, **settings), kill).pack) == here


def test_one_account_whose_trail_workers_read_has_the_same_pack(cluster: tuple[Machines, Path], tmp_path: Path) -> None:
    made, certificates = cluster
    made.man(2)
    packs = []
    for name, scheduler in (("here", ""), ("there", made.address)):
        chosen = {"scheduler": scheduler, "cluster": {"certificates": str(certificates)}, "org": False}
        given = {**chosen, "control_ids": ["trail-chain-verified", "root-unused-in-period"], "external_id": ""}
        packs.append(audit(request_of(tmp_path / name, **given), lambda *_: None).pack)
    here, there = map(said_of, packs)
    assert here == there
    assert any(name.endswith("digests.zip") for name in here)


def test_no_credential_and_no_external_id_is_sent(tmp_path: Path) -> None:
    from auditor.model import PartOf
    from auditor.org.member import Member

    config = request_of(tmp_path, scheduler="tls://10.0.0.5:8786", account="210000000002", org=False).config
    task = Member("210000000002", config, AS_OF, b"salt" * 8, PartOf("o-1", "0" * 64), tmp_path).task()
    sent = json.dumps(dict(task.arguments))
    assert story.EXTERNAL_ID not in sent
    assert "AKIA" not in sent


def test_a_scheduler_that_is_not_there_is_told_before_anything_is_asked(
    aws: Simulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("auditor.work.cluster._CONNECT_SECONDS", 0.2)  # Dask tries again for so long
    aws.clear()
    with pytest.raises(UsageError, match="not encrypted"):
        organized(tmp_path, scheduler="tcp://10.0.0.5:8786")
    with pytest.raises(CollectionError, match="cannot be reached"):
        organized(tmp_path, scheduler="tcp://127.0.0.1:1")
    assert aws.calls().get("organizations:ListAccounts", 0) == 0


def test_a_run_that_was_cut_off_asks_only_the_accounts_that_are_left(
    here: dict[str, bytes], aws: Simulator, tmp_path: Path
) -> None:
    def interrupt(stage: str, done: int, total: int, note: str = "") -> None:
        del total, note
        if stage == "Audit the accounts" and done == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt) as caught:
        audit_organization(request_of(tmp_path), interrupt)
    assert "--resume" in caught.value.__notes__[0]
    assert [path.name for path in tmp_path.iterdir() if not path.name.startswith(".")] == []
    aws.clear()
    again = audit_organization(take_up(request_of(tmp_path, resume=True), as_of_given=True), lambda *_: None)
    assert aws.calls()["iam:GetAccountPasswordPolicy"] == 2
    assert json.loads((again.pack / "manifest.json").read_bytes())["collection"]["resumed"] == ["2026-11-02T06:00:00Z"]
    assert [item["kind"] for item in again.document["notices"]].count("resumed") == 1
    inside = {name: data for name, data in files(again.pack).items() if name.startswith("accounts/")}
    assert inside == {name: data for name, data in here.items() if name.startswith("accounts/")}
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


@pytest.mark.parametrize("entered_anew", [False, True])
def test_a_run_that_goes_on_hands_on_what_was_read_before(aws: Simulator, tmp_path: Path, entered_anew: bool) -> None:
    """Otherwise packs of accounts that were finished would cite answers which the organization's pack does not have."""
    chosen: dict[str, Any] = {
        "control_ids": ["guardduty-enabled"],
        "include": [story.AUDIT, "210000000004", story.DENIED],
    }

    def interrupt(stage: str, done: int, total: int, note: str = "") -> None:
        del total, note
        if stage == "Audit the accounts" and done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        audit_organization(request_of(tmp_path, **chosen), interrupt)
    aws.clear()
    if entered_anew:
        (kept,) = tmp_path.glob(".unfinished-*/checkpoint/shared.json")
        edited(kept, lambda document: document["entered"].update({story.AUDIT: ""}))
    later = replace(request_of(tmp_path, resume=True, **chosen), now=lambda: AS_OF + timedelta(minutes=7))
    pack = audit_organization(take_up(later, as_of_given=True), lambda *_: None).pack
    assert aws.calls()["guardduty:ListDetectors"] == (4 if entered_anew else 1), "the administrator, and each account"
    assert aws.calls().get("guardduty:ListMembers", 0) == (1 if entered_anew else 0)
    report = verify_pack(pack, Demands(at=AS_OF, handed_on=recheck_handed_on, replay=replay_any))
    assert report.findings == ()
    assert report.outcome("handed-on") is Outcome.PASS
    asked = {item["operation"] for item in json.loads((pack / "evidence/calls.json").read_bytes())}
    assert "ListMembers" in asked, "requests of both parts are told"

"""A run over the simulated organization: every kind of account, one pack, and nobody lost from it."""

import csv
import json
import shutil
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from auditor.base.errors import CollectionError, UsageError
from auditor.base.period import parse_period
from auditor.cli.documents import text_of
from auditor.cli.history import _about, _missing
from auditor.cli.organization import _tell_lost, document_of
from auditor.config import Config
from auditor.org.replaying import replay_any
from auditor.org.running import Organized, audit_organization
from auditor.org.standing import _newest, standing_organization
from auditor.render.about import Branding
from auditor.render.organization import Stated, screen, tables, values_of
from auditor.render.pages import page
from auditor.run import Request
from auditor.run.chronicle import chronicle
from auditor.run.standing import Standing
from auditor.seal.pack import Sealing, reseal_pack
from auditor.seal.report import Outcome, VerifyReport
from auditor.seal.signer import load_signer, make_identity
from auditor.seal.verify import Demands, verify_pack
from auditor.simulator import Simulator
from auditor.simulator.worlds import organization as story
from tests.published import validator

pytestmark = pytest.mark.simulator

AS_OF = datetime(2026, 11, 2, 6, tzinfo=UTC)
CONTROLS = ["iam-password-min-length", "s3-deny-insecure-transport", "iam-user-console-mfa", "account-security-contact"]


def organized(out: Path, **settings: Any) -> Organized:
    given: dict[str, Any] = {
        "org": True,
        "external_id": story.EXTERNAL_ID,
        "control_ids": CONTROLS,
        "regions": ["eu-central-1"],
        "formats": ["html", "csv"],
        "period": "2026-10",
        "out": str(out),
        "limits": {"accounts": 1},
        **settings,
    }
    request = Request(Config.model_validate(given), AS_OF, now=lambda: AS_OF, salt=b"salt" * 8)
    return audit_organization(request, lambda *_: None)


def test_a_history_reads_it_as_the_packs_of_its_accounts(made: Organized) -> None:
    found = chronicle(made.pack.parent, now=datetime(2026, 11, 20, tzinfo=UTC), checked=AS_OF)
    inside = {folder.name for folder in (made.pack / "accounts").iterdir()}
    assert found.broken == ()
    assert found.history.known == inside
    assert [(item.pack_id, item.members) for item in found.joined] == [(made.pack_id, len(inside))]
    assert all(line.months[0].label == "2026-10" for line in found.history.accounts)
    assert found.joined[0].lost == (story.REFUSES,)
    assert _missing(found, "2026-10", ()) == (story.REFUSES,), "who refused has no pack, and is not forgotten for it"
    assert _missing(found, "2026-10", ("210000000004",)) == ()
    assert set(_missing(found, "2026-11", ())) == inside


def test_an_account_that_is_listed_is_not_taken_for_a_misspelt_one(made: Organized) -> None:
    found = chronicle(made.pack.parent, now=datetime(2026, 11, 20, tzinfo=UTC), checked=AS_OF)
    assert _about(story.REFUSES, found) == "its organization lists it, and it could not be assessed"
    assert _about("210000000004", found) == ""
    assert _about("21000000004", found).startswith("did you mean 21000000000")


@pytest.mark.parametrize(("external_id", "told"), [("", True), (story.EXTERNAL_ID, False)])
def test_an_external_id_that_nobody_gave_is_named_where_a_role_is_denied(
    made: Organized, capsys: pytest.CaptureFixture[str], external_id: str, told: bool
) -> None:
    _tell_lost(made.document, Config.model_validate({"org": True, "external_id": external_id}))
    assert ("no external id was given" in capsys.readouterr().err) == told


def verified(pack: Path, *, replay: bool = False) -> VerifyReport:
    return verify_pack(pack, Demands(at=AS_OF, replay=replay_any if replay else None))


def follows(pack: Path) -> bool:
    """Say whether all follows when it is derived again; whether the rules are those of a release is not asked."""
    report = verified(pack, replay=True)
    return not report.findings and report.outcome("replay") is Outcome.PASS


def by_id(document: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    return {row["id"]: row for row in document["accounts"]}


def test_every_kind_of_account_is_in_the_table(made: Organized) -> None:
    sums = made.document["reconciliation"]
    assert {name: sums[name] for name in ("listed", "assessed", "refused", "not_active", "excluded", "missing")} == {
        "listed": 12, "assessed": 7, "refused": 1, "not_active": 4, "excluded": 0, "missing": 0
    }  # fmt: skip
    rows = by_id(made.document)
    assert (rows[story.REFUSES]["standing"], rows[story.REFUSES]["code"]) == ("refused", "AccessDenied")
    assert "sts:AssumeRole" in rows[story.REFUSES]["reason"]
    assert {row["state"] for row in rows.values() if row["standing"] == "not_active"} == {
        "PENDING_ACTIVATION", "SUSPENDED", "PENDING_CLOSURE", "CLOSED"
    }  # fmt: skip
    assert rows[story.JOINED]["joined_in_period"]
    assert f"(since {rows[story.JOINED]['joined']}" in (made.pack / "report.html").read_text()
    assert rows[story.MANAGEMENT]["management"]
    assert rows[story.DENIED]["result"]["causes"] == [{"calls": 1, "error": "AccessDenied"}]
    assert any("210000000007" in notice["text"] for notice in made.document["notices"]), "it stands on the cover"


def test_a_refused_account_is_no_pass(made: Organized) -> None:
    assert made.code == 1, "criteria that are not met go before accounts that are not known"
    assert not made.document["reconciliation"]["whole"]


def test_the_pack_holds_and_follows_from_its_accounts(made: Organized) -> None:
    assert follows(made.pack)
    manifest = json.loads((made.pack / "manifest.json").read_bytes())
    assert [item["account"] for item in manifest["account_packs"]] == [
        row["id"] for row in made.document["accounts"] if row["standing"] == "assessed"
    ]


def test_the_codes_of_accounts_are_those_of_single_runs(made: Organized) -> None:
    from auditor.model import Severity
    from auditor.pack.outcome import exit_code
    from auditor.run.judging import judge, open_rules

    for row in made.document["accounts"]:
        if row["result"]:
            folder = made.pack / row["result"]["pack"]["folder"]
            results = judge(folder / "evidence", open_rules(folder / "rules"))
            assert row["result"]["exit_code"] == exit_code(results, fail_on=Severity.INFORMATIONAL)


def test_the_tables_name_every_account(made: Organized) -> None:
    rows = list(csv.reader((made.pack / "results/accounts.csv").read_text().splitlines()))
    assert [row[0] for row in rows[1:]] == [item["id"] for item in made.document["accounts"]]
    matrix = list(csv.reader((made.pack / "results/matrix.csv").read_text().splitlines()))
    assert len(matrix) == 1 + len(CONTROLS)
    assert set(matrix[1][3:]) <= {"PASS", "FAIL", "NOT_ASSESSED", "NOT_APPLICABLE", "MANUAL", "WAIVED"}


def test_no_secret_is_in_the_pack(made: Organized) -> None:
    for path in made.pack.rglob("*"):
        if path.is_file():
            data = path.read_bytes()
            assert story.EXTERNAL_ID.encode() not in data, path
            assert b"simulated-session-token" not in data, path


def _drop_member(pack: Path) -> None:
    shutil.rmtree(pack / "accounts/210000000004")


def _swap_results(pack: Path) -> None:
    shutil.copyfile(
        pack / "accounts/210000000002/results/results.json", pack / "accounts/210000000004/results/results.json"
    )


def _plant_member(pack: Path) -> None:
    shutil.copytree(pack / "accounts/210000000004", pack / "accounts/999999999999")


def _forget_in_order(pack: Path) -> None:
    order = json.loads((pack / "evidence/accounts.json").read_bytes())
    order["accounts"] = [item for item in order["accounts"] if item["id"] != story.REFUSES]
    (pack / "evidence/accounts.json").write_text(json.dumps(order))


@pytest.mark.parametrize("attack", [_drop_member, _swap_results, _plant_member, _forget_in_order])
@pytest.mark.parametrize("resealed", [False, True])
def test_no_account_can_be_taken_out_or_put_in(
    made: Organized, tmp_path: Path, attack: Callable[[Path], None], resealed: bool
) -> None:
    pack = tmp_path / "pack"
    shutil.copytree(made.pack, pack)
    attack(pack)
    if resealed:
        _describe_anew(pack)
    assert verified(pack).verdict == "fail"


def _describe_anew(pack: Path) -> None:
    """Do what a forger would: write the manifest and the checksums to fit."""
    import hashlib

    from auditor.base.canonical import canonical_json

    manifest = json.loads((pack / "manifest.json").read_bytes())
    kept = []
    for entry in manifest["files"]:
        path = pack / entry["path"]
        if path.is_file():
            data = path.read_bytes()
            kept.append({**entry, "sha256": hashlib.sha256(data).hexdigest(), "size": len(data)})
    (pack / "manifest.json").write_bytes(canonical_json({**manifest, "files": kept}))
    reseal_pack(pack)


def _without_the_refused(document: dict[str, Any]) -> None:
    document["accounts"] = [row for row in document["accounts"] if row["id"] != story.REFUSES]


def _one_cell_met(document: dict[str, Any]) -> None:
    row = next(row for row in document["controls"] if "F" in row["cells"])
    row["cells"] = row["cells"].replace("F", "P", 1)


@pytest.mark.parametrize("sources", [None, "ab" * 32], ids=["this-build", "unknown-build"])
@pytest.mark.parametrize("change", [_without_the_refused, _one_cell_met])
def test_a_forged_roll_up_does_not_follow(
    made: Organized, tmp_path: Path, change: Callable[[dict[str, Any]], None], sources: str | None
) -> None:
    """Change the results, and make everything fit, whoever is named as the maker: deriving it again shows it."""
    from auditor.base.canonical import canonical_json, sha256_hex

    pack = tmp_path / "pack"
    shutil.copytree(made.pack, pack)
    document = json.loads((pack / "results/results.json").read_bytes())
    change(document)
    data = canonical_json(document)
    (pack / "results/results.json").write_bytes(data)
    manifest = json.loads((pack / "manifest.json").read_bytes())
    manifest["results_sha256"] = sha256_hex(data)
    manifest["tool"]["sources_sha256"] = sources or manifest["tool"]["sources_sha256"]
    (pack / "manifest.json").write_bytes(canonical_json(manifest))
    _describe_anew(pack)
    told = verify_pack(pack, Demands(at=AS_OF))
    pages = {item.path for item in told.findings}
    assert pages == {"report.html"}, "without deriving again, only the page shows it"
    again = replay_any(pack)
    assert any(item.path == "results/results.json" for item in again.differences)


def test_filters_choose_and_say_why(group: Simulator, tmp_path: Path) -> None:
    made = organized(
        tmp_path, include=["ou:/workloads", story.AUDIT], exclude=["tag:team=payments", "tag:stage=nowhere"],
        control_ids=CONTROLS[:1],
    )  # fmt: skip
    rows = by_id(made.document)
    assert [name for name, row in rows.items() if row["standing"] == "assessed"] == [
        story.AUDIT, "210000000004", "210000000005"
    ]  # fmt: skip
    assert rows[story.JOINED]["reason"] == "excluded by tag:team=payments"
    assert rows[story.MANAGEMENT]["reason"] == f"not included by ou:/workloads, {story.AUDIT}"
    assert made.document["unmatched_filters"] == ["tag:stage=nowhere"]
    assert group.calls()["organizations:ListAccounts"] == 1
    assert follows(made.pack)


def test_accounts_named_one_by_one_need_no_organization(group: Simulator, tmp_path: Path) -> None:
    made = organized(tmp_path, org=False, accounts=["210000000004", story.REFUSES], control_ids=CONTROLS[:1], zip=True)
    assert {name: row["standing"] for name, row in by_id(made.document).items()} == {
        "210000000004": "assessed", story.REFUSES: "refused"
    }  # fmt: skip
    assert "organizations:ListAccounts" not in group.calls()
    assert made.zip is not None
    assert verified(made.zip).verdict == "pass"


def test_nobody_there_is_not_a_pass(group: Simulator, tmp_path: Path) -> None:
    group.deny("sts:AssumeRole")
    made = organized(tmp_path, include=["210000000004"], control_ids=CONTROLS[:1])
    assert made.code == 3
    assert made.document["reconciliation"]["refused"] == 1
    assert follows(made.pack)
    found = chronicle(made.pack.parent, now=datetime(2026, 11, 20, tzinfo=UTC), checked=AS_OF)
    assert (found.broken, _missing(found, "2026-10", ())) == ((), ("210000000004",))


def test_an_account_whose_audit_ends_is_missing(group: Simulator, tmp_path: Path) -> None:
    group.fault("sts:GetCallerIdentity", "access-denied", times=None)
    with pytest.raises(CollectionError, match="who we are"):
        organized(tmp_path)
    group.clear()
    made = organized(tmp_path, include=["210000000004"], control_ids=CONTROLS[:1], regions=["ap-south-2"])
    row = by_id(made.document)["210000000004"]
    assert (row["standing"], made.code) == ("missing", 3)
    assert "ap-south-2" in row["reason"]
    assert any("lost on the way" in notice["text"] for notice in made.document["notices"])


def test_the_list_that_cannot_be_had_ends_the_run(group: Simulator, tmp_path: Path) -> None:
    group.deny("organizations:ListAccounts")
    with pytest.raises(CollectionError, match="cannot tell which accounts there are"):
        organized(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_who_left_is_noticed_by_the_next_run(group: Simulator, made: Organized, tmp_path: Path) -> None:
    before = tmp_path / story.ID / "2026-09" / made.pack.name
    shutil.copytree(made.pack, before)
    document = json.loads((before / "results/results.json").read_bytes())
    document["accounts"].append({**document["accounts"][0], "id": story.LEFT, "name": "sold-brand"})
    from auditor.base.canonical import canonical_json, sha256_hex

    data = canonical_json(document)
    (before / "results/results.json").write_bytes(data)
    manifest = json.loads((before / "manifest.json").read_bytes())
    manifest["scope"]["as_of"] = "2026-10-02T06:00:00Z"
    (before / "manifest.json").write_bytes(canonical_json({**manifest, "results_sha256": sha256_hex(data)}))
    after = organized(tmp_path, include=["210000000004"], control_ids=CONTROLS[:1])
    assert [item["id"] for item in after.document["left"]] == [story.LEFT]
    assert story.LEFT in (after.pack / "report.html").read_text()


def _topic(group: Simulator) -> str:
    import boto3

    sns = boto3.Session(region_name="eu-central-1").client("sns", endpoint_url=group.endpoint)
    return str(sns.create_topic(Name="audits")["TopicArn"])


def test_one_notice_is_sent_and_a_complete_pack_is_not_made_twice(group: Simulator, tmp_path: Path) -> None:
    topic = _topic(group)
    settings: dict[str, Any] = {
        "include": ["210000000004"], "control_ids": CONTROLS[:1], "notify": [f"sns:{topic}"], "formats": ["html"]
    }  # fmt: skip
    made = organized(tmp_path, **settings)
    assert [(item.target, bool(item.error)) for item in made.told] == [(f"sns:{topic}", False)]
    assert group.calls()["sns:Publish"] == 1
    there = _standing(tmp_path, **settings)
    assert there is not None
    assert (there.pack_id, there.code) == (made.pack_id, made.code)
    assert _standing(tmp_path, **{**settings, "include": ["210000000005"]}) is None
    assert _standing(tmp_path, **{**settings, "control_ids": CONTROLS[:2]}) is None
    assert _standing(tmp_path, **{**settings, "period": "2026-09"}) is None
    (made.pack / "report.html").write_text("forged")
    assert _standing(tmp_path, **settings) is None


def _standing(out: Path, **settings: Any) -> Standing | None:
    config = Config.model_validate(
        {"org": True, "regions": ["eu-central-1"], "period": "2026-10", "out": str(out), **settings}
    )
    request = Request(config, AS_OF, now=lambda: AS_OF)
    return standing_organization(config, request.period, request.now, lambda *_: None)


def test_a_pack_in_which_an_account_was_refused_is_not_complete(made: Organized) -> None:
    assert not made.document["reconciliation"]["whole"]
    told: list[str] = []
    config = Config.model_validate({"org": True, "period": "2026-10", "out": str(made.pack.parents[2])})
    request = Request(config, AS_OF, now=lambda: AS_OF)
    assert _newest(made.pack.parents[1], request.period, config, lambda words, *_: told.append(words)) is None
    assert told == [f"Passed over {made.pack.name}: an account was refused or lost"]


@pytest.mark.parametrize(
    "settings",
    [
        {"baseline": "x.json"}, {"baseline": "s3://packs/a"}, {"accept_new_controls": True}, {"org": False},
        {"account": "111122223333"}, {"baseline": "x", "update_baseline": True},
    ],
)  # fmt: skip
def test_settings_of_a_single_run_are_refused(tmp_path: Path, settings: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        organized(tmp_path, **settings)


@pytest.mark.parametrize("number", [7, 700, 3000])
def test_the_paper_report_is_bounded_however_many_accounts_there_are(made: Organized, number: int) -> None:
    rows = [row for row in made.document["accounts"] if row["result"]]
    refused = [row for row in made.document["accounts"] if row["standing"] == "refused"]
    times = number // 7
    document = {
        **made.document,
        "accounts": [{**row, "id": f"{at:012d}"} for at, row in enumerate(rows * times)] + refused * times,
        "controls": [{**item, "cells": item["cells"] * times} for item in made.document["controls"]],
    }
    stated = Stated("0" * 64, "report", Branding(), "auditor")
    text = page("organization_paper.html", **values_of(document, stated, "pdf"), created="2026-11-02T06:00:00Z")
    matrix = text.partition('<table class="cells')[2].partition("</table>")[0].count("<tr")
    assert text.count("<tr") - matrix < 700, "some 60 rows a page"
    assert matrix <= 601, "lines, and their head"
    if number > 600:
        assert f"and {number // 7 * 7 - 520:,} more accounts" in text, "what is left out is said"


HOSTILE = (
    '=HYPERLINK("http://x.example","y")',
    "+1",
    "@SUM(A1)",
    "\t=1",
    "-2+3",
    "<script>alert(1)</script>",
    '\U0001f4a9,"',
)
"""Names that accounts may have: formulas, mark-up, what no font has, what a table's form is made of."""


def test_hostile_names_stay_text_in_tables_and_on_the_page(made: Organized) -> None:
    document = json.loads(json.dumps(made.document))
    for row, name in zip(document["accounts"], HOSTILE, strict=False):
        row["name"] = name
    for data in tables(document).values():
        rows = list(csv.reader(data.decode("utf-8-sig").splitlines()))
        assert len({len(row) for row in rows}) == 1, "no name begins a cell of its own"
        assert not [cell for row in rows for cell in row if cell[:1] in ("=", "+", "-", "@", "\t") and cell != "-"]
    about = Stated("0" * 64, "x", Branding(), "auditor", "")
    text = screen(document, about).decode()
    assert "<script>alert(1)" not in text
    assert "&lt;script&gt;alert(1)" in text


def test_the_roll_up_is_of_its_published_form(made: Organized) -> None:
    schema = json.loads((Path(__file__).parents[2] / "docs/schemas/organization.schema.json").read_bytes())
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(json.loads((made.pack / "results/results.json").read_bytes()), schema)
    single = json.loads((Path(__file__).parents[2] / "docs/schemas/results.schema.json").read_bytes())
    jsonschema.validate(json.loads((made.pack / "accounts/210000000004/results/results.json").read_bytes()), single)


def test_what_the_command_prints_is_of_its_published_form(made: Organized) -> None:
    document = document_of(made, parse_period("2026-10", AS_OF))
    validator("run-organization.schema.json").validate(json.loads(text_of(document)))
    assert {row["standing"] for row in document["accounts"]} >= {"assessed", "refused"}


def test_one_signature_is_over_every_account(made: Organized, tmp_path: Path) -> None:
    pack, at = tmp_path / "pack", datetime.now(UTC)
    shutil.copytree(made.pack, pack)
    identity = make_identity("Northwind audit", at=at, days=30, use_rsa=False, password=None)
    for name, data in (("key.pem", identity.key), ("certificate.pem", identity.certificate)):
        (tmp_path / name).write_bytes(data)
    signer = load_signer(tmp_path / "key.pem", at=at, certificate_file=tmp_path / "certificate.pem", password=bytes)
    reseal_pack(pack, Sealing(signer, at, sign_pdf=False))
    demands = Demands(at=at, trusted=signer.chain[:1])
    assert verify_pack(pack, demands).verdict == "pass"
    results = pack / "accounts/210000000004/results/results.json"
    results.write_bytes(results.read_bytes().replace(b"FAIL", b"PASS"))
    assert verify_pack(pack, demands).verdict == "fail"

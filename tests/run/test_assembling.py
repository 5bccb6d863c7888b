"""Months as one pack: nothing that was not seen counts as held, no failure is lost, and all of it can be derived."""

import json
import shutil
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jsonschema
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.base.period import parse_period
from auditor.cli import auditor
from auditor.model import State
from auditor.pack.assembly import Assembly
from auditor.pack.history import WORST
from auditor.pack.members import Member
from auditor.pack.months import Asked, MonthPack
from auditor.pack.runs import read_run
from auditor.run.reassembling import recheck_members
from auditor.seal.pack import Sealing
from auditor.seal.report import Rechecked
from auditor.seal.signer import load_signer
from tests.cli.test_compare import answer
from tests.pack.judgements import control, result
from tests.run.months import month_pack, months_results
from tests.seal.packs import ACCOUNT, NOW, rewrite_sums
from tools.schemas import FOLDER

FORM = jsonschema.Draft202012Validator(json.loads((FOLDER / "assembly.schema.json").read_text()))
"""Whatever is assembled here fits the published schema."""

P, F, N = State.PASS, State.FAIL, State.NOT_ASSESSED
YEAR = [f"2026-{number:02}" for number in range(1, 13)]


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, dict[str, Any]]:
    code, out, _ = answer(capsys, "assemble", *map(str, arguments), "--json", "--as-of", "2027-01-10T00:00:00Z")
    return code, json.loads(out)


def states(document: dict[str, Any]) -> dict[str, str]:
    return {item["id"]: item["state"] for item in document["controls"]}


def results_of(made: dict[str, Any]) -> dict[str, Any]:
    document: dict[str, Any] = orjson.loads((Path(made["pack"]) / "results" / "results.json").read_bytes())
    FORM.validate(document)
    return document


@pytest.fixture(scope="module")
def packs(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Three months: all well, one failing in the middle, and a control that came later."""
    folder = tmp_path_factory.mktemp("packs")
    return [
        month_pack(folder / "a", "2026-01", {"k": P, "l": P}),
        month_pack(folder / "b", "2026-02", {"k": P, "l": F}),
        month_pack(folder / "c", "2026-03", {"k": P, "l": P, "new": P}),
    ]


@pytest.fixture(scope="module")
def assembled(packs: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("year")
    auditor.main(
        args=["assemble", *map(str, packs), "--out", str(out), "--as-of", "2027-01-10T00:00:00Z", "-q"],
        standalone_mode=False,
    )
    (made,) = out.glob("*/*/*")
    return made


def test_a_control_held_when_it_was_met_in_every_month_that_is_covered(
    packs: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, made = run(capsys, *packs, "--out", tmp_path, "--format", "html")
    document = results_of(made)
    assert (code, states(document)) == (1, {"k": "PASS", "l": "FAIL", "new": "NOT_ASSESSED"})
    population = document["population"]
    assert (population["source"], population["tested"], population["not_assessed"]) == (3, 3, 0)
    (finding,) = document["exceptions"]
    assert (finding["control"], finding["months"], finding["fixed"]) == ("l", ["2026-02"], "2026-04-02T06:00:00Z")
    (held,) = [item for item in document["controls"] if item["id"] == "new"]
    assert [cell["why"] for cell in held["months"]] == ["not asked for in this month"] * 2 + [""]


def test_a_missing_month_and_one_with_a_hole_are_never_held(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    month_pack(tmp_path / "in" / "a", "2026-01", {"k": P}, holes=1)
    month_pack(tmp_path / "in" / "c", "2026-03", {"k": P})
    month_pack(tmp_path / "in" / "d", "2026-04", {"k": P}, holes=None)
    month_pack(tmp_path / "in" / "e", "2026-05", {"k": P}, days_late=-3)
    code, made = run(capsys, tmp_path / "in", "--out", tmp_path / "out", "--format", "html")
    (held,) = results_of(made)["controls"]
    assert (code, held["state"], held["met"], held["met_at_test"]) == (3, "NOT_ASSESSED", 1, 4)
    assert [(cell["state"], cell["why"]) for cell in held["months"]] == [
        ("NOT_ASSESSED", "1 of 744 Region-hours of the month are not verified"),
        ("NOT_ASSESSED", "there is no pack of this month"),
        ("PASS", ""),
        ("NOT_ASSESSED", "no hour of the month is verified by a trail's digests"),
        ("NOT_ASSESSED", "the month had not ended when its pack was made"),
    ]
    assert [month["marks"] for month in made["months"]] == [
        ["incomplete"], ["missing"], ["done"], ["incomplete"], ["incomplete"]
    ]  # fmt: skip


def test_a_failure_of_an_earlier_run_of_a_month_is_not_lost(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first = month_pack(tmp_path / "first", "2026-01", {"k": F})
    second = month_pack(tmp_path / "second", "2026-01", {"k": P}, days_late=9)
    code, said = run(capsys, first, second, "--out", tmp_path / "out")
    assert (code, "2 packs of 2026-01" in said["error"]) == (2, True)
    code, made = run(capsys, first, second, "--out", tmp_path / "out", "--take", "newest", "--format", "html")
    (held,) = results_of(made)["controls"]
    assert (code, held["state"], held["months"][0]["pack"]) == (1, "FAIL", "2026-01-first")
    assert made["months"][0]["marks"] == ["repeated"]


@pytest.mark.parametrize("given_first", ["whole", "cut"])
def test_a_run_that_was_cut_short_does_not_speak_for_a_month(
    given_first: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    gaps = [{"error": "ExpiredTokenException"}]
    there = {
        "whole": month_pack(tmp_path / "whole", "2026-01", {"k": P}),
        "cut": month_pack(tmp_path / "cut", "2026-01", {"k": N}, days_late=2, gaps=gaps),
    }
    ordered = sorted(there, key=lambda name: name != given_first)
    code, made = run(capsys, *(there[name] for name in ordered), "--out", tmp_path / "o", "--take", "newest")
    assert (code, results_of(made)["population"]["months"][0]["taken"]) == (0, "2026-01-whole")


@pytest.mark.parametrize(
    ("second", "code", "says"),
    [
        pytest.param({"account": "444455556666"}, 2, "assemble the packs of one account", id="another-account"),
        pytest.param({"month": "2026-02-10"}, 2, "no whole month", id="no-month"),
        pytest.param({"changed": True}, 4, "does not hold", id="changed"),
    ],
)
def test_packs_that_do_not_belong_together_are_refused(
    second: dict[str, Any], code: int, says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first = month_pack(tmp_path / "a", "2026-01", {"k": P})
    other = month_pack(tmp_path / "b", second.get("month", "2026-02"), {"k": P}, account=second.get("account", ACCOUNT))
    if "changed" in second:
        (other / "results" / "controls.csv").write_text("id\r\n")
    answered, said = run(capsys, first, other, "--out", tmp_path / "out")
    assert (answered, says in f"{said['error']} {said['hint']}") == (code, True)
    assert not list((tmp_path / "out").glob("*"))


def test_a_period_can_be_asked_for_and_what_lies_outside_is_named(
    packs: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, made = run(capsys, *packs, "--out", tmp_path, "--period", "2026-02", "--format", "html")
    assert (code, made["left_out"]) == (1, ["2026-01-a", "2026-03-c"])
    code, said = run(capsys, *packs, "--out", tmp_path, "--period", "2026-02-10/2026-03-31")
    assert (code, "only in part" in said["error"]) == (2, True)


def test_the_sample_is_the_one_that_anybody_draws(
    packs: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, made = run(
        capsys, *packs, "--out", tmp_path, "--period", "2026", "--sample", 3, "--seed", "4711", "--format", "html"
    )
    script = "for m in %s; do echo \"$(printf '%%s' '4711|%s|'$m | sha256sum | cut -c-64) $m\"; done | sort | head -3"
    drawn = subprocess.run(
        ["bash", "-c", script % (" ".join(YEAR), ACCOUNT)], capture_output=True, text=True, check=True
    ).stdout.split()
    assert made["sample"] == sorted(drawn[1::2])
    assert run(capsys, *packs, "--out", tmp_path, "--sample", 3)[0] == 2


# --- verified again ---------------------------------------------------------------------------------------------------


def verify(capsys: pytest.CaptureFixture[str], pack: Path, *arguments: object) -> tuple[int, str]:
    code, out, _ = answer(capsys, "verify", str(pack), "--replay", *map(str, arguments))
    return code, out


def test_an_assembled_pack_follows_from_its_members(
    assembled: Path, packs: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    code, said = verify(capsys, assembled, "--members", packs[0].parent)
    assert (code, "all 3 members were found and hold" in said) == (4, False)  # evidence of these packs is too small
    code, said = verify(capsys, assembled)
    assert (code, "The pack holds." in said) == (0, True), said
    entry = orjson.loads((assembled / "manifest.json").read_bytes())["members"][0]
    assert (entry["accounts"], entry["period"]["label"], entry["signature"]) == ([ACCOUNT], "2026-01", None)
    answered, out, _ = answer(capsys, "verify", str(assembled), "--members", str(packs[0].parent))
    assert (answered, "all 3 members were found and hold" in out) == (0, True), out


def test_a_member_that_cannot_be_found_is_told_apart_from_one_that_does_not_hold(
    assembled: Path, packs: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(packs[0], tmp_path / "a")
    code, out, _ = answer(capsys, "verify", str(assembled), "--members", str(tmp_path))
    assert (code, "2026-02-b is not below" in out) == (3, True), out
    for pack in packs[1:]:
        shutil.copytree(pack, tmp_path / pack.name)
    (tmp_path / "c" / "results" / "controls.csv").write_text("id\r\n")
    code, out, _ = answer(capsys, "verify", str(assembled), "--members", str(tmp_path))
    assert (code, "does not hold" in out) == (4, True), out


def test_a_member_that_holds_but_cannot_be_settled_is_no_member_that_was_derived_again(
    assembled: Path, packs: list[Path]
) -> None:
    """As one that another build made: its words stay open, and so does the whole."""
    found = recheck_members(packs[0].parent, lambda _: Rechecked("", open=("another build made it",)))(assembled)
    assert found.differences == ()
    ids = [entry["id"] for entry in orjson.loads((assembled / "manifest.json").read_bytes())["members"]]
    assert list(found.open) == [f"{name}: replay: another build made it" for name in ids]


def forge(path: str, old: bytes, new: bytes) -> Any:
    def change(pack: Path) -> None:
        (file,) = pack.glob(path)
        data = file.read_bytes()
        assert old in data
        file.write_bytes(data.replace(old, new))

    return change


FORGERIES = [
    pytest.param(forge("results/results.json", b'"state":"FAIL"', b'"state":"PASS"'), id="results"),
    pytest.param(forge("members/2026-02-b/results/results.json", b'"FAIL"', b'"PASS"'), id="a-members-results"),
    pytest.param(forge("rules/assembly.json", b'"newest":false', b'"newest":true'), id="what-was-asked"),
    pytest.param(forge("report.html", b"2026-02", b"2026-12"), id="the-page"),
    pytest.param(lambda pack: shutil.rmtree(pack / "members" / "2026-02-b"), id="a-member-less"),
    pytest.param(lambda pack: (pack / "members" / "2026-02-b" / "more").write_text("x"), id="a-file-more"),
    pytest.param(lambda pack: (pack / "notes.txt").write_text("x"), id="a-file-beside"),
]


@pytest.mark.parametrize("change", FORGERIES)
def test_what_does_not_follow_from_the_members_is_found(
    change: Any, assembled: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pack = tmp_path / "pack"
    shutil.copytree(assembled, pack)
    change(pack)
    rewrite_sums(pack)
    assert verify(capsys, pack)[0] == 4


def test_a_history_tells_an_assembled_pack_from_those_of_months(
    packs: list[Path], assembled: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for pack in (*packs, assembled):
        shutil.copytree(pack, tmp_path / pack.name)
    code, out, _ = answer(capsys, "history", str(tmp_path), "--no-html", "--json", "--as-of", "2026-04-05T00:00:00Z")
    document = json.loads(out)
    assert (code, [item["members"] for item in document["joined"]]) == (0, [3])
    (line,) = document["accounts"]
    assert [month["marks"] for month in line["months"]] == [["done"]] * 3


def test_the_commands_of_the_pack_check_it_by_hand(assembled: Path, tmp_path: Path) -> None:
    pack = tmp_path / "pack"
    shutil.copytree(assembled, pack)
    blocks = (pack / "VERIFY.md").read_text().split("```sh\n")[1:]
    script = "set -e\n" + "\n".join(block.partition("```")[0] for block in blocks)
    done = subprocess.run(["bash", "-c", script], cwd=pack, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    forge("members/2026-02-b/results/results.json", b'"FAIL"', b'"PASS"')(pack)
    last = blocks[-1].partition("```")[0]
    assert subprocess.run(["bash", "-c", last], cwd=pack, capture_output=True, check=False).returncode != 0


def test_settings_of_runs_do_not_stand_in_the_way_of_pages(
    packs: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "auditor.yaml").write_text("formats: [html, sarif, csv]\n")
    code, made = run(capsys, *packs, "--out", tmp_path, "--config", tmp_path / "auditor.yaml")
    pages = {path.name for path in Path(made["pack"]).glob("report.*")}
    assert (code, pages) == (1, {"report.html"})
    assert run(capsys, *packs, "--out", tmp_path, "--format", "sarif")[0] == 2


@pytest.fixture(scope="module")
def signed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two signed months, joined and signed."""
    folder = tmp_path_factory.mktemp("signed")
    words = ["keygen", "--name", "Example Ltd", "--out", str(folder), "--no-password", "--json"]
    auditor.main(args=words, standalone_mode=False)
    key, certificate = folder / "signing-key.pem", folder / "signing-certificate.pem"
    now = datetime.now(UTC)
    sealing = Sealing(load_signer(key, at=now, certificate_file=certificate), now)
    for month in YEAR[:2]:
        month_pack(folder / "packs" / month, month, {"k": P}, sealing=sealing)
    (folder / "auditor.yaml").write_text(f"signing: {{key: {key}, certificate: {certificate}}}\n")
    auditor.main(
        args=["assemble", str(folder / "packs"), "--out", str(folder / "year"), "-q", "--format", "html",
              "--config", str(folder / "auditor.yaml"), "--as-of", "2026-11-10T00:00:00Z"],
        standalone_mode=False,
    )  # fmt: skip
    return folder


def test_who_signed_each_month_stands_in_manifest_and_page(signed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (pack,) = (signed / "year").glob("*/*/*")
    for member in orjson.loads((pack / "manifest.json").read_bytes())["members"]:
        assert member["signature"]["subject"] == "CN=Example Ltd"
    assert "signed by" in (pack / "report.html").read_text()
    trusted = ("--trust", str(signed / "signing-certificate.pem"))
    code, out, _ = answer(capsys, "verify", str(pack), *trusted, "--members", str(signed))
    assert (code, "all 2 members were found and hold" in out) == (0, True), out
    assert answer(capsys, "verify", str(pack), "--replay", "--trust", str(signed / "signing-certificate.pem"))[0] == 0


@pytest.mark.parametrize("what", ["swapped", "taken-off", "damaged"])
def test_a_members_signature_that_does_not_hold_is_found_by_us_and_by_hand(
    what: str, signed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (made,) = (signed / "year").glob("*/*/*")
    pack = tmp_path / "pack"
    shutil.copytree(made, pack)
    first, second = sorted((pack / "members").iterdir())
    target = first / "SHA256SUMS.p7s"
    if what == "taken-off":
        target.unlink()
    elif what == "swapped":
        target.write_bytes((second / "SHA256SUMS.p7s").read_bytes())
    else:
        target.write_bytes(target.read_bytes()[:-1] + b"\x00")
    assert answer(capsys, "verify", str(pack), "--replay", "--json")[0] == 4
    rewrite_sums(pack)
    (pack / "SHA256SUMS.p7s").unlink()
    assert answer(capsys, "verify", str(pack), "--replay", "--json")[0] == 4
    if what != "taken-off":
        block = (pack / "VERIFY.md").read_text().split("```sh\n")[-1].partition("```")[0]
        assert subprocess.run(["bash", "-c", block], cwd=pack, capture_output=True, check=False).returncode != 0


def test_hostile_names_are_shown_and_do_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    name = "<script>x</script>\u202e\x00\x1b[31m"
    controls = [control("k", result(resource=name, reason=name, region="eu-central-1"), state="FAIL", title=name)]
    waivers = [{"control": "k", "justification": name, "owner": name, "expires": name}]
    month_pack(tmp_path / "in" / "a", "2026-01", {"k": F}, controls=controls, waivers=waivers)
    code, made = run(capsys, tmp_path / "in", "--out", tmp_path / "out", "--entity", "A <b> & \u202e", "--title", "<i>")
    assert code == 1
    page = (Path(made["pack"]) / "report.html").read_text()
    assert "<script>x" not in page
    assert "\u202e" not in page
    paper = subprocess.run(
        ["pdftotext", "-layout", Path(made["pack"]) / "report.pdf", "-"], capture_output=True, text=True, check=True
    ).stdout
    assert "[U+202E]" in paper
    assert verify(capsys, Path(made["pack"]))[0] == 0


# --- the law ----------------------------------------------------------------------------------------------------------

MONTHS = st.lists(
    st.lists(
        st.tuples(st.sampled_from([*State, None]), st.sampled_from([0, 0, 3, None])), max_size=3
    ),
    min_size=1,
    max_size=4,
)  # fmt: skip
"""For each month its runs: the state of the control, None where it was not asked, and unverified hours."""


def assembly_of(months: Sequence[Sequence[tuple[State | None, int | None]]]) -> Assembly:
    period = parse_period(f"2026-01-01/{parse_period(YEAR[len(months) - 1], NOW).end:%Y-%m-%dT%H:%M:%SZ}", NOW)
    packs = []
    for label, runs in zip(YEAR, months, strict=False):
        for number, (state, holes) in enumerate(runs):
            span = parse_period(label, NOW)
            as_of = span.end.replace(day=2 + number)
            document = months_results(label, {"k": state} if state else {}, as_of=as_of, holes=holes)
            manifest = {
                "pack_id": f"{label}-{number}",
                "period": span.document(),
                "scope": {"as_of": f"{as_of:%Y-%m-%dT%H:%M:%SZ}", "skipped": []},
                "ruleset": {"sha256": "rules"},
                "tool": {"version": "1"},
            }
            run = read_run("here", manifest, document, "pass", "0" * 64)
            member = Member(run.pack_id, run.accounts, span, as_of, "0" * 64)
            packs.append(MonthPack(run, member))
    return Assembly(Asked(period, NOW, "Example", "Months", newest=True), tuple(packs))


@given(MONTHS.filter(lambda months: any(state for runs in months for state, _ in runs)))
def test_a_gap_never_counts_as_held_and_a_failure_is_never_lost(
    months: list[list[tuple[State | None, int | None]]],
) -> None:
    assembly = assembly_of(months)
    (found,) = assembly.controls
    state = State(found["state"])
    failed = [any(each is F for each, _ in runs) for runs in months]
    assert (state is F) is any(failed)
    assert [cell["state"] == "FAIL" for cell in found["months"]] == failed
    whole = all(any(each in {P, State.NOT_APPLICABLE} and holes == 0 for each, holes in runs) for runs in months)
    if state in {P, State.NOT_APPLICABLE}:
        assert whole
        assert assembly.exit_code == 0
    assert state is next(each for each in WORST if each.value in {cell["state"] for cell in found["months"]})
    population = assembly.document()["population"]
    assert population["source"] == population["tested"] + population["not_assessed"] == len(months)


def test_hours_count_once_however_many_trails_record_them() -> None:
    runs = assembly_of([[(P, 0)]])
    (pack,) = runs.packs
    twice = {**pack.run.document, "integrity": [*pack.run.document["integrity"]] * 2}
    doubled = MonthPack(
        read_run(
            "here",
            {
                "pack_id": "x",
                "period": parse_period("2026-01", NOW).document(),
                "scope": {"as_of": "2026-02-02T00:00:00Z", "skipped": []},
                "ruleset": {"sha256": "r"},
                "tool": {"version": "1"},
            },
            twice,
            "pass",
            "0" * 64,
        ),
        pack.member,
    )
    (month,) = Assembly(runs.asked, (doubled,)).months
    assert month.hours == (744, 744)


def test_a_rule_that_changed_is_named_with_its_month(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    month_pack(tmp_path / "in" / "a", "2026-01", {"k": P})
    changed = [control("k", result("PASS", region="eu-central-1"), criterion="Another.", state="PASS")]
    month_pack(tmp_path / "in" / "b", "2026-02", {"k": P}, controls=changed)
    _, made = run(capsys, tmp_path / "in", "--out", tmp_path / "out", "--format", "html")
    (held,) = results_of(made)["controls"]
    assert held["rules_changed"] == ["2026-02"]

"""A pack that an earlier program made: what this one proves of it, and what no forger gains by naming that program."""

import re
import shutil
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from auditor import __version__
from auditor.base.errors import AuditorError
from auditor.catalog.released import Release, fingerprints
from auditor.pack.substance import substantial
from auditor.run import open_catalog
from auditor.run.building import this_build
from auditor.run.maker import Kind, maker_of
from auditor.run.replaying import replay
from auditor.run.stating import contradiction
from auditor.seal.manifest import Tool
from auditor.seal.report import Outcome, VerifyReport
from auditor.seal.verify import Demands, verify_pack
from tests.seal.forging import AT, edited, made_pack, reseal, rewrite_manifest

THEN = Path(__file__).parent / "packs" / "made-by-80918c9.zip"
RESULTS = "results/results.json"

Known = Mapping[str, Release]


@pytest.fixture
def pack(tmp_path: Path) -> Path:
    """A pack of an earlier program, to be changed at will."""
    with ZipFile(THEN) as archive:
        archive.extractall(tmp_path / "pack")
    return tmp_path / "pack"


@pytest.fixture
def known(pack: Path) -> Known:
    """That program, as a later one knows a release."""
    tool = orjson.loads((pack / "manifest.json").read_bytes())["tool"]
    rules = fingerprints(open_catalog(folder=pack / "rules/controls"))
    return {tool["version"]: Release(tool["sources_sha256"], rules)}


def verified(pack: Path, known: Known | None = None) -> VerifyReport:
    return verify_pack(pack, Demands(at=AT, replay=partial(replay, known=known)))


def said(report: VerifyReport, name: str = "replay") -> str:
    return next(check.message for check in report.checks if check.name == name)


def forged(pack: Path, change: Callable[[Any], object], name: str = RESULTS) -> None:
    """Change a file as whoever prepares a pack can: every hash is right afterwards."""
    edited(pack / name, change)
    counts = orjson.loads((pack / RESULTS).read_bytes())["counts"]
    rewrite_manifest(pack, lambda it: it.update(counts=counts))
    reseal(pack)


def met(document: Any) -> None:
    """Let one unmet criterion be met, with the sums right."""
    (control,) = [item for item in document["controls"] if item["id"] == "own-bucket-names"]
    control["state"] = "PASS"
    for result in control["results"]:
        result["state"] = "PASS"
    document["counts"] |= {"PASS": document["counts"]["PASS"] + 1, "FAIL": document["counts"]["FAIL"] - 1}


def test_what_an_earlier_release_made_is_proved_as_far_as_this_program_can(pack: Path, known: Known) -> None:
    report = verified(pack, known)
    assert (report.exit_code, report.findings) == (3, ())
    assert report.outcome("rules") is Outcome.PASS
    words = said(report)
    assert words.startswith(f"the pack names auditor {__version__}, an earlier release, as its maker")
    assert "reaches the same verdicts, counts and populations" in words
    assert "results/results.json has other words or details" in words


def test_a_build_that_nobody_knows_is_called_that(pack: Path) -> None:
    report = verified(pack)
    assert (report.exit_code, report.findings) == (3, ())
    assert "a build as its maker that is not known here: auditor 0.1.0 (sources 4df68a7d1340)" in said(report)
    assert "earlier" not in said(report)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        pytest.param(met, "/controls[own-bucket-names]/state was PASS, is FAIL", id="verdict"),
        pytest.param(lambda it: it.update(headline="All met."), "/headline was All met., is ", id="headline"),
        pytest.param(lambda it: it["controls"].pop(), "] was nothing, is {", id="control-left-out"),
        pytest.param(lambda it: it["controls"][0].update(severity="low"), "/severity was low, is ", id="severity"),
        pytest.param(lambda it: it["rules"].update(fail_on="high"), "/rules/fail_on was high, is ", id="fail-on"),
        pytest.param(lambda it: it["run"].update(as_of="2026-12-01T00:00:00Z"), "/run/as_of was 2026-12", id="as-of"),
        pytest.param(lambda it: it.update(waivers=[{"control": "iam-root-mfa"}]), "/waivers", id="waiver"),
        pytest.param(lambda it: it.pop("integrity"), "/integrity was nothing, is []", id="part-left-out"),
    ],
)
def test_whoever_names_an_unknown_build_changes_no_verdict_unseen(
    pack: Path, known: Known, change: Callable[[Any], object], words: str
) -> None:
    forged(pack, change)
    report = verified(pack)
    assert report.exit_code == 4
    assert any(words in finding.message for finding in report.findings if finding.path == RESULTS), report.findings
    # Where the release is known that the pack names, it may have judged so: open, by name, and never held for proved.
    report = verified(pack, known)
    assert report.outcome("replay") is Outcome.UNKNOWN or report.exit_code == 4
    assert words.partition(" was ")[0] in said(report) + str(report.findings)


@pytest.mark.parametrize(
    ("part", "was", "now", "path"),
    [
        pytest.param(
            "continuity",
            [{"lines": [{"kind": "logging", "stretches": [{"condition": "held", "end": "2026-11-01"}]}]}],
            [{"lines": [{"kind": "logging", "stretches": [{"condition": "broken", "end": "2026-11-01"}]}]}],
            "/condition",
            id="a setting was off",
        ),
        pytest.param("letters", {"F": "PASS"}, {"F": "FAIL"}, "/letters/F", id="letters"),
        pytest.param("left", [], [{"id": "210000000099", "since": "left"}], "/left[210000000099]", id="left"),
        pytest.param("fired", [{"told": "somebody"}], [{"told": "nobody"}], "/told", id="nobody was told"),
        pytest.param("opened", [{"ports": [8080]}], [{"ports": [22]}], "/ports/0", id="figures in a list"),
        pytest.param(
            "controls",
            [{"id": "a", "requirements": {"pci-dss-4.0.1": ["1.1"]}}],
            [{"id": "a", "requirements": {}}],
            "/requirements/pci-dss-4.0.1",
            id="requirements",
        ),
        pytest.param(
            "controls",
            [{"id": "a", "results": [{"state": "WAIVED", "waiver": {"expires": "2030-01-01"}}]}],
            [{"id": "a", "results": [{"state": "WAIVED", "waiver": {"expires": "2026-12-01"}}]}],
            "/waiver/expires",
            id="waiver of a result",
        ),
    ],
)
def test_what_happened_is_no_matter_of_words(part: str, was: Any, now: Any, path: str) -> None:
    (change,) = substantial({part: was}, {part: now})
    assert path in change.path


def test_notices_are_derived_by_whoever_checks() -> None:
    assert not substantial({"notices": []}, {"notices": [{"kind": "simulated", "text": "Simulated.", "count": 1}]})


def test_a_release_is_not_the_maker_of_a_pack_with_other_rules(pack: Path, known: Known) -> None:
    for path in (pack / "rules/controls").glob("*.yaml"):
        path.write_text(path.read_text().replace("severity: critical", "severity: low"))
    rewrite_manifest(pack)
    reseal(pack)
    report = verified(pack, known)
    assert report.exit_code == 4
    words = "control iam-root-mfa is not as auditor 0.1.0 shipped it, which manifest.json names as the maker"
    assert words in {finding.message for finding in report.findings if finding.path == "rules"}


def test_texts_and_tables_follow_from_the_results_as_they_are(pack: Path, known: Known) -> None:
    table = pack / "results/results.csv"
    table.write_text(table.read_text().replace("Owners of", "All owners of").replace("bucket", "pail"))
    rewrite_manifest(pack)
    reseal(pack)
    words = said(verified(pack, known))
    assert "results/results.csv (the figures are the same, the text is not:" in words
    table.write_text(table.read_text().replace("FAIL", "PASS"))
    rewrite_manifest(pack)
    reseal(pack)
    (finding,) = verified(pack, known).findings
    assert (finding.path, "contradicts the results" in finding.message) == ("results/results.csv", True)


def test_a_statement_about_another_outcome_is_no_matter_of_words(pack: Path, known: Known) -> None:
    path = pack / "trust/attestation.intoto.json"
    edited(path, lambda it: it["predicate"].update(result="PASSED", failedTests=[]))
    sums = pack / "SHA256SUMS"
    before = [line for line in sums.read_text().splitlines(keepends=True) if not line.endswith(f"{path.name}\n")]
    from auditor.base.canonical import sha256_hex

    after = [*before, f"{sha256_hex(path.read_bytes())}  trust/{path.name}\n"]
    sums.write_text("".join(sorted(after, key=lambda line: line[66:])))
    assert {finding.path for finding in verified(pack, known).findings} == {f"trust/{path.name}"}


EVERY = "html,csv,results-csv,sarif,junit,ocsf,asff,oscal,markdown,xlsx,codequality"


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A pack of every format, said to be made by a build that nobody knows."""
    made = made_pack(tmp_path_factory.mktemp("elsewhere") / "pack", formats=EVERY)
    rewrite_manifest(made, lambda it: it["tool"].update(sources_sha256="ab" * 32))
    reseal(made)
    return made


def rewritten(pack: Path, name: str, was: str, now: str) -> VerifyReport:
    """Change texts of a file, also one inside a workbook, seal again, and verify."""
    path, inner = pack / name.partition("!")[0], name.partition("!")[2]
    if inner:
        with ZipFile(path) as archive:
            parts = {one: archive.read(one) for one in archive.namelist()}
        parts[inner] = changed_text(parts[inner], was, now)
        with ZipFile(path, "w") as archive:
            for one, data in parts.items():
                archive.writestr(one, data)
    else:
        path.write_bytes(changed_text(path.read_bytes(), was, now))
    rewrite_manifest(pack)
    reseal(pack)
    return verified(pack)


def changed_text(data: bytes, was: str, now: str) -> bytes:
    text, count = re.subn(was, now, data.decode(), count=1, flags=re.DOTALL)
    assert count == 1
    return text.encode()


BUCKET = "own-bucket-names"


@pytest.mark.parametrize(
    ("name", "was", "now"),
    [
        pytest.param("results/controls.csv", f"({BUCKET}[^\n]*?),FAIL,", r"\1,PASS,", id="csv"),
        pytest.param("results/results.csv", r",stuff,FAIL,", ",stuff,PASS,", id="results-csv"),
        pytest.param("results/results.csv", f"{BUCKET}[^\n]*,stuff,FAIL[^\n]*\n", "", id="a-row-left-out"),
        pytest.param("results/results.sarif", '"kind":"fail"', '"kind":"pass"', id="sarif"),
        pytest.param("results/results.sarif", '"level":"error"', '"level":"none"', id="sarif-level"),
        pytest.param("results/results-all.sarif", '"kind":"fail"', '"kind":"notApplicable"', id="sarif-all"),
        pytest.param("results/junit.xml", r'name="stuff"([^>]*)>.*?</testcase>', r'name="stuff"\1/>', id="junit"),
        pytest.param("results/ocsf.ndjson", '"status":"Fail"', '"status":"Pass"', id="ocsf"),
        pytest.param("results/asff.json", '"Status":"FAILED"', '"Status":"PASSED"', id="asff"),
        pytest.param("results/asff/0001.json", '"Status":"NEW"', '"Status":"SUPPRESSED"', id="asff-workflow"),
        pytest.param("results/oscal-ar.json", '"not-satisfied"', '"satisfied"', id="oscal"),
        pytest.param("results/oscal-ar.json", '"value":"FAIL"', '"value":"PASS"', id="oscal-observation"),
        pytest.param("results/summary.md", r"\| 2 \| 0 \|", "| 0 | 0 |", id="markdown"),
        pytest.param(
            "results/gl-code-quality-report.json", r"\{[^{]*\{[^{]*\{[^}]*\}[^}]*\}[^}]*\},", "", id="quality"
        ),
        pytest.param("report.html", '<tr data-state="FAIL"', '<tr data-state="PASS"', id="page-attribute"),
        pytest.param("report.html", r'(<tr data-state="FAIL".*?) s-fail">[^<]*<', r'\1 s-pass">Pass<', id="page-text"),
        pytest.param(
            "report.html",
            r'(<tr data-state="FAIL".*?) s-fail">[^<]*<',
            r'\1 s-pass"><b>Pass</b><',
            id="page-text-in-a-tag",
        ),
        pytest.param(
            "report.html", r'(<tr data-state="FAIL".*?)class="state s-fail"', r'\1class="s-pass"', id="page-mark"
        ),
        pytest.param("results/evidence.xlsx!xl/worksheets/sheet3.xml", "<t>FAIL</t>", "<t>PASS</t>", id="workbook"),
    ],
)
def test_a_file_that_contradicts_the_results_beside_it_is_found_whoever_made_the_pack(
    elsewhere: Path, tmp_path: Path, name: str, was: str, now: str
) -> None:
    pack = Path(shutil.copytree(elsewhere, tmp_path / "pack"))
    report = rewritten(pack, name, was, now)
    assert report.exit_code == 4
    (finding,) = report.findings
    assert finding.path == name.partition("!")[0]
    assert finding.message.startswith("contradicts the results of the same pack: it says ")


@pytest.mark.parametrize(
    ("name", "was", "now"),
    [
        pytest.param("results/results.csv", "The root user", "This root user", id="reason"),
        pytest.param("results/results.csv", "^([^\n]*),reason,", r"\1,why,", id="head"),
        pytest.param("results/results.csv", "^([^\n]*),state,", r"\1,verdict,", id="head-of-the-states"),
        pytest.param("results/summary.md", "## Not met", "## Unmet", id="heading"),
        pytest.param("results/ocsf.ndjson", '"severity_id":4', '"severity_id":3', id="scale"),
        pytest.param("report.html", "</style>", " </style>", id="look"),
        pytest.param("results/junit.xml", 'timestamp="2', 'timestamp="3', id="time"),
    ],
)
def test_what_another_build_says_otherwise_is_no_contradiction(
    elsewhere: Path, tmp_path: Path, name: str, was: str, now: str
) -> None:
    pack = Path(shutil.copytree(elsewhere, tmp_path / "pack"))
    report = rewritten(pack, name, was, now)
    assert (report.exit_code, report.findings) == (3, ())
    assert name in said(report)


@given(
    st.sampled_from(["a.csv", "a.sarif", "a.xml", "a.ndjson", "a.json", "a.md", "a.html", "a.xlsx"]),
    st.binary(max_size=80),
)
def test_any_bytes_state_something_or_nothing(name: str, data: bytes) -> None:
    assert contradiction(name, data, data) == ""


def test_only_a_hash_that_is_known_makes_an_earlier_release() -> None:
    ours, then = this_build(drawn=False), Release("ab" * 32, {})
    assert maker_of(ours).kind is Kind.THIS
    kinds = {
        name: maker_of(Tool("auditor", version, sources_sha256=sources), {"0.0.9": then, "0.0.8": Release("", {})}).kind
        for name, version, sources in (
            ("by its hash", "0.0.9", "ab" * 32),
            ("other sources", "0.0.9", "cd" * 32),
            ("no sources", "0.0.9", ""),
            ("not released", "0.0.8", ""),
            ("the hash of another version", "0.0.7", "ab" * 32),
            ("our version, other sources", ours.version, "ab" * 32),
        )
    }
    assert [name for name, kind in kinds.items() if kind is Kind.EARLIER] == ["by its hash"]
    assert set(kinds.values()) == {Kind.EARLIER, Kind.UNKNOWN}
    assert "auditor 0.0.7 (sources not named)" in maker_of(Tool("auditor", "0.0.7")).words


def test_a_pack_of_this_build_that_follows_needs_no_name(tmp_path: Path) -> None:
    made = made_pack(tmp_path / "pack", formats="csv")
    rewrite_manifest(made, lambda it: it["tool"].update(sources_sha256="ab" * 32))
    reseal(made)
    report = verified(made)
    assert (report.exit_code, report.outcome("replay")) == (0, Outcome.PASS), "byte for byte, whoever is named"


junk = st.none() | st.booleans() | st.integers(-3, 3) | st.text(max_size=3) | st.lists(st.none(), max_size=2)


@pytest.fixture(scope="module")
def archived(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("then")
    with ZipFile(THEN) as archive:
        archive.extractall(folder)
    return folder


@settings(max_examples=30, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_results_of_any_form_end_in_an_answer(archived: Path, tmp_path_factory: Any, data: st.DataObject) -> None:
    """Whoever names another build has his results read; they may be anything."""
    pack = tmp_path_factory.mktemp("junk") / "pack"
    shutil.copytree(archived, pack)
    document = orjson.loads((pack / RESULTS).read_bytes())
    place: Any = document
    while True:
        keys = sorted(place) if isinstance(place, dict) else range(len(place))
        key = data.draw(st.sampled_from(keys))
        if not isinstance(place[key], (dict, list)) or not place[key] or data.draw(st.booleans()):
            break
        place = place[key]
    if data.draw(st.booleans()):
        del place[key]
    else:
        place[key] = data.draw(junk)
    (pack / RESULTS).write_bytes(orjson.dumps(document))
    try:
        found = replay(pack)
    except AuditorError:
        return
    assert found.open or found.differences

"""What ``auditor verify --replay`` says of a pack that was changed and sealed anew; the table is in forgeries.py.

Whoever prepares a pack can hash and seal everything anew; what he cannot do is make it follow from the evidence.
"""

import html
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest

from auditor.catalog.released import fingerprints, standing
from auditor.run import open_catalog, open_rules
from auditor.seal.report import Check, Outcome, VerifyReport
from tests.seal.forgeries import all_met_in_results, text
from tests.seal.forging import copy, edited, made_pack, reseal, rewrite_manifest, verified
from tests.seal.packs import rewrite_sums


@pytest.fixture(scope="module")
def pack(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A pack with every page but the PDF, which takes a second to draw. Not to be changed."""
    return made_pack(tmp_path_factory.mktemp("forgeries") / "pack")


def test_an_untouched_pack_follows_from_its_evidence_and_rules(pack: Path) -> None:
    report = verified(pack)
    assert [check.message for check in report.checks if check.outcome is not Outcome.PASS] == [
        "the pack is not signed; compare its manifest hash with one that you got by another way",
        "there is no report.pdf",
    ]
    assert report.outcome("replay") is Outcome.PASS
    assert any(item.startswith("evidence/raw") for item in report.not_derivable)


def _manifest(**values: Any) -> Callable[[dict[str, Any]], object]:
    return lambda document: document.update(values)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        pytest.param(_manifest(entity="Other Ltd"), "/entity was Other Ltd, is Example Ltd", id="entity"),
        pytest.param(_manifest(frameworks=["cis-aws-7.0.0"]), "/frameworks/0 was cis-aws-7.0.0, is own", id="editions"),
        pytest.param(lambda it: it["period"].update(start="2025-01-01T00:00:00Z"), "/period/start was 2", id="start"),
        pytest.param(lambda it: it["completeness"].update(planned=9, done=9), "/completeness/done was 9, is 2", id="n"),
        pytest.param(lambda it: it["collection"].update(session_name="x"), "/session_name was x, is ", id="session"),
        pytest.param(_manifest(pack_id="20261102T030000Z-00000000"), "/pack_id was 20261102T030000Z-0", id="pack-id"),
        pytest.param(_manifest(retention={"until": "2036"}), "/retention/until was 2036, is nothing", id="retention"),
        pytest.param(lambda it: it["ruleset"].update(version="9.9"), "/ruleset/version was 9.9, is ", id="ruleset"),
        pytest.param(lambda it: it["files"][1].update(role="guide"), "/role was guide, is scope", id="role"),
        pytest.param(lambda it: it["redaction"].append({"evidence_ref": "EV-0001", "items": 1}), "/redaction", id="r"),
    ],
)
def test_every_field_of_the_manifest_follows_from_something(
    pack: Path, tmp_path: Path, change: Callable[[dict[str, Any]], object], words: str
) -> None:
    forged = copy(pack, tmp_path / "pack")
    rewrite_manifest(forged, change)
    reseal(forged)
    report = verified(forged)
    assert report.exit_code == 4
    assert any(words in item.message for item in report.findings if item.path == "manifest.json"), report.findings


def test_a_manifest_with_a_member_that_there_is_not_is_refused_without_deriving(pack: Path, tmp_path: Path) -> None:
    for change in (_manifest(opinion="unqualified"), lambda it: it["scope"].update(opinion="unqualified")):
        forged = copy(pack, tmp_path / str(id(change)))
        rewrite_manifest(forged, change)
        with pytest.raises(Exception, match="opinion"):
            reseal(forged)


def test_a_file_that_no_run_writes_is_named_although_it_is_listed(pack: Path, tmp_path: Path) -> None:
    forged = copy(pack, tmp_path / "pack")
    (forged / "evidence" / "opinion.txt").write_text("All is well.")
    entry = {"path": "evidence/opinion.txt", "sha256": "0" * 64, "size": 1, "media_type": "text/plain"}
    further = {**entry, "role": "scope", "evidence_ref": ""}
    rewrite_manifest(forged, lambda it: it.update(files=sorted([*it["files"], further], key=lambda x: x["path"])))
    rewrite_manifest(forged)
    reseal(forged)
    assert verified(forged, again=False).exit_code == 0
    (finding,) = verified(forged).findings
    assert (finding.path, finding.message) == ("evidence/opinion.txt", "is a file that no run writes")


def test_a_statement_of_another_pack_and_a_guide_of_ones_own_are_named(pack: Path, tmp_path: Path) -> None:
    for name, change in (
        ("VERIFY.md", lambda path: path.write_text("# Check this pack\n\nIt holds.\n")),
        (
            "trust/attestation.intoto.json",
            lambda path: edited(path, lambda it: it["predicate"].update(result="PASSED", failedTests=[])),
        ),
    ):
        forged = copy(pack, tmp_path / name.replace("/", "-"))
        change(forged / name)
        rewrite_sums(forged)
        assert verified(forged, again=False).exit_code == 0
        assert {finding.path for finding in verified(forged).findings} == {name}


def _built_elsewhere(pack: Path) -> None:
    """Let manifest and page name another build."""
    sources = orjson.loads((pack / "manifest.json").read_bytes())["tool"]["sources_sha256"]
    page = pack / "report.html"
    page.write_text(page.read_text().replace(sources[:12], "ab" * 6))
    rewrite_manifest(pack, lambda it: it["tool"].update(sources_sha256="ab" * 32))


def test_a_pack_that_names_another_build_is_never_called_the_same(pack: Path, tmp_path: Path) -> None:
    """Naming another build excuses no byte: what is not the same then stays open, and is told."""
    forged = copy(pack, tmp_path / "pack")
    text("report.html", "</body>", "<script>alert(1)</script></body>")(forged)
    _built_elsewhere(forged)
    reseal(forged)
    report = verified(forged)
    assert report.exit_code == 3
    message = _check(report, "replay").message
    assert "a build as its maker that is not known here: auditor 0.1.0 (sources abab" in message
    assert "not as this program makes it: report.html (text and figures are the same" in message


@pytest.mark.parametrize(
    ("was", "now", "words"),
    [
        pytest.param("not met", "met", "the figures are the same, the text is not: 'met", id="text"),
        pytest.param("111122223333", "999922223333", "text and figures (1111", id="figure"),
        pytest.param("</body>", "<style>p{}</style></body>", "text and figures are the same", id="neither"),
    ],
)
def test_what_another_build_drew_is_compared_by_text_and_figures(
    pack: Path, tmp_path: Path, was: str, now: str, words: str
) -> None:
    forged = copy(pack, tmp_path / "pack")
    text("report.html", was, now)(forged)
    _built_elsewhere(forged)
    reseal(forged)
    report = verified(forged)
    assert report.exit_code == 3
    assert words in _check(report, "replay").message


def test_the_pdf_is_compared_below_its_signature(tmp_path: Path) -> None:
    made = made_pack(tmp_path / "pack", formats="pdf")
    assert verified(made).exit_code == 0
    data = (made / "report.pdf").read_bytes()
    (made / "report.pdf").write_bytes(
        data.replace(b"/Producer", b"/Producex", 1) if b"/Producer" in data else data + b" "
    )
    reseal(made)
    report = verified(made)
    assert [finding.path for finding in report.findings] == ["report.pdf"]


def test_differences_are_printed_as_path_was_is(pack: Path, tmp_path: Path) -> None:
    forged = copy(pack, tmp_path / "pack")
    all_met_in_results(forged)
    rewrite_manifest(forged)
    reseal(forged)
    messages = [item.message for item in verified(forged).findings if item.path == "results/results.json"]
    place = "/controls[own-bucket-names]/results[111122223333 global stuff]"
    assert f"{place}/state was PASS, is FAIL" in messages
    assert orjson.loads((forged / "results/results.json").read_bytes())["counts"]["FAIL"] > 0


def _words_of(page: Path) -> str:
    return re.sub(r"<wbr/?>|</?span[^>]*>", "", html.unescape(page.read_text()))


def _check(report: VerifyReport, name: str) -> Check:
    return next(check for check in report.checks if check.name == name)


def test_rules_are_told_apart_as_released_changed_and_the_users_own(pack: Path) -> None:
    check = _check(verified(pack), "rules")
    assert check.outcome is Outcome.PASS
    assert check.message.startswith("2 rules are as released in ")
    assert "2 are the user's own: control own-bucket-names, framework own-rules" in check.message
    document = orjson.loads((pack / "results/results.json").read_bytes())
    assert [item["kind"] for item in document["notices"]] == ["own-rules"]
    assert "own rules: control own-bucket-names" in _words_of(pack / "report.html")


@pytest.mark.parametrize(
    ("was", "now", "words"),
    [
        pytest.param("severity: critical", "severity: low", "/severity was critical, is low", id="severity"),
        pytest.param("check: account.root_mfa", "check: account.support_role", "/check was ", id="check"),
    ],
)
def test_a_weakened_rule_under_its_old_title_is_visible_everywhere(
    pack: Path, tmp_path: Path, was: str, now: str, words: str
) -> None:
    """By the preparer, whose own program says of its rules that they are as released, or does not say so."""
    forged = copy(pack, tmp_path / "pack")
    (path,) = [path for path in (forged / "rules/controls").glob("*.yaml") if "id: iam-root-mfa\n" in path.read_text()]
    before, entry, after = re.split(r"(?s)(- id: iam-root-mfa\n.*?)(?=\n- id: )", path.read_text(), maxsplit=1)
    if was not in entry:
        was = next(line.strip() for line in entry.splitlines() if line.strip().startswith(was.partition(":")[0] + ":"))
        now = f"{was.partition(':')[0]}: iam.support_role"
    path.write_text(before + entry.replace(was, now) + after)
    rewrite_manifest(forged)
    reseal(forged)
    report = verified(forged)
    check = _check(report, "rules")
    assert check.outcome is Outcome.UNKNOWN
    assert "control iam-root-mfa is not as released" in check.message
    assert words in check.message
    assert any("/rules/changed" in finding.message for finding in report.findings)
    assert "Rules that are not as released: control iam-root-mfa." in report.notices


def test_the_users_own_build_says_itself_that_it_changed_a_rule(pack: Path, tmp_path: Path) -> None:
    """An honest program with changed rules: nothing is forged, and the cover, the results and verify name it."""
    catalog = open_rules(pack / "rules").catalog
    changed = {
        **catalog.written,
        "control iam-root-mfa": {**catalog.written["control iam-root-mfa"], "why": "Because."},
    }
    rules = standing(replace(catalog, written=changed), ["control iam-root-mfa", "framework own-rules"])
    assert (rules.changed, rules.own, rules.version) == (("control iam-root-mfa",), ("framework own-rules",), "")


def test_what_an_older_release_shipped_is_as_released() -> None:
    catalog = open_catalog()
    names = ["control iam-root-mfa", "operations"]
    now = fingerprints(catalog)
    known = {"0.0.1": {**now, "operations": "0" * 64}, "0.0.2": now, "0.0.3": {"operations": "1" * 64}}
    assert standing(catalog, names, known).version == "0.0.2"
    assert standing(catalog, names, {"0.0.1": known["0.0.1"]}).changed == ("operations",)


@pytest.mark.parametrize(
    ("scope", "kind"),
    [
        pytest.param({"as_of": "2026-11-02T02:00:00Z"}, "as-of", id="before"),
        pytest.param({"as_of": "2026-11-05T02:00:00Z"}, "as-of", id="after"),
        pytest.param({"period": {"start": "2026-11-01T00:00:00Z", "end": "2026-12-01T00:00:00Z", "tz": "UTC",
                                 "label": "2026-11"}}, "period-open", id="period-not-ended"),
        pytest.param({"started": "2026-11-02T03:01:00Z"}, "collected-outside", id="answers-before-the-collection"),
        pytest.param({"endpoints": ["http://127.0.0.1"]}, "simulated", id="simulated"),
        pytest.param({"endpoints": ["https://proxy.example:8443"]}, "endpoint", id="endpoint"),
    ],
)  # fmt: skip
def test_times_and_places_that_need_a_word_are_named_on_the_cover_and_by_verify(
    tmp_path: Path, scope: dict[str, Any], kind: str
) -> None:
    made = made_pack(tmp_path / "pack", formats="html", scope=scope)
    document = orjson.loads((made / "results/results.json").read_bytes())
    (text,) = [item["text"] for item in document["notices"] if item["kind"] == kind]
    assert text in verified(made).notices
    page = (made / "report.html").read_text()
    assert text in _words_of(made / "report.html")
    assert ("Simulated account</strong>" in page) == (kind == "simulated")


@pytest.mark.parametrize(
    ("member", "named"),
    [
        pytest.param({"CreateDate": "2027-01-01T00:00:00Z"}, True, id="made-after-the-answer"),
        pytest.param({"PasswordLastUsed": "2026-11-03T00:00:00.123000+00:00"}, True, id="used-after-the-answer"),
        pytest.param({"CreateDate": "2026-11-02T03:02:00Z"}, False, id="clocks-apart"),
        pytest.param({"NotAfter": "2027-01-01T00:00:00Z"}, False, id="what-ends-later"),
        pytest.param({"LastWords": "2027 was said"}, False, id="no-time"),
    ],
)
def test_what_happened_after_the_answer_was_given_is_named(tmp_path: Path, member: dict[str, str], named: bool) -> None:
    made = made_pack(tmp_path / "pack", formats="html", buckets=[{"Name": "team-a", **member}])
    texts = [item["text"] for item in orjson.loads((made / "results/results.json").read_bytes())["notices"]]
    told = [text for text in texts if text.startswith("Answers that tell of what happened after they were given: EV-")]
    assert bool(told) == named
    assert set(told) <= set(verified(made).notices)


INNER = re.compile(
    r"not enough values|too many values|unpack|NoneType|subscriptable|unexpected keyword|positional|__init__|"
    r"has no attribute|object is not|validator failed|[A-Z]\w+Error\b|Traceback|must be str"
)


@pytest.mark.parametrize("text", ["null", "[]", "{}", "7", '{"schema":"auditor.manifest/1"}', "[[", ""])
@pytest.mark.parametrize(
    "name",
    ["manifest.json", "trust/seal.json", "trust/attestation.intoto.json", "results/results.json", "SHA256SUMS",
     "evidence/scope.json", "evidence/meta/EV-0001.json", "rules/request.json", "rules/presentation.json"],
)  # fmt: skip
def test_no_message_speaks_the_interpreters_language(pack: Path, tmp_path: Path, name: str, text: str) -> None:
    forged = copy(pack, tmp_path / "pack")
    (forged / name).write_text(text + "\n")
    if name not in ("manifest.json", "SHA256SUMS"):
        if not name.startswith("trust/") and name != "results/results.json":
            rewrite_manifest(forged)
        rewrite_sums(forged)
    report = verified(forged)
    assert report.exit_code == 4
    said = [*(item.message for item in report.findings), *(item.message for item in report.checks)]
    assert [words for words in said if INNER.search(words)] == []
    assert [item for item in report.findings if item.path and item.message.startswith(item.path)] == []

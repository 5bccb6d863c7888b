"""What both formats have to show, and what no text from an account may do to them."""

import json
import re
from pathlib import Path
from types import SimpleNamespace

import pikepdf
import pytest

from auditor.evidence.answer import CallError
from auditor.render import context, html, pdf
from auditor.render.context import Context
from auditor.render.pages import breakable, options, whole
from auditor.render.register import Library
from auditor.render.sections import CHAPTERS
from tests.render.conftest import text_of
from tests.render.sample import AS_OF, Sample


def test_every_chapter_stands_in_both_formats(screen: str, paper: Path) -> None:
    printed = text_of(paper)
    for anchor, title in CHAPTERS:
        assert f'id="{anchor}"' in screen
        assert title in printed


def test_every_control_has_its_block_and_every_reference_its_line(screen: str, sample: Sample) -> None:
    for control in sample.results["controls"]:
        assert f'id="control-{control["id"]}"' in screen
    for record in sample.evidence.records:
        assert f'id="{record.ref.lower()}"' in screen


def test_every_link_inside_the_page_leads_somewhere(screen: str) -> None:
    anchors = set(re.findall(r' id="([^"]+)"', screen))
    assert set(re.findall(r'href="#([^"]+)"', screen)) <= anchors


def test_the_page_of_one_account_stays_small(screen: str) -> None:
    assert len(screen.encode()) < 3_000_000


def test_no_anchor_stands_twice(screen: str) -> None:
    anchors = re.findall(r' id="([^"]+)"', screen)
    assert len(anchors) == len(set(anchors))


def test_the_page_asks_nobody_for_anything(screen: str) -> None:
    assert "default-src 'none'" in screen
    addresses = re.findall(r"""(?:src|href)\s*=\s*["']?([^"'>\s]+)""", screen)
    assert [item for item in addresses if not item.startswith(("#", "data:", "report.pdf"))] == []
    assert set(re.findall(r"url\(([a-z]+):", screen)) == {"data"}


def test_the_page_leads_to_the_same_control_on_paper(screen: str, sample: Sample, paper: Path) -> None:
    with pikepdf.open(paper) as opened:
        names = {str(name) for name in pikepdf.NameTree(opened.Root.Names.Dests)}
    leads = set(re.findall(r'href="report\.pdf#nameddest=([^"]+)"', screen))
    assert leads == {control["anchor"] for control in sample.results["controls"]}
    assert leads <= names


def test_without_a_pdf_the_page_does_not_lead_to_one(sample: Sample) -> None:
    alone = context.build(sample.results, sample.evidence, manifest_hash="00" * 32, report_id="alone")
    assert "report.pdf" not in html.render(alone).decode("utf-8")


def test_findings_of_other_tools_stand_apart_and_count_nowhere(sample: Sample, screen: str, paper: Path) -> None:
    without = context.build({**sample.results, "imported": []}, sample.evidence, manifest_hash="", report_id="none")
    listed = context.build(sample.results, sample.evidence, manifest_hash="", report_id="some")
    for name in ("tally", "total", "glance", "severities", "findings", "places"):
        assert getattr(without, name) == getattr(listed, name)
    for text in (screen, text_of(paper)):
        assert "Findings of other tools, not judged by Auditor" in text
        assert "prowler-aws-s3_" in text
    alone = html.render(without).decode("utf-8")
    assert "Findings of other tools" not in alone
    assert '<span class="number">13</span> Appendix' in alone


def test_a_requirement_that_calls_for_a_person_says_so(sample: Sample, screen: str) -> None:
    edition = dict(sample.results["frameworks"][0])
    first = edition["requirements"][0]
    edition["requirements"] = [{**first, "assessment": "manual"}, *edition["requirements"][1:]]
    changed = {**sample.results, "frameworks": [edition, *sample.results["frameworks"][1:]]}
    page = html.render(context.build(changed, sample.evidence, manifest_hash="", report_id="by-hand")).decode("utf-8")
    matrix, _, controls = page.partition('id="part-controls"')
    mark = '<span class="small">(Manual)</span>'
    assert matrix.count(mark) == screen.count(mark) + 1
    assert f"{first['id']} (Manual)" in controls


def test_commands_keep_their_lines(sample: Sample, tmp_path: Path) -> None:
    command = "aws ec2 describe-vpcs \\\n    --region REGION\u202e\n"
    failing = [{**item, "remediation": command} for item in sample.results["controls"] if item["state"] == "FAIL"]
    results = {**sample.results, "controls": failing[:1]}
    made = context.build(results, sample.evidence, manifest_hash="", report_id="lines")
    shown = '<span class="nb">describe-vpcs</span> \\\n    <span class="nb">--region</span> REGION[U+202E]</p>'
    assert shown in html.render(made).decode("utf-8")
    path = tmp_path / "lines.pdf"
    path.write_bytes(pdf.render(made))
    assert re.search(r"describe-vpcs \\\n\s+--region REGION", text_of(path))


def test_hostile_names_are_text_in_the_page(hostile: Context) -> None:
    page = html.render(hostile).decode("utf-8")
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "[U+202E]" in page
    assert "\u202e" not in page
    assert "x" * 700 not in page
    assert "first 220 of 10,000 characters" in page


def test_hostile_names_do_not_break_the_layout(hostile: Context, tmp_path: Path) -> None:
    path = tmp_path / "hostile.pdf"
    path.write_bytes(pdf.render(hostile))
    assert "<script>alert(1)</script>" in text_of(path)


def test_the_same_input_gives_the_same_bytes(report: Context, paper: Path) -> None:
    assert html.render(report) == html.render(report)
    assert pdf.render(report) == paper.read_bytes()


@pytest.mark.parametrize("state", ["FAIL", "NOT_ASSESSED", "MANUAL", "WAIVED", "PASS", "NOT_APPLICABLE"])
def test_every_state_is_shown_with_word_and_sign(screen: str, state: str) -> None:
    assert f'data-state="{state}"' in screen


def test_numbers_and_addresses_are_never_broken() -> None:
    assert breakable("4,823 x 1.0000 from 198.51.100.23") == "4,823 x 1.0000 from 198.51.100.23"
    assert breakable("a.b,c/1,5:x.json.gz") == "a.<wbr>b,<wbr>c/<wbr>1,5:<wbr>x.<wbr>json.<wbr>gz"
    assert breakable("http://127.0.0.1/a") == "http://<wbr>127.0.0.1/<wbr>a"
    assert breakable("1.a.,.2") == "1.<wbr>a.<wbr>,<wbr>.<wbr>2"


def test_an_option_of_a_command_is_never_broken() -> None:
    whole = '<span class="nb">{}</span>'.format
    assert options("aws ec2 x --port-range <N>, then --dry-run; a--b") == (
        f"aws ec2 x {whole('--port-range')} &lt;N&gt;, then {whole('--dry-run')}; {whole('a--b')}"
    )


def test_names_are_whole_wherever_they_stand_and_markup_is_not_touched() -> None:
    plain = (
        '<head><title>eu-west-1</title></head><h2 id="a">eu-west-1</h2><svg><text>eu-west-1</text></svg>'
        '<td class="nb">eu-west-1</td><a class="to nb" href="#eu-west-1">cis-aws-5.0.0</a><pre>eu-west-1</pre>'
        "<p>An e-mail of 2026-10-14, well-known to northwind-logs and vpc-0a1b2c3d.</p>"
    )
    assert whole(plain) == plain
    for name in ("eu-central-1", "us-gov-west-1", "cis-aws-5.0.0", "sg-df203578257d93ce6"):
        assert whole(f"<p>In {name}, and ({name}).</p>") == (
            f'<p>In <span class="nb">{name}</span>, and (<span class="nb">{name}</span>).</p>'
        )
    long = "-".join(["name"] * 12) + "-1"
    assert whole(f"<p>{long}</p>") == f"<p>{long}</p>"


def test_the_matrix_says_where_another_edition_asks_for_something_else(sample: Sample) -> None:
    results = json.loads(json.dumps(sample.results))
    control = next(item for item in results["controls"] if item["state"] == "PASS")
    one, other = (edition["id"] for edition in results["frameworks"])
    control["results"] = [
        {**control["results"][0], "state": state, "frameworks": [edition]}
        for state, edition in (("PASS", one), ("FAIL", other))
    ]
    report = context.build(results, sample.evidence, manifest_hash="", report_id="editions")
    told = {
        (edition.id, item.elsewhere)
        for edition in report.frameworks
        for item in edition.requirements
        if item.elsewhere and control["id"] in {link.label for link in item.controls}
    }
    assert (one, f"fail for {other}") in told
    assert "each answer is a result" in report.glance.reconciled


def test_the_summary_says_how_many_manual_results_are_attested(sample: Sample) -> None:
    results = json.loads(json.dumps(sample.results))
    manual = [item for control in results["controls"] for item in control["results"] if item["state"] == "MANUAL"]
    said = {"criterion": "met", "person": "Jane", "date": "2026-10-20", "valid_until": "2027-10-20T00:00:00Z"}
    manual[0]["details"] = {"attestation": {**said, "statement": "It is.", "attachments": []}}
    report = context.build(results, sample.evidence, manifest_hash="", report_id="attested")
    assert [text for text in report.glance.not_looked if text.endswith("; 1 of these results is attested.")]


def test_parameters_are_json_and_absence_is_told_by_its_message(tmp_path: Path) -> None:
    error = CallError("AccessDeniedException", "Macie is not enabled.", "macie2:GetMacieSession")
    record = SimpleNamespace(
        ref="EV-0001",
        call=SimpleNamespace(operation="macie2:GetMacieSession", region="r", parameters=(("names", ["a", "b"]),)),
        account="1",
        principal="p",
        request_ids=(),
        collected_at=AS_OF,
        pages=0,
        items=0,
        sha256="",
        path="",
        absent=True,
        complete=False,
        error=error,
        redactions=(),
    )
    library = Library(SimpleNamespace(records=(record,)), ())  # type: ignore[arg-type]  # nothing is read of it
    item = library.items["EV-0001"]
    assert item.outcome == "no such thing (Macie is not enabled.)"
    assert item.parameters == 'names=["a", "b"]'


def test_controls_without_a_subject_explain_why_results_are_more(sample: Sample, tmp_path: Path) -> None:
    results = json.loads(json.dumps(sample.results))
    for control in results["controls"]:
        control["population"] = {"source": 1, "tested": 1, "excluded": 0, "not_assessed": 0}
        control["results"] = [{**control["results"][0], "frameworks": []}]
    nothing = results["controls"][0]
    nothing["population"] = {**nothing["population"], "source": 0, "tested": 0}
    nothing["state"] = nothing["results"][0]["state"] = "NOT_APPLICABLE"
    report = context.build(results, sample.evidence, manifest_hash="00" * 32, report_id="r")
    assert report.glance.reconciled.endswith("results: 1 control without a subject has one that says so.")
    path = tmp_path / "report.pdf"
    path.write_bytes(pdf.render(report))
    assert "0 of 0 subjects" not in text_of(path)

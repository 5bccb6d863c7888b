"""The list of evidence on paper: nothing is lost when equal answers share a line."""

import re
from collections import defaultdict

from hypothesis import given
from hypothesis import strategies as st

from auditor.render.anchors import Link
from auditor.render.references import Source, lead, shared_places, sources
from auditor.render.register import EvidenceItem

LINE = 122
"""Characters that the width of a page holds."""

REGIONS = ("eu-central-1", "eu-north-1", "ap-northeast-1", "global", "us-gov-west-1")
CONTROLS = tuple(Link(f"control-{name}", name) for name in ("one", "two", "three", "four", "five"))


@st.composite
def items(draw: st.DrawFn) -> EvidenceItem:
    operation = draw(st.sampled_from(("ec2:DescribeVpcs", "iam:ListUsers", "s3:GetBucketAcl")))
    key = draw(st.sampled_from(("", ".0123456789ab", ".ba9876543210")))
    region, account = draw(st.sampled_from(REGIONS)), draw(st.sampled_from(("111122223333", "444455556666")))
    return EvidenceItem(
        ref="",
        operation=operation,
        parameters=f"Bucket={'b' * draw(st.sampled_from((3, 400)))}" if key else "",
        account=account,
        region=region,
        principal="arn:aws:sts::111122223333:assumed-role/AuditorReadOnly/run",
        request_id="r",
        requests=1,
        collected=f"2026-11-02 06:00:0{draw(st.integers(0, 3))} UTC",
        pages=1,
        items=draw(st.sampled_from((0, 1, 1_234_567))),
        sha256=draw(st.sampled_from(("0a" * 32, "1b" * 32))),
        path=f"evidence/raw/{account}/{region}/{operation.replace(':', '.')}{key}.json",
        outcome=draw(st.sampled_from(("answered", "no such thing (NoSuchBucketPolicy)", "AccessDenied"))),
        complete=True,
        absent=False,
        used_by=tuple(draw(st.lists(st.sampled_from(CONTROLS), unique=True))),
        redactions=0,
    )


def numbered(item: EvidenceItem, number: int) -> EvidenceItem:
    return EvidenceItem(**{**{name: getattr(item, name) for name in EvidenceItem.__slots__}, "ref": f"EV-{number:04d}"})


registers = st.lists(items(), min_size=1, max_size=25).map(
    lambda found: [numbered(item, number) for number, item in enumerate(found, start=1)]
)


def told(source: Source) -> dict[str, str]:
    """Map each anchor to its line and to what stands under it."""
    return {anchor: "\n".join((answer.line, *answer.more)) for answer in source.answers for anchor in answer.anchors}


@given(register=registers)
def test_each_file_keeps_its_reference_place_hash_and_parameters(register: list[EvidenceItem]) -> None:
    listed = {anchor: text for source in sources(register) for anchor, text in told(source).items()}
    assert sorted(listed) == sorted(item.anchor for item in register)
    several = len({item.account for item in register}) > 1
    for item in register:
        text = listed[item.anchor]
        outcome = "" if item.outcome == "answered" else item.outcome
        for fact in (
            item.ref,
            item.region,
            item.sha256,
            item.parameters[:90],
            item.account if several else "",
            outcome,
        ):
            assert fact in text
        assert len(text.partition("\n")[0]) <= LINE


@given(register=registers)
def test_only_equal_files_share_a_line(register: list[EvidenceItem]) -> None:
    of = {item.anchor: (item.sha256, item.outcome, item.items) for item in register}
    for source in sources(register):
        told_apart = []
        for answer in source.answers:
            (kind,) = {of[anchor] for anchor in answer.anchors}
            told_apart.append(kind)
        assert len(set(told_apart)) == len(told_apart)


@given(register=registers)
def test_every_control_that_used_a_file_is_named_or_found_where_it_is_said(register: list[EvidenceItem]) -> None:
    users: dict[str, set[Link]] = defaultdict(set)
    for item in register:
        users[item.operation].update(item.used_by)
    named: dict[str, Source] = {}
    for source in sources(register):
        assert set(source.used_by) == users[source.operation]
        if source.same_as:
            earlier = named[source.same_as.anchor]
            assert (earlier.used_by, earlier.same_as) == (source.used_by, None)
        named[source.anchor] = source


@given(register=registers)
def test_links_to_files_that_share_a_line_lead_to_it(register: list[EvidenceItem]) -> None:
    found = sources(register)
    there = {answer.anchors[0] for source in found for answer in source.answers}
    page = "".join(f'<a href="#{item.anchor}" data-page="{item.anchor}">{item.anchor}</a>' for item in register)
    moved = lead(page, shared_places(found))
    assert set(re.findall(r'(?:href="#|data-page=")([^"]+)"', moved)) <= there
    assert re.findall(r">([^<]+)<", moved) == [item.anchor for item in register]

"""What stands beside a control on paper: some evidence for each, and no lines twice."""

from dataclasses import replace

from auditor.model import State
from auditor.render.context import Context
from auditor.render.controls import SERVICES
from auditor.render.excerpt import excerpt
from auditor.render.marks import MARKS
from auditor.render.proofs import proofs
from tests.evaluate.kit import catalog


def test_each_control_with_evidence_shows_some_of_it(report: Context) -> None:
    found = proofs(report.controls)
    for control in report.controls:
        refs = {box.item.ref for box in control.boxes}
        assert bool(found[control.id]) == bool(refs)
        assert {proof.item.ref for proof in found[control.id]} <= refs
        assert len(found[control.id]) <= (1 if control.mark.state in {State.PASS, State.NOT_APPLICABLE} else 2)


def test_the_same_lines_are_shown_once_and_pointed_to_afterwards(report: Context) -> None:
    again = tuple(replace(control, id=f"{control.id}-{n}") for n in range(4) for control in report.controls)
    found = [proof for members in proofs(again).values() for proof in members]
    shown = [(proof.item.ref, proof.excerpt) for proof in found if proof.excerpt]
    assert shown
    assert len(set(shown)) == len(shown)
    anchors: set[str] = set()
    for proof in found:
        assert not proof.shown_at or proof.shown_at in anchors
        anchors |= {proof.anchor} if proof.anchor else set()
    assert any(proof.shown_at for proof in found)


def test_lines_that_no_control_before_has_cited_come_first(report: Context) -> None:
    settled = next(item for item in report.controls if item.mark.state is State.PASS)
    boxes = tuple({box.item.ref: box for item in report.controls for box in item.boxes[:1]}.values())[:2]
    one, other = (replace(settled, id=name, boxes=boxes, kinds=2) for name in ("one", "other"))
    found = proofs((one, other))
    assert [found[name][0].item.ref for name in ("one", "other")] == [box.item.ref for box in boxes]


def test_what_a_failure_rests_on_goes_before_what_only_others_rest_on(report: Context) -> None:
    failed = next(item for item in report.controls if item.mark.state is State.FAIL and len(item.rows) > 1)
    boxes = tuple({box.item.ref: box for item in report.controls for box in item.boxes}.values())[:2]
    for first, second in (boxes, boxes[::-1]):
        bad = replace(failed.rows[0], refs=(second.item.ref,))
        good = replace(failed.rows[0], mark=MARKS[State.PASS], refs=(first.item.ref,))
        found = proofs((replace(failed, rows=(bad, good), boxes=(first, second), kinds=2),))
        assert found[failed.id][0].item.ref == second.item.ref


def test_a_long_text_is_cut_once_with_what_json_escapes_in_it() -> None:
    policy = '{"Version": "2012-10-17", "Statement": [' + '{"Sid": "a", "Effect": "Allow"}' * 20
    for text in (policy, '"' * 900, "x" * 900, "\u202e" * 200, "short"):
        (line,) = (item for item in excerpt({"pages": [{"Policy": text}]}, "/pages/0/Policy").lines if item.deciding)
        assert line.value.count("characters]") == (len(text) > 150)
        assert line.value.startswith('"')
        assert line.value.endswith('"')


def test_a_short_excerpt_keeps_what_decided_and_of_a_list_some_of_its_members() -> None:
    answer = {"pages": [{"Policy": {f"Name{number}": number for number in range(9)}, "Rules": [{"Id": "a"}] * 9}]}
    member = excerpt(answer, "/pages/0/Policy/Name7").cut(1)
    assert [(line.key, line.value) for line in member.lines] == [("Name7", "7")]
    assert member.left_out == 8
    listed = excerpt(answer, "/pages/0/Rules").cut(1)
    assert [line.deciding for line in listed.lines] == [True, False, False, False]
    assert listed.left_out == 6


def test_that_there_is_no_such_thing_goes_before_an_answer_that_was_only_read(report: Context) -> None:
    failed = next(item for item in report.controls if item.mark.state is State.FAIL and item.boxes)
    read, other = (
        replace(box, item=replace(box.item, ref=ref), excerpts=())
        for box, ref in zip((failed.boxes[0],) * 2, ("EV-8001", "EV-8002"), strict=True)
    )
    absent = replace(other, item=replace(other.item, absent=True))
    row = replace(failed.rows[0], refs=("EV-8001", "EV-8002"))
    found = proofs((replace(failed, rows=(row,), boxes=(read, absent), kinds=2),), most=1)
    assert [proof.item.ref for proof in found[failed.id]] == ["EV-8002"]


def test_the_credential_report_says_of_what_is_off_only_that_it_is() -> None:
    head = "user,password_enabled,password_last_used,mfa_active,access_key_1_active,access_key_1_last_rotated\n"
    ann_row = "ann,true,2026-10-01T00:00:00+00:00,false,true,2025-01-01T00:00:00+00:00"
    text = f"{head}{ann_row}\nbob,false,N/A,false,false,N/A\n"
    ann, bob = excerpt({"pages": [{"Content": text}]}, "/pages/0/Content").lines
    assert ann.value == (
        "password_enabled true, password_last_used 2026-10-01T00:00:00+00:00, mfa_active false, "
        "access_key_1_active true, access_key_1_last_rotated 2025-01-01T00:00:00+00:00"
    )
    assert bob.value == "password_enabled false, mfa_active false, access_key_1_active false"


def test_the_users_that_a_result_is_about_come_first_in_the_credential_report() -> None:
    users = ["ann", "a/b", "nn", "", *(f"u{number}" for number in range(9)), "zoe"]
    head = "user,password_enabled,mfa_active\n"
    answer = {"pages": [{"Content": head + "".join(f"{name},true,false\n" for name in users)}]}
    names = ["zoe", "arn:aws:iam::111122223333:user/staff/ann", "x/a/b", "arn:aws:iam::111122223333:user/nobody", "/"]
    found = excerpt(answer, "/pages/0/Content", names)
    said = [(line.key, line.deciding) for line in found.lines]
    assert said == [("ann", True), ("a/b", True), ("zoe", True), ("nn", False), ("", False), ("u0", False)]
    # What it replaces: each row held against each name.
    for user, deciding in said:
        assert deciding is (bool(user) and any(name == user or name.endswith(f"/{user}") for name in names))
    assert found.left_out == len(users) - 6
    assert not any(line.deciding for line in excerpt(answer, "/pages/0/Content").lines)


def test_a_list_that_decides_as_a_whole_is_shown_as_a_list() -> None:
    answer = {
        "pages": [{"metricFilters": [{"filterName": f"f-{n}", "filterPattern": "{ $.a = 1 }"} for n in range(9)]}]
    }
    found = excerpt(answer, "/pages/0/metricFilters")
    assert [line.value for line in found.lines if line.deciding] == ["9 in the list"]
    assert (found.lines[1].key, found.lines[1].value) == ("f-0", 'filterPattern: "{ $.a = 1 }"')
    assert found.left_out == 3
    assert excerpt({"pages": [{"metricFilters": []}]}, "/pages/0/metricFilters").lines[0].value == "[]"


def test_a_listed_thing_without_a_name_says_what_it_holds() -> None:
    rule = {"FromPort": 22, "IpProtocol": "tcp", "IpRanges": [{"CidrIp": "0.0.0.0/0"}], "Ipv6Ranges": [], "ToPort": 22}
    found = excerpt({"pages": [{"IpPermissions": [rule, {}, {"IpRanges": []}]}]}, "/pages/0/IpPermissions")
    assert [(line.key, line.value) for line in found.lines[1:]] == [
        ("FromPort 22", 'IpProtocol: "tcp", IpRanges: [{"CidrIp": "0.0.0.0/0"}], ToPort: 22'),
        ("", "nothing else"),
        ("", "nothing else"),
    ]


def test_every_service_of_the_catalogue_has_its_name() -> None:
    assert {control.service for control in catalog().controls.values()} <= SERVICES.keys()

"""What the report draws of a chain: the word for each link, missed events, and what AWS itself reads otherwise."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.render.chains import Chain, alike, chains_of
from auditor.render.charts import short_lines

LINKS: list[dict[str, Any]] = [
    {"kind": "trail", "name": "main", "holds": True, "reason": ""},
    {"kind": "action", "name": "alerts", "holds": None, "reason": "The topic is in account 444455556666."},
    {"kind": "people", "name": "", "holds": None, "reason": ""},
]
EVENT = {"eventName": "StopLogging", "eventSource": "cloudtrail.amazonaws.com"}


def drawn(**details: Any) -> Chain:
    result = {"account": "111122223333", "region": "global", "details": {"chains": [{"links": LINKS}], **details}}
    found = chains_of([result])
    assert found is not None
    return found


def test_a_link_that_is_not_known_is_told_from_one_that_is_not_reached() -> None:
    ((path,),) = (ways.paths for ways in drawn().ways)
    assert [link.word for link in path.links] == ["holds", "not known", "not reached"]
    assert "action alerts: not known, The topic is in account 444455556666; people: not reached." in path.text
    assert not path.holds


def test_a_way_that_two_results_share_is_drawn_once() -> None:
    other = [{**LINKS[0], "name": "second"}, *LINKS[1:]]
    results = [
        {"account": "111122223333", "region": region, "details": {"chains": [{"links": links}]}}
        for region, links in (("eu-central-1", LINKS), ("eu-west-1", LINKS), ("us-east-1", other))
    ]
    found = chains_of(results)
    assert found is not None
    assert [path.links[0].name for ways in found.ways for path in ways.paths] == ["main", "second"]


def test_chains_that_say_the_same_stand_together_and_others_apart() -> None:
    filters = [{"name": "own", "pattern": "{ $.a = 1 }", "sentence": "Nobody is told."}]
    near = {"event": EVENT, "pattern": "{ $.eventName = StopLoging }"}
    plain, of_filter, missed = drawn(), drawn(filters=filters), drawn(missed=near)
    assert alike([plain, of_filter, drawn(missed={"event": EVENT}), missed, of_filter]) == ((0, 2), (1,), (3,), (4,))
    assert alike([]) == ()


def test_chains_that_lack_the_same_link_share_a_drawing_whatever_they_miss_by_it() -> None:
    def broken(reason: str, name: str = "") -> Chain:
        return drawn(
            chains=[{"links": [LINKS[0], {"kind": "metric filter", "name": name, "holds": False, "reason": reason}]}]
        )

    deleted, stopped, named = (
        broken("No filter catches DeleteTrail."),
        broken("No filter catches StopLogging."),
        broken("It misses one.", "own"),
    )
    assert alike([deleted, stopped, named, broken("It misses another.", "own")]) == ((0, 1), (2,), (3,))
    assert (deleted.reasons, stopped.reasons) == (
        ("No filter catches DeleteTrail.",),
        ("No filter catches StopLogging.",),
    )
    ((path,),) = (ways.paths for ways in deleted.ways)
    assert path.text.endswith("metric filter: broken, No filter catches DeleteTrail.")


def test_results_of_one_control_are_told_apart_and_share_what_both_say() -> None:
    details = {
        "alternatives": [{"kind": "EventBridge rule", "name": "r", "region": "eu-central-1", "sentence": "It reacts."}],
        "detection_time": {"sentence": "About 10 minutes."},
        "filters": [{"name": "main", "pattern": "{ a }"}, {"name": "far", "pattern": "{ b }"}],
    }
    results = [
        {
            "account": "111122223333",
            "region": "global",
            "state": state,
            "frameworks": [edition],
            "details": {**details, "chains": [{"links": links}]},
        }
        for state, edition, links in (("FAIL", "cis-aws-5.0.0", LINKS), ("PASS", "cis-aws-3.0.0", LINKS[:1]))
    ]
    found = chains_of(results)
    assert found
    first, second = found.ways
    assert (first.label, second.label) == ("Fail for cis-aws-5.0.0", "Pass for cis-aws-3.0.0")
    assert (len(first.others), first.pace, len(first.filters)) == (1, "About 10 minutes.", 2)
    assert (second.others, second.pace, second.filters) == ((), "", ())
    assert [item.name for item in first.drawn_filters] == ["main"]


def test_an_event_is_written_as_json_and_not_as_python() -> None:
    event = {"readOnly": False, "errorCode": None, "responseElements": {"ids": ["a", 1.5, True]}}
    (missed,) = drawn(missed={"event": event, "fields": list(event)}).missed
    assert {part.key: part.value for part in missed.event} == {
        "readOnly": "false",
        "errorCode": "null",
        "responseElements.ids": '["a", 1.5, true]',
        "responseElements": "not in the event",
    }


def test_a_disagreement_with_aws_is_shown_with_pattern_and_event() -> None:
    rule = {"pattern": '{"source": ["aws.cloudtrail"]}', "event": {"detail": EVENT}, "aws": False, "ours": True}
    plain = {"pattern": "{ $.eventName = StopLogging }", "event": EVENT, "aws": True, "ours": False}
    of_rule, of_filter = drawn(truth={"asked": 2, "agreed": 0, "disagreements": [rule, plain]}).missed
    assert "AWS does not match this event" in of_rule.sentence
    assert "AWS matches this event" in of_filter.sentence
    for shown in (of_rule, of_filter):
        assert ("eventName", "StopLogging") in [(part.key, part.value) for part in shown.event]
        assert shown.pattern


def test_hostile_details_are_drawn_or_left_out() -> None:
    for truth in (None, {}, {"disagreements": "x"}, {"disagreements": [{"event": "no JSON", "pattern": 5}]}):
        assert drawn(truth=truth).ways


def test_what_two_ways_have_in_common_is_said_once() -> None:
    filters = [{"name": "cis", "pattern": "{ $.eventName = StopLogging }", "sentence": "Two people are told."}]
    (ways,) = drawn(chains=[{"links": LINKS}, {"links": LINKS[:1]}], filters=filters).ways
    assert (len(ways.paths), [item.name for item in ways.filters]) == (2, ["cis"])


@given(name=st.text(alphabet="abcdefgh0123-/_.: ,", max_size=80))
def test_a_name_in_a_box_keeps_its_beginning_and_its_end(name: str) -> None:
    lines = short_lines(name)
    assert len(lines) <= 3
    assert all(len(line) <= 15 for line in lines)
    text = "".join(lines)
    before, cut, after = text.partition("…")
    assert name.startswith(before)
    assert name.endswith(after)
    assert bool(cut) or text == name


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        pytest.param("email, sqs", "2 confirmed: e-mail, queue", id="protocols"),
        pytest.param("sms", "1 confirmed: text message", id="one"),
        pytest.param("the night shift", "the night shift", id="another-name"),
        pytest.param("", "", id="nobody"),
    ],
)
def test_people_are_told_as_people(name: str, shown: str) -> None:
    link = {"kind": "people", "name": name, "holds": True}
    chain = chains_of([{"account": "1", "region": "r", "details": {"chains": [{"links": [link]}]}}])
    assert chain
    assert chain.ways[0].paths[0].links[0].name == shown


def test_one_chain_is_drawn_once() -> None:
    links = [{"kind": "trail", "name": "a", "holds": True}]
    other = [{"kind": "trail", "name": "b", "holds": False}]
    details = {"chains": [{"links": links}, {"links": other}, {"links": links}]}
    chain = chains_of([{"account": "1", "region": "r", "details": details}])
    assert chain
    assert [path.links[0].name for path in chain.ways[0].paths] == ["a", "b"]
    assert not chain.whole

"""Times the judgement of monitoring: fifteen controls against 500 filters and 500 alarms in one account.

Run it alone: ``python benchmarks/patterns.py``. The figure to beat is one second for all controls together.
"""

import json
import sys
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import yaml

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from auditor.base.locate import controls_folder
from auditor.monitoring.chain.detection import account_of
from auditor.monitoring.chain.facts import Alarm, Facts, Filter, Group, Series, Subscription, Topic, Trail
from auditor.monitoring.patterns.pattern import parse_filter, parse_rule
from auditor.monitoring.patterns.requirement import Requirement, requirement_from
from auditor.policies.document import read_policy

ACCOUNT, REGION = "111122223333", "eu-central-1"
TOPIC = f"arn:aws:sns:{REGION}:{ACCOUNT}:alerts"
NOW = datetime(2026, 11, 2, tzinfo=UTC)
COUNT = 500
CIS = 15


def requirements() -> list[Requirement]:
    """Return what the fifteen benchmark controls ask for."""
    entries = yaml.safe_load((controls_folder() / "monitoring.yaml").read_text(encoding="utf-8"))
    return [requirement_from(entry["id"], entry["parameters"]) for entry in entries[:CIS]]


def patterns(asked: list[Requirement]) -> list[str]:
    """Return 500 filter patterns: each control's own in several spellings and halves, and unrelated ones."""
    found: list[str] = []
    for index in range(COUNT):
        events = asked[index % CIS].events
        names = events[index % 2 :: 2] if index % 3 else events[::-1]
        clause = " || ".join(f"($.eventName = {name})" for name in names)
        if not clause:
            clause = f'($.userIdentity.userName = "user-{index}")'
        narrowing = f" && ($.sourceIPAddress != 198.51.100.{index % 250})" if index % 5 == 0 else ""
        found.append(f"{{ ({clause}){narrowing} }}")
    return [text if len(text) <= 1024 else "{ $.eventName = Unrelated }" for text in found]


def account(texts: list[str]) -> Facts:
    """Return an account in which every filter has an alarm, one in seven of them broken."""
    trail = Trail(
        arn=f"arn:aws:cloudtrail:{REGION}:{ACCOUNT}:trail/t",
        home_region=REGION,
        multi_region=True,
        organization=False,
        group_arn=f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:g:*",
        delivered=NOW,
    )
    filters = tuple(
        Filter(f"f{index}", "g", REGION, text, "N", f"m{index}", default=0) for index, text in enumerate(texts)
    )
    alarms = tuple(
        Alarm(f"a{i}", f"arn:a{i}", REGION, (Series("N", f"m{i}"),), actions=(TOPIC,), actions_enabled=i % 7 > 0)
        for i in range(COUNT)
    )
    policy = read_policy({"Statement": {"Effect": "Allow", "Principal": "*", "Action": "sns:Publish"}})
    topic = Topic(TOPIC, policy, subscriptions=(Subscription("arn:s", "email"),))
    return Facts(
        account=ACCOUNT,
        partition="aws",
        regions=(REGION,),
        as_of=NOW,
        trails=(trail,),
        groups=(Group("g", REGION),),
        filters=filters,
        alarms=alarms,
        topics={TOPIC: topic},
    )


def measure() -> dict[str, object]:
    """Judge everything once, with nothing parsed before, as a run does."""
    asked = requirements()
    facts = account(patterns(asked))
    parse_filter.cache_clear()
    parse_rule.cache_clear()
    started = time.perf_counter()
    found = [account_of(replace(facts)).detect(requirement) for requirement in asked]
    seconds = time.perf_counter() - started
    states = [one.state.value for one in found]
    return {"controls": len(asked), "filters": COUNT, "alarms": COUNT, "seconds": round(seconds, 3), "states": states}


if __name__ == "__main__":
    print(json.dumps(measure(), indent=2))

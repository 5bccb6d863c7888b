"""Reads policies of the code as they will stand where it is deployed: what they name there is what stands for it here.

Code that builds an ARN by hand, or has an account or a Region as a text, means the resource, account or Region that it
is deployed with, as in what alarms call. A Region that the provider contradicts is another one.
"""

import re
from collections.abc import Collection
from dataclasses import replace

from auditor.monitoring.infrastructure.values import ACCOUNT, REGION, Resource
from auditor.policies.arn import PARTS
from auditor.policies.document import Policy
from auditor.policies.language import like
from auditor.regions import FORM

TAKEN = "Accounts and Regions that policies name are taken to be those that this code is deployed to."

_ACCOUNT = re.compile(r"[0-9]{12}")
_REGION = re.compile(FORM)


def deployed(policy: Policy, topic: Resource, arn: str, others: Collection[str], *, hopeful: bool) -> Policy:
    """Return a policy of a topic, or of its key, that names the topic and its surroundings as the code's facts do.

    Args:
        policy: as it was read.
        topic: the resource of the code.
        arn: what stands for the topic's ARN.
        others: what stands for the ARNs of all topics.
        hopeful: whether a name that the code leaves open may be the topic's.
    """
    name = topic.properties.get("TopicName")

    def meant(text: str) -> str:
        parts = text.split(":", PARTS - 1)
        if len(parts) < PARTS or parts[2] != "sns" or text in others:
            return here(text)
        own = like(parts[5], name) if isinstance(name, str) else hopeful
        return arn if own else here(text)

    def here(text: str) -> str:
        parts = text.split(":", PARTS - 1)
        if len(parts) < PARTS or parts[0] != "arn":
            return ACCOUNT if _ACCOUNT.fullmatch(text) else text
        elsewhere = topic.home.region and not topic.home.region.startswith("=") and parts[3] != topic.home.region
        region = REGION if _REGION.fullmatch(parts[3]) and not elsewhere else parts[3]
        account = ACCOUNT if _ACCOUNT.fullmatch(parts[4]) else parts[4]
        partition = "aws" if parts[1].startswith("aws") else parts[1]
        return ":".join(("arn", partition, parts[2], region, account, parts[5]))

    return replace(
        policy,
        statements=tuple(
            replace(
                one,
                resources=tuple(map(meant, one.resources)),
                conditions=tuple(replace(each, values=tuple(map(here, each.values))) for each in one.conditions),
            )
            for one in policy.statements
        ),
    )

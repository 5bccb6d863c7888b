"""Draws an auditor's sample from a population. The same seed draws the same members on any machine.

There is no generator of random numbers in it, because those change from one Python to the next. Each member has a
number that anybody can compute again:

    printf '%s' 'seed|control|account|region|resource' | sha256sum

and the sample consists of the members with the smallest numbers. A larger sample with the same seed contains the
smaller one.
"""

import hashlib
from collections.abc import Iterable

from auditor.model import Sampling

Member = tuple[str, str]
"""Region and resource; unique within an account's population of a control."""


def draw(sampling: Sampling, control: str, account: str, members: Iterable[Member]) -> frozenset[Member]:
    """Return the members drawn: ``sampling.size`` of them, or all when there are no more.

    Args:
        sampling: size and seed.
        control: its id; controls over the same population draw independently of each other.
        account: twelve digits.
        members: in any order.
    """

    def number(member: Member) -> tuple[str, Member]:
        text = "|".join((sampling.seed, control, account, *member))
        return hashlib.sha256(text.encode()).hexdigest(), member

    return frozenset(sorted(set(members), key=number)[: sampling.size])

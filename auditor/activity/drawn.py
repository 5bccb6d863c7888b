"""Draws a sample of Event history: from each stretch of a period one moment, by a seed that anybody can work out again.

Event history gives no random access: it lists what took place before a moment, newest first. So moments are drawn, not
events. The seed holds the run's own moment, which nobody knows beforehand who might want to spare these events.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final

from auditor.base.period import Period, rfc3339

STRETCHES: Final = 6
EVENTS: Final = 4
"""Events that are asked for before each moment; of a Region some two dozen in all."""
HISTORY: Final = timedelta(days=90)
"""What Event history keeps (CloudTrail User Guide, "Working with CloudTrail event history")."""
LATE: Final = timedelta(hours=1)
"""Before the end of a period: log files of what took place then may be delivered, and be read, after it."""
DUE: Final = timedelta(hours=3)
"""After an event: by then its log file was delivered, and the digest of that hour."""


@dataclass(frozen=True, slots=True)
class Draw:
    """A sample of one account's history.

    Args:
        account: twelve digits.
        period: the audited period.
        as_of: the run's moment, aware UTC.
    """

    account: str
    period: Period
    as_of: datetime

    @property
    def seed(self) -> str:
        """Return the seed, 16 hex digits."""
        words = " ".join((self.account, *map(rfc3339, (self.period.start, self.period.end, self.as_of))))
        return sha256(words.encode()).hexdigest()[:16]

    @property
    def start(self) -> datetime:
        """Return from when on events can be drawn: what is older has left Event history while the run asks."""
        kept = (self.as_of - HISTORY + LATE).replace(microsecond=0)
        return max(self.period.start, kept)

    @property
    def end(self) -> datetime:
        """Return until when events can be drawn: what came later need not have been delivered."""
        return min(self.period.end - LATE, (self.as_of - DUE).replace(microsecond=0))

    @property
    def possible(self) -> bool:
        """Say whether any of the period can be sampled at all."""
        return self.end - self.start >= timedelta(seconds=STRETCHES)

    def moments(self, region: str) -> Iterator[datetime]:
        """Yield the moments of a Region, one from each stretch, whole seconds, in order."""
        if not self.possible:
            return
        length = (self.end - self.start) / STRETCHES
        for number in range(STRETCHES):
            drawn = sha256(f"{self.seed} {region} {number}".encode()).digest()
            share = int.from_bytes(drawn[:8], "big") / (1 << 64)
            yield (self.start + (number + share) * length).replace(microsecond=0)

    def requests(self, region: str) -> Iterator[dict[str, str | int]]:
        """Yield the parameters of the calls of a Region, the latest moment first.

        Where nothing is listed before that one, nothing is before the others, which need not be asked about then.
        """
        for moment in reversed(tuple(self.moments(region))):
            yield {"StartTime": rfc3339(self.start), "EndTime": rfc3339(moment), "MaxResults": EVENTS}

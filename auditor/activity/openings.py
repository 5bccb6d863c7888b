"""Follows the inbound rules of security groups through rows: which call opened what, and which one ended it. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Final

from auditor.activity import ingress
from auditor.activity.calls import ROOT_CALL
from auditor.activity.effects import HARMLESS, Effect
from auditor.activity.identity import SUCCESS
from auditor.activity.rows import CLOSED, OPENED, Row, summary_of

_FORM: Final = "form "
"""Begins the key of a rule whose id nobody told."""


@dataclass(slots=True)
class _Group:
    """The inbound rules of one security group that calls of the period made, and which opening brought which.

    A rule that AWS named is known by its id and keeps it when its form changes; others are known by their form. An
    opening lasts while what is left of its rules still lets everybody in.
    """

    present: dict[str, tuple[ingress.Rule, ...]] = field(default_factory=dict)
    openings: dict[int, set[str]] = field(default_factory=dict)

    def ports(self, keys: Iterable[str]) -> tuple[int, ...]:
        """Return the ports that some of the rules open together."""
        return ingress.open_ports(rule for key in keys for rule in self.present.get(key, ()))

    def close(self, change: ingress.Change) -> tuple[list[int], tuple[int, ...]]:
        """Take away what a call closes; return the openings that it ended, and the ports that they had opened.

        EC2 closes neither a wider rule nor one for the other IP version together with the one that is named. A rule of
        another id than the one that is gone was made since, be it within the same second.
        """
        before = set(self.ports(self.present))
        for key, rules in list(self.present.items()):
            forms = change.removes if key.startswith(_FORM) else change.removes - change.removes_told
            named = key in change.removes_ids or not forms.isdisjoint(rules)
            if change.deletes or named:
                del self.present[key]
        for known, rules in change.becomes:
            if known in self.present:
                self.present[known] = rules
        over = [index for index, keys in self.openings.items() if not self.ports(keys)]
        for index in over:
            del self.openings[index]
        return over, tuple(sorted(before - set(self.ports(self.present))))

    def open(self, index: int, change: ingress.Change) -> tuple[int, ...]:
        """Keep what a call makes; return the ports that are open to everybody now because of it."""
        before, keys = set(self.ports(self.present)), set()
        for known, rules in (*((known, (rule,)) for known, rule in change.adds), *change.becomes):
            for key, kept in [(known, rules)] if known else [(f"{_FORM}{rule}", (rule,)) for rule in rules]:
                self.present[key] = kept if known not in keys else (*self.present[key], *kept)
                keys.add(key)
        opened = self.ports(keys)
        if not opened and set(self.ports(self.present)) - before:
            keys, opened = set(self.present), self.ports(self.present)
        if opened:
            self.openings[index] = keys
        return opened


def pair_ports(rows: Iterable[Row]) -> list[Row]:
    """Put each successful opening together with the successful call that ended it.

    Calls on rules stay among the rows where they opened or closed an administration port; else they are about others.
    """
    done: list[Row] = []
    groups: dict[tuple[str, str, str], _Group] = {}
    for row in sorted(rows, key=Row.order):
        if row.change is None:
            done.append(row)
            continue
        group = groups.setdefault((row.account, row.region, row.resource), _Group()) if row.resource else _Group()
        ports = row.ports
        if row.outcome == SUCCESS:
            over, closed = group.close(row.change)
            for index in over:
                done[index] = replace(
                    done[index], closed_by=row.actor, closed_at=row.event_time, closing_event=row.event_id
                )
            opened = group.open(len(done), row.change)
            if row.kind == ROOT_CALL and (opened or row.change.untold):
                row = replace(row, kind=OPENED)  # noqa: PLW2901 - the same row, known better
            ports = ports or (opened if row.kind == OPENED else closed)
        if row.kind not in {OPENED, CLOSED}:
            done.append(row)
        elif ports:
            summary = summary_of(row.kind, row.actor, row.event_name, row.resource, row.outcome, ports)
            done.append(replace(row, ports=ports, summary=summary, effect=HARMLESS))
        elif row.kind == OPENED and row.effect.effect is Effect.OPEN:
            done.append(replace(row, summary=f"{row.actor} called {row.event_name}: {row.effect.words}."))
    return done

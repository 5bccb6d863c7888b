"""Reads ``scope.json``: what an evidence folder says of its run, and who holds controls for others."""

from collections.abc import Mapping
from typing import Any

from auditor.base.errors import IntegrityError
from auditor.base.period import Period, parse_time
from auditor.base.untrusted import shape_words
from auditor.model import AccountScope, Holder, PartOf, RunInfo


def read_run(document: Any) -> RunInfo:
    """Read what ``scope.json`` says of the run that wrote it.

    Raises:
        IntegrityError: it is malformed.
    """
    try:
        period = document["period"]
        return RunInfo(
            entity=document["entity"],
            title=document["title"],
            accounts=tuple(map(_scope, document["accounts"])),
            period=Period(parse_time(period["start"]), parse_time(period["end"]), period["label"]),
            as_of=parse_time(document["as_of"]),
            started=parse_time(document["started"]),
            ended=parse_time(document["ended"]),
            frameworks=tuple(document["frameworks"]),
            principal=document["principal"],
            tool=document["tool"],
            skipped=tuple(document["skipped"]),
            operations=tuple(document["operations"]),
            controls=tuple(str(name) for name in document.get("controls", ())),
            series=tuple((str(item["id"]), str(item["manifest_sha256"])) for item in document.get("series", ())),
            part_of=_part_of(document.get("part_of")),
            holders=tuple(map(read_holder, document.get("holders", ()))),
            keys_before=tuple((str(region), str(print_)) for region, print_ in document.get("keys_before", ())),
            endpoints=tuple(str(item) for item in document.get("endpoints", ())),
            resumed=tuple(parse_time(item) for item in document.get("resumed", ())),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise IntegrityError(f"scope.json is malformed: {shape_words(error)}") from error


def _scope(item: Mapping[str, Any]) -> AccountScope:
    regions, left_out = tuple(item["regions"]), tuple(item.get("regions_left_out", ()))
    return AccountScope(item["id"], item["partition"], regions, item["alias"], left_out)


def read_holder(item: Mapping[str, Any]) -> Holder:
    """Read the JSON form of an account that holds controls for others.

    Raises:
        KeyError, TypeError: it is not of its shape.
    """
    return Holder(_scope(item), tuple(str(name) for name in item["holds"]), str(item["error"]))


def _part_of(value: Any) -> PartOf | None:
    return None if value is None else PartOf(str(value["organization"]), str(value["accounts_sha256"]))

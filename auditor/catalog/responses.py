"""Management's answers to findings as people write them: who sees to it, until when, what is done. Decides nothing."""

from dataclasses import dataclass
from datetime import date as day
from datetime import datetime
from pathlib import Path
from typing import Annotated

from pydantic import Field

from auditor.catalog.entries import Account, ControlId, Form, Resource, Text, day_after, entry_origin, read_entries


@dataclass(frozen=True, slots=True)
class Response:
    """What the people in charge say to a finding. It changes no verdict.

    Args:
        control: control id.
        resource: pattern over the result's resource; ``*`` and ``?`` as in a shell.
        account: twelve digits, or empty for every account.
        region: Region, ``global``, or empty for every one.
        owner: who sees to it.
        response: what they say.
        ticket: where that is written down; may be empty.
        due: the first instant at which it is overdue, aware UTC; None where no day is named.
        origin: file and line.
    """

    control: str
    resource: str
    account: str
    region: str
    owner: str
    response: str
    ticket: str
    due: datetime | None
    origin: str


class ResponseEntry(Form):
    """One answer as written. ``due`` is the last day on which it is in time."""

    control: ControlId
    resource: Resource = "*"
    account: Account = ""
    region: Annotated[str, Field(max_length=40, description="Region, or global; empty means every one.")] = ""
    owner: Annotated[str, Field(min_length=1, max_length=200, description="Who sees to it.")]
    due: Annotated[day | None, Field(description="The last day on which it is in time.")] = None
    response: Annotated[Text, Field(description="What the people in charge say to the finding.")]
    ticket: Annotated[str, Field(max_length=4000)] = ""


class ResponseFile(Form):
    """A file of responses."""

    responses: list[ResponseEntry]


def load_responses(path: Path) -> tuple[Response, ...]:
    """Read a file of responses.

    Raises:
        UsageError: with file and line.
    """
    file, parsed = read_entries(path, ResponseFile)
    return tuple(
        Response(
            **item.model_dump(exclude={"due"}),
            due=day_after(item.due) if item.due else None,
            origin=entry_origin(file, "responses", index),
        )
        for index, item in enumerate(parsed.responses)
    )

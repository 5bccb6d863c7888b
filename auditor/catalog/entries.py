"""What people hand in beside a run, entry by entry: how the files are read, and what all their entries share."""

from datetime import UTC, datetime, time, timedelta
from datetime import date as day
from pathlib import Path
from typing import Annotated, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from auditor.base.errors import UsageError
from auditor.base.yamlfile import YamlError, YamlFile, load_yaml, problems_of

Text = Annotated[str, Field(min_length=1, max_length=4000)]
ControlId = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]+$", max_length=80)]
Account = Annotated[str, Field(pattern=r"^(\d{12})?$")]
"""Twelve digits; empty for every account."""
Resource = Annotated[str, Field(min_length=1, max_length=2048, description="Pattern with * and ?.")]
_Model = TypeVar("_Model", bound=BaseModel)


class Form(BaseModel):
    """What is written, and nothing else."""

    model_config = ConfigDict(extra="forbid")


def read_entries(path: Path, model: type[_Model]) -> tuple[YamlFile, _Model]:
    """Read a file of entries as people write them, with the lines on which they stand.

    Raises:
        UsageError: with file and line.
    """
    try:
        file = load_yaml(path)
    except YamlError as error:
        raise UsageError(str(error)) from error
    try:
        return file, model.model_validate(file.data)
    except ValidationError as error:
        raise problems_of(error, file, UsageError, model=model) from error


def entry_origin(file: YamlFile, section: str, index: int) -> str:
    """Return file and line of an entry, the file by its name in a pack: there it may have had any other before."""
    return f"{section}.yaml:{file.at(section, index).rpartition(':')[2]}"


def day_after(last: day) -> datetime:
    """Return the first instant after a day; of the last day that there is, its last second."""
    if last == day.max:
        return datetime.combine(last, time(23, 59, 59), UTC)
    return datetime.combine(last, time(), UTC) + timedelta(days=1)

"""Answers questions of people's own files, perhaps from elsewhere: within bounds, and of the store alone."""

import shutil
from pathlib import Path

from auditor.base.errors import CatalogError, UsageError
from auditor.base.scratch import scratch_folder
from auditor.events.answer import Answer
from auditor.events.apart import Bounds, Rows, Statement, answered_apart
from auditor.events.asking import Asked, answer_of, cut, looked_through, parquet_copy, render
from auditor.events.opened import EventStore
from auditor.events.question import values_of
from auditor.events.select import answered


def ask_own(store: EventStore, asked: Asked, bounds: Bounds, *, parquet: Path | None = None) -> Answer:
    """Answer a question in a process of its own, as a statement that somebody wrote.

    Args:
        store: the store.
        asked: the question, its period, filters and parameters.
        bounds: what it may cost.
        parquet: a file that the rows are written to as well, all of them.

    Raises:
        UsageError: a parameter is missing or wrong, or the rows cannot be written.
        CatalogError: the question's SQL is none that DuckDB takes, or it costs more than it may.
    """
    values = values_of(asked.question, asked.given)
    with store.database() as database:
        text, bound, narrowing = render(database, asked, values)
        what = looked_through(store, database, asked, narrowing)
    with scratch_folder("rows") as folder:
        copy = ""
        if parquet is not None:
            empty = answer_of(store, asked, values, what, Rows((), (), more=False))
            copy = parquet_copy(text, folder / "rows.parquet", empty)
        beside = folder if copy else None
        statement = Statement(store.folder, cut(text, asked.limit), {}, asked.limit, bound, copy, beside)
        try:
            found = answered_apart(answered, statement, bounds)
        except UsageError as error:
            message = error.message.replace("the statement", "the question")
            raise CatalogError(f"{asked.question.path}: {message}", hint=error.hint) from error
        if parquet is not None:
            try:
                shutil.move(folder / "rows.parquet", parquet)
            except OSError as error:
                raise UsageError(f"the rows cannot be written: {error}") from error
    return answer_of(store, asked, values, what, found)

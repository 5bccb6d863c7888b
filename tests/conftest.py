"""What holds for every test."""

import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from hypothesis import settings

from auditor.simulator import nursery
from auditor.simulator.worlds import kept

settings.register_profile("patient", deadline=None)
settings.load_profile("patient")
"""A busy machine is no failure: the time of single examples is not judged."""


def pytest_configure(config: pytest.Config) -> None:
    """Let each simulated account of this session be built once, and its trail be signed once, for all processes."""
    if not hasattr(config, "workerinput"):
        os.environ[kept.VARIABLE] = os.environ[nursery.VARIABLE] = tempfile.mkdtemp(prefix="auditor-simulated-")


def pytest_unconfigure(config: pytest.Config) -> None:
    """Clear up, once all workers have ended."""
    if not hasattr(config, "workerinput"):
        del os.environ[nursery.VARIABLE]
        shutil.rmtree(os.environ.pop(kept.VARIABLE), ignore_errors=True)


@pytest.fixture(scope="session", autouse=True)
def _printed_documents_fit_their_schemas() -> Iterator[None]:
    """Hold each document that a command prints in a test's own process against the schema that is published for it."""
    from auditor.cli import documents

    plain = documents.text_of

    def checked(document: Mapping[str, Any]) -> str:
        from tests.published import validator  # a process that prints no document needs no judge

        validator(documents.file_of(document["schema"])).validate(document)
        return plain(document)

    documents.text_of = checked
    yield
    documents.text_of = plain

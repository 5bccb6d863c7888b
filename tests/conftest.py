"""What holds for every test."""

import os
import shutil
import tempfile

import pytest
from hypothesis import settings

from auditor.simulator.worlds.kept import VARIABLE

settings.register_profile("patient", deadline=None)
settings.load_profile("patient")
"""A busy machine is no failure: the time of single examples is not judged."""


def pytest_configure(config: pytest.Config) -> None:
    """Let all simulated accounts of this session sign what their trails delivered once, in whichever process."""
    if not hasattr(config, "workerinput"):
        os.environ[VARIABLE] = tempfile.mkdtemp(prefix="auditor-simulated-")


def pytest_unconfigure(config: pytest.Config) -> None:
    """Clear up, once all workers have ended."""
    if not hasattr(config, "workerinput"):
        shutil.rmtree(os.environ.pop(VARIABLE), ignore_errors=True)

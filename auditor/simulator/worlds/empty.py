"""An account in which nothing has been set up: no trail, no users, no buckets, only what AWS puts there itself."""

from auditor.simulator.app import Application
from auditor.simulator.overlay import install
from auditor.simulator.overlay.state import State
from auditor.simulator.worlds.builder import frame


def build() -> Application:
    """Build the empty world."""
    aws = frame("empty", "444455556666", "us-east-1", {"trail": None, "name": "Empty"})
    install(aws.application, State())
    return aws.application

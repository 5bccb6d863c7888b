"""What the simulated AWS answers by itself, because moto does not know it or answers differently from AWS."""

from auditor.simulator.app import Application
from auditor.simulator.overlay import cloudtrail, defaults, iam, monitoring, network, storage, switched
from auditor.simulator.overlay.state import State


def install(application: Application, state: State) -> None:
    """Put the overlay in front of moto."""
    for part in (cloudtrail, defaults, iam, monitoring, network, storage, switched):
        part.install(application, state)

"""What can be asked of a service, one file a feature; each operation is written here, once."""

from canfuse_client.operations.jobs import JobOperations
from canfuse_client.operations.releases import ReleaseOperations
from canfuse_client.operations.scoring import ScoringOperations
from canfuse_client.operations.vehicles import VehicleOperations

__all__ = ["Operations"]


class Operations(JobOperations, ScoringOperations, VehicleOperations, ReleaseOperations):
    """All of them, as coroutines over any wire."""

"""Talks to a canfuse service: jobs, scores, vehicles, releases."""

from canfuse_client.asynchronous import AsyncClient
from canfuse_client.blocking import Client
from canfuse_client.errors import (
    ClientError,
    JobFailed,
    Problem,
    UnexpectedAnswer,
    Unreachable,
    WrongUse,
)
from canfuse_client.models.jobs import Artifact, Event, Job
from canfuse_client.models.releases import Aliases, Release, ReleaseSummary
from canfuse_client.models.scores import Explanation, Scores
from canfuse_client.models.vehicles import (
    EnrolledVehicle,
    LearntProfile,
    VehicleDetails,
    VehicleList,
)
from canfuse_client.patience import Retries

__all__ = [
    "Aliases",
    "Artifact",
    "AsyncClient",
    "Client",
    "ClientError",
    "EnrolledVehicle",
    "Event",
    "Explanation",
    "Job",
    "JobFailed",
    "LearntProfile",
    "Problem",
    "Release",
    "ReleaseSummary",
    "Retries",
    "Scores",
    "UnexpectedAnswer",
    "Unreachable",
    "VehicleDetails",
    "VehicleList",
    "WrongUse",
]

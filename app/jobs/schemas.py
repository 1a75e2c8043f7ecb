"""Jobs as they are told over HTTP."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from workers.records import Event, Job, Status

Label = Annotated[str, Field(min_length=1, max_length=64)]


class SubmissionBody(BaseModel):
    """What a submission says beside the configuration, whose fields stand next to these."""

    model_config = ConfigDict(extra="allow", strict=True)

    preset: str | None = Field(
        default=None, description="A preset to start from; the fields given here override it."
    )
    labels: list[Label] = Field(
        default=[], max_length=16, description="Words by which the job can be found again."
    )


class JobLinks(BaseModel):
    """Where more about the job is."""

    self: str
    events: str
    artifacts: str
    log: str
    cancel: str
    release: str | None


class JobView(BaseModel):
    """A job as it stands."""

    model_config = ConfigDict(from_attributes=True)

    id: str
    kind: str = Field(examples=["fusion"])
    status: Status
    queue: str = Field(description="Which workers may take it: `cpu` or `gpu`.")
    config: dict[str, Any] = Field(description="The whole configuration, with its defaults.")
    labels: list[str]
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    attempt: int = Field(description="Number of the latest attempt, 0 before the first.")
    max_attempts: int
    phase: str | None = Field(description="What is being done.")
    fraction: float = Field(description="Share that is done, 0 to 1.")
    message: str | None = Field(description="One line about the progress.")
    eta_seconds: float | None = Field(description="Estimated seconds to the end.")
    result: dict[str, Any] | None = Field(description="What it came to, once it succeeded.")
    error: dict[str, Any] | None = Field(description="What went wrong, once it failed.")
    release: str | None = Field(description="Version of the release that it published.")
    links: JobLinks

    @classmethod
    def of(cls, job: Job) -> JobView:
        """Tell about a job."""
        here = f"/jobs/{job.id}"
        links = JobLinks(
            self=here,
            events=f"{here}/events",
            artifacts=f"{here}/artifacts",
            log=f"{here}/log",
            cancel=f"{here}/cancel",
            release=f"/releases/{job.release}" if job.release else None,
        )
        return cls.model_validate({**vars(job), "links": links, "labels": list(job.labels)})


class JobPage(BaseModel):
    """Some jobs, the newest first."""

    jobs: list[JobView]
    next_cursor: str | None = Field(
        description="Pass it as `cursor` for the next page; null at the end."
    )


class EventView(BaseModel):
    """Something that happened to a job; what else it carries depends on `event`."""

    model_config = ConfigDict(extra="allow")

    sequence: int = Field(
        description="1, 2, 3, … without gaps; `Last-Event-ID` names the last one seen."
    )
    attempt: int
    at: datetime
    event: str = Field(examples=["state", "progress", "metrics", "log"])

    @classmethod
    def of(cls, event: Event) -> EventView:
        """Tell about an event."""
        own = {"sequence": event.sequence, "attempt": event.attempt, "at": event.at}
        return cls.model_validate({"event": "message", **event.data, **own})


class Artifact(BaseModel):
    """A file that a job left."""

    path: str
    size: int = Field(description="Bytes.")
    modified_at: datetime
    url: str

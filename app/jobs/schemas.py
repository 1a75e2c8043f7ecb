"""Jobs as they are told over HTTP."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from workers.records import Event, Job, Priority, Status
from workers.submission import LONGEST_VALUE, LONGEST_WORD

Label = Annotated[str, StringConstraints(min_length=1, max_length=LONGEST_WORD)]
Note = Annotated[str, StringConstraints(min_length=1, max_length=LONGEST_VALUE)]
Labels = Annotated[
    list[Label], Field(max_length=16, description="Words by which the job can be found again.")
]
Metadata = Annotated[
    dict[Label, Note],
    Field(max_length=16, description="Whatever else is to be kept with the job, by names."),
]
Urgency = Annotated[
    Priority,
    Field(description="Of the jobs that wait, those of `high` priority start first."),
]


class SubmissionBody(BaseModel):
    """What a submission says beside the configuration, whose fields stand next to these."""

    model_config = ConfigDict(extra="allow", strict=True)

    preset: str | None = Field(
        default=None, description="A preset to start from; the fields given here override it."
    )
    labels: Labels = []
    metadata: Metadata = {}
    priority: Urgency = "normal"


class JobRevision(BaseModel):
    """What is to be said about a job instead; what is left out stays as it is."""

    model_config = ConfigDict(extra="forbid", strict=True)

    labels: Labels | None = None
    metadata: Metadata | None = None
    priority: Urgency | None = None


class JobLinks(BaseModel):
    """Where more about the job is."""

    self: str
    events: str
    artifacts: str
    log: str
    cancel: str
    retry: str
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
    metadata: dict[str, str]
    priority: Priority
    retry_of: str | None = Field(description="Id of the job that this one repeats.")
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    attempt: int = Field(description="Number of the latest attempt, 0 before the first.")
    max_attempts: int
    phase: str | None = Field(description="What is being done.")
    fraction: float = Field(description="Share that is done, 0 to 1.")
    message: str | None = Field(description="One line about the progress.")
    eta_seconds: float | None = Field(
        description="Estimated seconds to the end, counted from `progress_at`."
    )
    progress_at: datetime | None = Field(description="When it has last told its progress.")
    estimated_finish: datetime | None = Field(
        description="When it will end: at the pace of its attempt, or as long as jobs of its kind "
        "took lately, after those that wait before it; null where nothing is known yet."
    )
    result: dict[str, Any] | None = Field(description="What it came to, once it succeeded.")
    error: dict[str, Any] | None = Field(description="What went wrong, once it failed.")
    release: str | None = Field(description="Version of the release that it published.")
    links: JobLinks

    @classmethod
    def of(cls, job: Job, estimated_finish: datetime | None = None) -> JobView:
        """Tell about a job."""
        here = f"/jobs/{job.id}"
        links = JobLinks(
            self=here,
            events=f"{here}/events",
            artifacts=f"{here}/artifacts",
            log=f"{here}/log",
            cancel=f"{here}/cancel",
            retry=f"{here}/retry",
            release=f"/releases/{job.release}" if job.release else None,
        )
        told = {"links": links, "labels": list(job.labels), "estimated_finish": estimated_finish}
        return cls.model_validate({**vars(job), **told})


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

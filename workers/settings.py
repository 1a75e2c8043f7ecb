"""What an operator can set, by environment variable (prefix `CANFUSE_`) or `.env` file."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import unquote, urlsplit

from pydantic import AliasChoices, Field, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from ml.context import Workspace
from ml.errors import InvalidInput
from ml.telemetry.logs import LogFormat

BROKER_SCHEMES = ("redis://", "rediss://", "redis+socket://")
Seconds = Annotated[float, Field(gt=0, le=86_400)]
JobSeconds = Annotated[float, Field(gt=0, le=31_536_000)]

Days = Annotated[float, Field(ge=0, le=36_500)]


class Settings(BaseSettings):
    """Where things live and how the job system behaves.

    Attributes:
        home: root of all that canfuse writes.
        data_dirs: folders in which datasets are looked up, separated as in `PATH`.
        database_url: SQLAlchemy URL; by default an SQLite file under `home`.
        redis_url: the broker; None starts (or finds) an embedded one under `home`.
        lease_seconds: a job whose holder has been silent for so long is taken from it.
        heartbeat_seconds: how often a holder says that it lives.
        grace_seconds: how long a job may take to stop by itself, and again after SIGTERM.
        reconcile_seconds: how often forgotten jobs are looked for.
        ring_seconds: a queued job whose message is older than that may be announced again.
        job_seconds: how long an attempt of a job may take before it is ended and the job fails.
        kind_seconds: the same for single kinds, as JSON: {"fusion": 604800}.
        max_attempts: how many attempts of a job may be lost before it fails.
        max_queued: how many jobs may wait before new ones are refused.
        threads: compute threads of one job: "half" or "all" of the cores, or a number.
        keep_jobs_days: for how long ended jobs are kept; 0 keeps them for ever, as with the next.
        keep_work_days: for how long what they worked with is kept, artifacts and log apart.
        keep_caches_days: for how long prediction caches are kept that no job used.
        keep_releases_days: for how long releases are kept that nothing points at or builds upon.
        clean_hours: how often workers take away what is not kept; 0 leaves that to `canfuse clean`.
        log_format: "json", "text", or "auto": text where a terminal reads, else JSON.
        metrics_host: address at which metrics are told without a key, to whoever reaches it.
        worker_metrics_port: port there for a worker's metrics; 0 for none.
    """

    model_config = SettingsConfigDict(
        env_prefix="CANFUSE_", env_file=".env", extra="ignore", populate_by_name=True
    )

    home: Path = Path("var")
    data_dirs: Annotated[tuple[Path, ...], NoDecode] = (Path("data"),)
    database_url: str = Field(
        default="", validation_alias=AliasChoices("CANFUSE_DATABASE_URL", "DATABASE_URL")
    )
    redis_url: str | None = Field(
        default=None, validation_alias=AliasChoices("CANFUSE_REDIS_URL", "REDIS_URL")
    )
    lease_seconds: Seconds = 10.0
    heartbeat_seconds: Seconds = 2.0
    grace_seconds: Seconds = 10.0
    reconcile_seconds: Seconds = 2.0
    ring_seconds: Seconds = 30.0
    job_seconds: JobSeconds = 259_200.0
    kind_seconds: dict[str, JobSeconds] = {}
    max_attempts: int = Field(default=3, ge=1)
    max_queued: int = Field(default=100, ge=1)
    threads: Literal["half", "all"] | Annotated[int, Field(ge=1)] = "half"
    keep_jobs_days: Days = 90.0
    keep_work_days: Days = 7.0
    keep_caches_days: Days = 30.0
    keep_releases_days: Days = 0.0
    clean_hours: Annotated[float, Field(ge=0, le=8760)] = 24.0
    log_format: LogFormat = "auto"
    metrics_host: str = "127.0.0.1"
    worker_metrics_port: int = Field(default=0, ge=0, le=65_535)

    @classmethod
    def load(cls, **given: Any) -> Self:
        """The settings of this process, with what is given on top.

        Raises:
            InvalidInput: a variable has a value that cannot be used.
        """
        try:
            return cls(**given)
        except ValidationError as error:
            problems = (
                f"{'.'.join(map(str, e['loc'])) or 'settings'}: {e['msg']}" for e in error.errors()
            )
            raise InvalidInput(
                f"The settings are not valid: {'; '.join(problems)}.",
                "Correct the variables CANFUSE_…, or the options.",
            ) from error

    @field_validator("data_dirs", mode="before")
    @classmethod
    def _split_paths(cls, value: object) -> object:
        if isinstance(value, str):
            return [part for part in value.split(os.pathsep) if part]
        return value

    @field_validator("redis_url")
    @classmethod
    def _check_broker(cls, value: str | None) -> str | None:
        if value and not value.startswith(BROKER_SCHEMES):
            raise ValueError(f"a broker's URL starts with {', '.join(BROKER_SCHEMES)}")
        return value or None

    @model_validator(mode="after")
    def _complete(self) -> Self:
        self.home = self.home.expanduser().resolve()
        self.data_dirs = tuple(folder.expanduser().resolve() for folder in self.data_dirs)
        self.database_url = (
            _with_driver(self.database_url) or f"sqlite:///{self.home / 'canfuse.db'}"
        )
        if self.heartbeat_seconds * 2 > self.lease_seconds:
            raise ValueError("lease_seconds must be at least twice heartbeat_seconds")
        return self

    @property
    def workspace(self) -> Workspace:
        """The places that pipelines work in."""
        return Workspace(home=self.home, data_dirs=self.data_dirs)

    @property
    def broker_folder(self) -> Path:
        """Where the embedded broker lives."""
        return self.home / "broker"

    def seconds_for(self, kind: str) -> float:
        """How long an attempt of a job of this kind may take."""
        return self.kind_seconds.get(kind, self.job_seconds)

    @property
    def secrets(self) -> tuple[str, ...]:
        """Words that no log may show."""
        words = (urlsplit(url).password for url in (self.database_url, self.redis_url) if url)
        return tuple(form for word in words if word for form in {word, unquote(word)})

    @property
    def thread_count(self) -> int:
        """Compute threads of one job."""
        cores = os.cpu_count() or 1
        if isinstance(self.threads, int):
            return self.threads
        return cores if self.threads == "all" else max(1, cores // 2)


def _with_driver(url: str) -> str:
    """Name the PostgreSQL driver that is installed with canfuse where the URL names none."""
    for scheme in ("postgres://", "postgresql://"):
        if url.startswith(scheme):
            return "postgresql+psycopg://" + url.removeprefix(scheme)
    return url

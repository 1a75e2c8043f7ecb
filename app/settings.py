"""What an operator can set about the service, by environment variable or `.env` file."""

from __future__ import annotations

import ipaddress
import os
from typing import Annotated, Literal

from pydantic import Field, field_validator
from pydantic_settings import NoDecode

from app.keys import ApiKey
from workers.settings import Seconds
from workers.settings import Settings as WorkerSettings

Unenrolled = Literal["best_effort", "refuse"]
# One by one and in full: any page at all must not be let in by a star.
Origin = Annotated[str, Field(pattern=r"^https?://[A-Za-z0-9.-]+(:[0-9]{1,5})?$")]
LOOPBACK_HOSTS = ("localhost", "127.0.0.1", "::1")


class Settings(WorkerSettings):
    """Where the service listens, what it takes, and how patient it is.

    Attributes:
        host: address to listen on; another than loopback needs keys.
        port: port to listen on; 0 takes any that is free.
        metrics_port: port at `metrics_host` for the API's metrics; 0 for none.
        api_keys: who may do what, as `name:scope+scope:sha256hex` entries separated by commas;
            further ones are made with `canfuse keys create`.
        key_rate: requests that a key may make in a minute, unless it was made for more or fewer.
        allowed_hosts: names by which the service may be called beside the loopback's own; by
            default none on loopback without keys, otherwise any.
        cors_origins: origins of pages elsewhere that may call the service from a browser, as in
            https://fleet.example.com; by default none.
        max_body_bytes: size of a JSON body that is taken.
        max_columns_bytes: size of JSON columns to score that is taken.
        max_log_bytes: size of a log that is taken.
        max_held_bytes: size of all bodies together that are held at once.
        body_seconds: how long a body may take to arrive.
        max_connections: connections that are open at once.
        max_rows: length of a column that is taken.
        score_slots: scorings that run at once.
        score_waiting: scorings that may wait for a slot before more are turned away; the more, the
            longer the last one waits under too much load.
        score_wait_seconds: how long one may wait.
        stuck_seconds: when every slot has been taken for longer, scoring is said to hang.
        min_free_bytes: space on the disk below which the service is not ready.
        unenrolled: what becomes of traffic that names no vehicle: "best_effort" sees it relative
            to the release's car that knows most of it and says so, "refuse" refuses it.
        release_alias: the alias whose release answers where a request names none.
        release_poll_seconds: how often the aliases are looked at.
        sse_poll_seconds: how often a follower's job is looked at.
        sse_heartbeat_seconds: how often a silent stream shows that it lives.
        sse_lifetime_seconds: after how long a stream ends; the client then comes back.
        sse_streams: streams that are open at once.
        shutdown_seconds: how long requests under way may take when the service stops.
        drain_seconds: how long a connection that is open is still answered on, once more, then.
        processes: processes that answer requests at the one port.
    """

    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=0, le=65_535)
    metrics_port: int = Field(default=0, ge=0, le=65_535)
    api_keys: Annotated[tuple[ApiKey, ...], NoDecode] = ()
    key_rate: int = Field(default=12_000, ge=1)
    allowed_hosts: Annotated[tuple[str, ...], NoDecode] = ()
    cors_origins: Annotated[tuple[Origin, ...], NoDecode] = ()
    max_body_bytes: int = Field(default=1 << 20, ge=1)
    max_columns_bytes: int = Field(default=32 << 20, ge=1)
    max_log_bytes: int = Field(default=256 << 20, ge=1)
    max_held_bytes: int = Field(default=1 << 30, ge=1)
    body_seconds: Seconds = 300.0
    max_connections: int = Field(default=512, ge=1)
    max_rows: int = Field(default=5_000_000, ge=1)
    score_slots: int = Field(default=min(4, os.cpu_count() or 1), ge=1)
    score_waiting: int = Field(default=4, ge=0)
    score_wait_seconds: Seconds = 10.0
    stuck_seconds: Seconds = 300.0
    min_free_bytes: int = Field(default=256 << 20, ge=0)
    unenrolled: Unenrolled = "best_effort"
    release_alias: str = "production"
    release_poll_seconds: Seconds = 0.2
    sse_poll_seconds: Seconds = 0.25
    sse_heartbeat_seconds: Seconds = 15.0
    sse_lifetime_seconds: Seconds = 900.0
    sse_streams: int = Field(default=100, ge=1)
    shutdown_seconds: Seconds = 10.0
    drain_seconds: float = Field(default=2.0, ge=0, le=3600)
    processes: int = Field(default=1, ge=1, le=64)

    @field_validator("api_keys", mode="before")
    @classmethod
    def _parse_keys(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(ApiKey.parse(entry) for entry in _parts(value))
        return value

    @field_validator("allowed_hosts", "cors_origins", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return tuple(_parts(value)) if isinstance(value, str) else value

    @property
    def loopback_only(self) -> bool:
        """Whether nobody but this machine can reach the service."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"

    @property
    def host_names(self) -> tuple[str, ...]:
        """Names by which the service may be called."""
        if (self.api_keys or not self.loopback_only) and not self.allowed_hosts:
            return ("*",)
        return (*self.allowed_hosts, *LOOPBACK_HOSTS, self.host)


def _parts(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]

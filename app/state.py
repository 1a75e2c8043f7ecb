"""What the application holds while it runs, and how endpoints get at it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Annotated, TypedDict, cast

from fastapi import Depends, Request

from app.health.drift import DriftWatch
from app.health.gauges import watch_parts
from app.health.metrics import Metrics
from app.jobs.follow import Streams
from app.keys.rates import RateLimits
from app.keys.ring import KeyRing
from app.keys.store import KeyStore
from app.releases.holder import ReleaseHolder
from app.scoring.gate import Gate
from app.settings import Settings
from app.vehicles.seen import Vehicles
from ml.can.profiles.store import ProfileStore
from ml.releases import ReleaseStore
from workers.broker_setup import broker_url
from workers.jobs import JobStore, open_store


@dataclass(frozen=True)
class Services:
    """The parts that endpoints work with.

    Attributes:
        keys: who may do what.
        rates: how often each key may be used.
        holder: the releases that are loaded.
        vehicles: the enrolled vehicles.
        gate: lets so many scorings run, and so many wait.
        streams: lets so many event streams be open.
        drift: watches whether scores still look as they did in training.
        stopping: set when the service begins to stop, so that streams end.
    """

    settings: Settings
    keys: KeyRing
    rates: RateLimits
    jobs: JobStore
    releases: ReleaseStore
    holder: ReleaseHolder
    vehicles: Vehicles
    gate: Gate
    streams: Streams
    metrics: Metrics
    drift: DriftWatch
    stopping: asyncio.Event

    def close(self) -> None:
        """Let go of threads and connections."""
        self.metrics.close()
        self.holder.stop()
        self.jobs.engine.dispose()


class State(TypedDict):
    """What the lifespan gives to every request."""

    services: Services


def open_services(settings: Settings, metrics: Metrics, stopping: asyncio.Event) -> Services:
    """Open the database and the releases, and begin to watch the aliases."""
    jobs = open_store(settings)
    releases = ReleaseStore(settings.workspace.releases)
    holder = ReleaseHolder(releases, settings.release_alias, settings.release_poll_seconds)
    vehicles = Vehicles(ProfileStore(settings.workspace.vehicles), settings.unenrolled)
    gate = Gate(settings.score_slots, settings.score_waiting, settings.score_wait_seconds)
    drift = DriftWatch(releases)
    watch_parts(metrics, jobs, holder, gate, drift)
    if settings.metrics_port:
        metrics.listen(settings.metrics_host, settings.metrics_port)
    holder.start()
    streams = Streams(settings.sse_streams)
    keys = KeyRing(settings.api_keys, KeyStore(jobs.engine), exposed=not settings.loopback_only)
    rates = RateLimits(lambda: broker_url(settings), settings.key_rate)
    return Services(
        settings,
        keys,
        rates,
        jobs,
        releases,
        holder,
        vehicles,
        gate,
        streams,
        metrics,
        drift,
        stopping,
    )


def services(request: Request) -> Services:
    """The parts that this request works with."""
    return cast("Services", request.state.services)


TheServices = Annotated[Services, Depends(services)]

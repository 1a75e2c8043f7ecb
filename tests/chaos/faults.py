"""The faults. Each does its harm at once and tells to whom; "" where nobody was there to harm."""

from __future__ import annotations

import contextlib
import random
import signal
from collections.abc import Callable
from dataclasses import dataclass

import httpx
import psutil

from tests.chaos.deployment import Deployment
from tests.chaos.processes import Work
from workers.queue import announce
from workers.tables import HELD

Harm = Callable[[Deployment, random.Random], str]


@dataclass(frozen=True)
class Fault:
    """A kind of fault.

    Attributes:
        share: how often it comes, relative to the others.
        harm: does it.
        gentle: whether it leaves workers, broker and database alone, so that a job which was
            lost before has all it needs to run again.
    """

    share: int
    harm: Harm
    gentle: bool = False


def at_work(harm: Callable[[Deployment, random.Random, Work], None]) -> Harm:
    """What does harm to a job at work, or to the worker above it."""

    def strike(deployment: Deployment, rng: random.Random) -> str:
        if not (works := deployment.at_work()):
            return ""
        work = rng.choice(works)
        harm(deployment, rng, work)
        return work.job_id

    return strike


@at_work
def kill_worker(_: Deployment, __: random.Random, work: Work) -> None:
    work.worker.kill()


@at_work
def kill_child(_: Deployment, __: random.Random, work: Work) -> None:
    with contextlib.suppress(psutil.NoSuchProcess):
        work.child.kill()


@at_work
def send_worker_home(_: Deployment, __: random.Random, work: Work) -> None:
    work.worker.terminate()


@at_work
def freeze_worker(deployment: Deployment, rng: random.Random, work: Work) -> None:
    lease = deployment.settings.lease_seconds
    deployment.freeze(work.worker, lease * rng.uniform(1.1, 1.6))


def kill_broker(deployment: Deployment, _: random.Random) -> str:
    if (pid := deployment.broker.pid) is None:
        return ""
    psutil.Process(pid).kill()
    return f"process {pid}"


def restart_database(deployment: Deployment, rng: random.Random) -> str:
    farewell = rng.choice([signal.SIGINT, signal.SIGQUIT])
    deployment.postgres.restart(farewell)
    return farewell.name


def kill_api(deployment: Deployment, _: random.Random) -> str:
    if (api := deployment.api()) is None:
        return ""
    api.kill()
    return f"process {api.pid}"


def deliver_again(deployment: Deployment, rng: random.Random) -> str:
    jobs = deployment.store.list(limit=20)[0]
    if not (running := [job for job in jobs if job.status in HELD]):
        return ""
    for job in (rng.choice(running), rng.choice(jobs)):
        for _ in range(3):
            announce(job.id, job.queue, deployment.broker.url)
    return job.id


def cancel(deployment: Deployment, rng: random.Random) -> str:
    jobs = [job for job in deployment.store.list(limit=20)[0] if not job.finished]
    if not jobs:
        return ""
    job = rng.choice(jobs)
    with contextlib.suppress(httpx.HTTPError):
        if deployment.http.post(f"/jobs/{job.id}/cancel").is_success:
            return job.id
    return ""


FAULTS = {
    "worker SIGKILL": Fault(18, kill_worker),
    "child SIGKILL": Fault(18, kill_child, gentle=True),
    "duplicate delivery": Fault(17, deliver_again, gentle=True),
    "cancel": Fault(12, cancel, gentle=True),
    "broker SIGKILL": Fault(9, kill_broker),
    "API SIGKILL": Fault(8, kill_api, gentle=True),
    "worker frozen": Fault(7, freeze_worker),
    "database restart": Fault(7, restart_database),
    "worker SIGTERM": Fault(4, send_worker_home),
}


def deck(total: int, rng: random.Random) -> list[str]:
    """So many faults by name, each kind at least once, else by their shares."""
    names = list(FAULTS)
    shares = [fault.share for fault in FAULTS.values()]
    rest = rng.choices(names, shares, k=max(0, total - len(names)))
    cards = [*names, *rest][:total]
    rng.shuffle(cards)
    return cards

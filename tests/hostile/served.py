"""A service as a process of its own, with a release, a dataset, a vehicle and jobs that ended."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil
from service_kit import driving, publish, traffic, until

from app.settings import Settings
from app.vehicles.enrolment import enrol
from ml.can.profiles.store import ProfileStore
from ml.can.writers import write_log
from ml.releases import ReleaseStore
from workers.jobs import JobStore, open_store
from workers.records import Job

KEY = "fuzzing-key"
ROOT = Path(__file__).parents[2]
WORKER, LEASE_SECONDS = "nobody", 3600.0


@dataclass(frozen=True)
class Served:
    """A running service.

    Attributes:
        url: where it answers.
        process: it, to see how much memory it takes.
        log: what it wrote.
    """

    url: str
    process: psutil.Process
    log: Path

    @property
    def memory_mb(self) -> int:
        """Resident memory, with its children's."""
        family = [self.process, *self.process.children(recursive=True)]
        return sum(member.memory_info().rss for member in family) >> 20


@contextmanager
def served(home: Path, *, keys: bool = False, **settings: object) -> Iterator[Served]:
    """Fill a home and serve it, at a free port of the loopback."""
    furnish(home)
    values = {"HOME": home, "DATA_DIRS": home / "data", "PORT": 0, **settings}
    if keys:
        digest = hashlib.sha256(KEY.encode()).hexdigest()
        values["API_KEYS"] = f"all:admin:{digest}"
    environment = os.environ | {f"CANFUSE_{name}": str(value) for name, value in values.items()}
    log = home / "service.log"
    command = [sys.executable, "-m", "benchmarks.programs.idle_api"]
    with (
        log.open("wb") as errors,
        subprocess.Popen(
            command, env=environment, cwd=ROOT, stdout=subprocess.PIPE, stderr=errors, text=True
        ) as process,
    ):
        try:
            assert process.stdout is not None
            url = process.stdout.readline().strip()
            assert url, log.read_text()
            headers = {"X-API-Key": KEY}
            until(lambda: httpx.get(f"{url}/aliases", headers=headers).json()["in_use"])
            yield Served(url, psutil.Process(process.pid), log)
        finally:
            process.terminate()


def furnish(home: Path) -> None:
    """A release with a report, a dataset, an enrolled vehicle, and jobs."""
    publish(ReleaseStore(home / "releases"), home / "staged", report=True)
    for split in ("train_01", "test_01"):
        write_log(traffic(), home / "data" / "little" / split / "attack-free-car.parquet")
    enrol(ProfileStore(home / "vehicles"), "car", [driving()], source="x", accept_findings=True)
    settings = Settings(home=home, port=0)
    store = open_store(settings)
    succeeded, failed, cancelled, _ = (_submit(store) for _ in range(4))
    for job, end in ((succeeded, "succeed"), (failed, "fail")):
        _finish(store, settings, job, end)
    store.request_cancel(cancelled.id)
    store.engine.dispose()


def _submit(store: JobStore) -> Job:
    return store.submit("rehearse", {"steps": 3}, labels=["here"])[0]


def _finish(store: JobStore, settings: Settings, job: Job, end: str) -> None:
    lease = store.lease(job.id, WORKER, LEASE_SECONDS)
    assert lease is not None
    folder = settings.workspace.jobs / job.id
    (folder / "artifacts").mkdir(parents=True)
    (folder / "artifacts" / "metrics.csv").write_text("step,loss\n1,0.5\n")
    (folder / "stderr.log").write_text("counting\n")
    lease.append([{"event": "progress", "phase": "count", "fraction": 0.5}])
    if end == "succeed":
        lease.succeed({"counted": 3})
    else:
        lease.end("failed", {"type": "crash", "detail": "It crashed.", "hint": "Look."})

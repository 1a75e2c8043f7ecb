"""What the tests of the job system share: waiting, workers as real processes, a PostgreSQL."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import threading
import time

import psutil

from ml.releases.manifest import seal
from workers.silence import expire, held

PATIENCE = 40.0


def expire_leases(store):
    """End the leases that are over by the database's clock; gives how many this call has ended."""
    return sum(expire(store, lease) for lease in held(store) if lease.over)


def eventually(look, what, seconds=PATIENCE):
    """Look until there is something to see, and give it."""
    deadline = time.monotonic() + seconds
    pause = threading.Event()
    while not (seen := look()):
        assert time.monotonic() < deadline, f"{what} did not come within {seconds} s"
        pause.wait(0.02)
    return seen


def reach(store, job, *statuses):
    """Wait until the job stands in one of these."""

    def look():
        now = store.get(job.id)
        return now if now.status in statuses else None

    return eventually(look, f"{job.kind} job {' or '.join(statuses)}")


def rehearsal(store, *, steps=2, seconds=0.01, fail=False, **options):
    config = {"steps": steps, "seconds_per_step": seconds, "fail": fail}
    return store.submit("rehearse", config, **options)[0]


def counted(settings, job):
    """How many steps a rehearsal has behind it."""
    file = settings.workspace.jobs / job.id / "rehearsal.txt"
    with contextlib.suppress(OSError, ValueError):
        return int(file.read_text())
    return 0


def child_of(job):
    """The process that works on a job, if there is one."""
    for process in psutil.process_iter(["cmdline"]):
        words = process.info["cmdline"] or []
        if "ml.pipelines" in words and any(job.id in word for word in words):
            return process
    return None


def started(settings, job):
    """The child of a job that has counted a few steps."""
    eventually(lambda: counted(settings, job) >= 2, "a few steps")
    return child_of(job)


def gone(pid):
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def outcomes(store, job):
    """The statuses that the job went through, in order."""
    return [e.data["status"] for e in store.events(job.id) if e.data["event"] == "state"]


@contextlib.contextmanager
def worker_process(settings, broker_url, *, queues="cpu,gpu", **overrides):
    """A real worker, killed at the end if it still lives."""
    variables = {
        "HOME": settings.home,
        "DATA_DIRS": settings.home,
        "DATABASE_URL": settings.database_url,
        "REDIS_URL": broker_url,
        "LEASE_SECONDS": settings.lease_seconds,
        "HEARTBEAT_SECONDS": settings.heartbeat_seconds,
        "GRACE_SECONDS": settings.grace_seconds,
        "RECONCILE_SECONDS": settings.reconcile_seconds,
        "RING_SECONDS": settings.ring_seconds,
        **overrides,
    }
    env = os.environ | {f"CANFUSE_{name}": str(value) for name, value in variables.items()}
    settings.home.mkdir(exist_ok=True)
    with (settings.home / "worker.log").open("ab") as log:
        command = [sys.executable, "-m", "workers", "--queues", queues]
        process = subprocess.Popen(command, env=env, stdout=log, stderr=log)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def publish(store, folder, seed=0, alias="production"):
    """Publish a release that is whole, of experts that are none, with a report."""
    staged = folder / f"staged-{seed}" / "release"
    staged.mkdir(parents=True)
    (staged / "weights.bin").write_bytes(bytes([seed]) * 1000)
    (staged.parent / "report").mkdir()
    (staged.parent / "report" / "index.html").write_text("<h1>Report</h1>")
    window = {"window_size": 100, "stride": 100}
    seal(staged, kind="experts", name="made-up", dataset={}, config={}, window=window)
    return store.publish(staged, alias)

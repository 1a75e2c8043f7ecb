"""An attempt that is interrupted: cancelled, overtaken, or left by its worker."""

from __future__ import annotations

import os
import signal
import threading
from concurrent.futures import wait

import pytest
from job_kit import expire_leases, gone, outcomes, rehearsal, started
from sqlalchemy import update

from ml.errors import Unavailable
from workers.child import Child
from workers.locking import FolderLock
from workers.supervisor import Supervisor
from workers.tables import jobs

FOREVER = {"steps": 10_000, "seconds": 0.05}


def test_a_running_job_is_cancelled_by_asking_it(own_store, settings, supervisor, pool):
    """Guarantee: a cancel asks first."""
    job = rehearsal(own_store, **FOREVER)
    run = pool.submit(supervisor.run, job.id)
    child = started(settings, job)
    assert own_store.request_cancel(job.id).status == "cancelling"
    assert run.result() == "cancelled"
    assert gone(child.pid)
    assert outcomes(own_store, job) == ["queued", "running", "cancelling", "cancelled"]


def test_a_stubborn_child_is_killed_after_the_grace_time(own_store, settings, supervisor, pool):
    """Guarantee: a cancel kills what does not stop within the grace time."""
    job = rehearsal(own_store, **FOREVER)
    run = pool.submit(supervisor.run, job.id)
    child = started(settings, job)
    child.suspend()  # deaf to everything but SIGKILL
    own_store.request_cancel(job.id)
    assert run.result() == "cancelled"
    assert gone(child.pid)


def test_a_silent_child_keeps_its_lease(own_store, settings, pool):
    """Guarantee: heartbeats keep the lease, whatever the job's process does."""
    brief = settings.model_copy(update={"lease_seconds": 0.8})
    job = rehearsal(own_store, steps=1, seconds=2)
    run = pool.submit(Supervisor(own_store, brief, threading.Event()).run, job.id)
    while wait([run], timeout=0.02).not_done:
        assert expire_leases(own_store) == 0
    assert run.result() == "succeeded"


def test_a_lost_lease_ends_the_child_and_writes_nothing(own_store, settings, supervisor, pool):
    """Guarantee: an attempt that was overtaken stops working."""
    job = rehearsal(own_store, **FOREVER)
    run = pool.submit(supervisor.run, job.id)
    child = started(settings, job)
    with own_store.engine.begin() as connection:
        connection.execute(update(jobs).values(lease_expires_at=0))
        token = connection.execute(update(jobs).values(status="queued").returning(jobs.c.attempt))
        assert token.scalar() == 1
    current = own_store.lease(job.id, "another", 60)
    assert run.result() is None
    assert gone(child.pid)
    assert own_store.get(job.id).attempt == current.token == 2
    assert current.renew() == "running"


def test_a_leaving_worker_hands_its_job_back_at_no_cost(
    own_store, settings, supervisor, pool, leaving
):
    """Guarantee: a worker that is told to end hands its job over, at once."""
    job = rehearsal(own_store, **FOREVER)
    run = pool.submit(supervisor.run, job.id)
    child = started(settings, job)
    leaving.set()
    assert run.result() == "queued"
    assert gone(child.pid)
    assert supervisor.run(job.id) is None
    assert own_store.get(job.id).status == "queued"


def test_two_deliveries_of_one_job_make_one_attempt(own_store, supervisor, pool):
    """Guarantee: a message that is delivered twice starts one attempt."""
    job = rehearsal(own_store, steps=5, seconds=0.05)
    both = [pool.submit(supervisor.run, job.id) for _ in range(2)]
    assert {run.result() for run in both} == {"succeeded", None}
    assert supervisor.run(job.id) is None
    assert own_store.get(job.id).attempt == 1


def test_the_child_gets_its_share_of_the_cores_and_none_of_our_secrets(
    own_store, settings, pool, monkeypatch
):
    for name in ("CANFUSE_API_KEYS", "DATABASE_URL", "POSTGRES_PASSWORD", "GRAFANA_PASSWORD"):
        monkeypatch.setenv(name, "secret")
    frugal = settings.model_copy(update={"threads": 1})
    job = rehearsal(own_store, **FOREVER)
    run = pool.submit(Supervisor(own_store, frugal, threading.Event()).run, job.id)
    child = started(settings, job)
    environment = child.environ()
    assert os.getpgid(child.pid) == child.pid
    own_store.request_cancel(job.id)
    assert run.result() == "cancelled"
    assert environment["OMP_NUM_THREADS"] == "1"
    assert "secret" not in environment.values()


def test_two_processes_never_work_in_one_jobs_folder(settings, pool):
    """Guarantee: no two processes work on a job, whoever started them."""
    workdir = settings.workspace.jobs / "shared"
    config = {"steps": 10_000, "seconds_per_step": 0.05}
    impatient = settings.model_copy(update={"lease_seconds": 0.4})
    first = pool.submit(Child, "rehearse", config, workdir, impatient).result()
    try:
        with pytest.raises(Unavailable, match="earlier attempt still works"):
            Child("rehearse", config, workdir, impatient)
    finally:
        first.close()
    second = pool.submit(Child, "rehearse", config, workdir, impatient).result()
    assert second.close() == -signal.SIGKILL


def test_an_attempt_that_finds_the_folder_taken_gives_up_before_its_lease_is_over(
    own_store, settings
):
    patient = settings.model_copy(update={"grace_seconds": 60, "lease_seconds": 1})
    job = rehearsal(own_store)
    with FolderLock(settings.workspace.jobs / job.id / "lock", Unavailable("")):
        assert Supervisor(own_store, patient, threading.Event()).run(job.id) == "queued"
    error = own_store.events(job.id)[-1].data["error"]
    assert "earlier attempt still works" in error["detail"]


def test_no_signal_is_sent_to_a_group_that_has_ended(settings, pool, monkeypatch):
    child = pool.submit(
        Child, "rehearse", {"steps": 1}, settings.workspace.jobs / "brief", settings
    ).result()
    assert list(child.lines())
    sent = []
    deliver = os.killpg
    monkeypatch.setattr(os, "killpg", lambda *signal: (sent.append(signal), deliver(*signal)))
    assert child.finish(20) == 0
    assert sent == [(child.pid, signal.SIGKILL)]
    child.signal(signal.SIGTERM)
    assert child.ended()
    assert child.close() == 0
    assert len(sent) == 1

"""An attempt from lease to outcome, with a real child process and no broker."""

from __future__ import annotations

import os
import signal
import threading
from concurrent.futures import ThreadPoolExecutor

import psutil
import pytest
from job_kit import child_of, counted, eventually, gone, outcomes, reach, rehearsal
from sqlalchemy import update

from ml.releases import ReleaseStore
from ml.releases.manifest import seal
from workers.reconciler import expire_leases
from workers.supervisor import Supervisor
from workers.tables import jobs

FOREVER = {"steps": 10_000, "seconds": 0.05}


@pytest.fixture
def leaving():
    return threading.Event()


@pytest.fixture
def supervisor(own_store, settings, leaving):
    return Supervisor(own_store, settings, leaving)


@pytest.fixture
def pool():
    """Threads that outlive the children that they start."""
    with ThreadPoolExecutor(2) as pool:
        yield pool


def started(job, settings):
    """The child of a job that has counted a few steps."""
    eventually(lambda: counted(settings, job) >= 2, "a few steps")
    return child_of(job)


def test_a_job_runs_to_its_result_and_tells_its_way(own_store, settings, supervisor):
    job = rehearsal(own_store, steps=12, seconds=0.05)
    assert supervisor.run(job.id) == "succeeded"
    done = own_store.get(job.id)
    assert done.result == {"steps": 12, "resumed_from": 0}
    assert (done.fraction, done.attempt, done.error) == (1.0, 1, None)
    assert done.started_at <= done.finished_at
    told = [event.data for event in own_store.events(job.id)]
    assert outcomes(own_store, job) == ["queued", "running", "succeeded"]
    progress = [data for data in told if data["event"] == "progress"]
    assert progress
    assert progress[-1]["phase"] == "rehearse"
    assert told[-1]["status"] == "succeeded"


def test_what_a_pipeline_refuses_is_its_error_and_is_not_tried_again(own_store, supervisor):
    job = rehearsal(own_store, fail=True)
    assert supervisor.run(job.id) == "failed"
    failed = own_store.get(job.id)
    assert failed.error["type"] == "invalid-input"
    assert "told to fail" in failed.error["detail"]
    assert failed.attempt == 1


def test_a_killed_child_is_tried_again_and_resumes_from_its_checkpoint(
    own_store, settings, supervisor, pool
):
    job = rehearsal(own_store, steps=12, seconds=0.1)
    run = pool.submit(supervisor.run, job.id)
    started(job, settings).kill()
    assert run.result() == "queued"
    told = own_store.events(job.id)[-1].data["error"]
    assert told["signal"] == "SIGKILL"
    assert supervisor.run(job.id) == "succeeded"
    done = own_store.get(job.id)
    assert done.attempt == 2
    assert done.result["resumed_from"] >= 2


def test_an_exception_in_a_pipeline_fails_the_job_without_another_try(own_store, supervisor):
    job, _ = own_store.submit("rehearse", {"steps": 1}, queue="cpu")
    folder = supervisor._settings.workspace.jobs / job.id
    folder.mkdir(parents=True)
    (folder / "rehearsal.txt").mkdir()  # an accident that no pipeline expects
    assert supervisor.run(job.id) == "failed"
    failed = own_store.get(job.id)
    assert (failed.error["type"], failed.attempt) == ("crash", 1)
    assert b"Traceback" in (folder / "stderr.log").read_bytes()


def test_the_attempts_of_a_child_that_is_killed_each_time_are_capped(
    own_store, settings, supervisor, pool
):
    job = rehearsal(own_store, **FOREVER)
    for expected in ("queued", "queued", "failed"):
        run = pool.submit(supervisor.run, job.id)
        eventually(lambda: child_of(job), "the child").send_signal(signal.SIGKILL)
        assert run.result() == expected
    error = own_store.get(job.id).error
    assert "All 3 attempts were lost" in error["detail"]
    assert error["exit_code"] == -signal.SIGKILL
    assert "stderr" in error


def test_a_running_job_is_cancelled_by_asking_it(own_store, settings, supervisor, pool):
    job = rehearsal(own_store, **FOREVER)
    run = pool.submit(supervisor.run, job.id)
    child = started(job, settings)
    assert own_store.request_cancel(job.id).status == "cancelling"
    assert run.result() == "cancelled"
    assert gone(child.pid)
    assert outcomes(own_store, job) == ["queued", "running", "cancelling", "cancelled"]


def test_a_stubborn_child_is_killed_after_the_grace_time(own_store, settings, supervisor, pool):
    job = rehearsal(own_store, **FOREVER)
    run = pool.submit(supervisor.run, job.id)
    child = started(job, settings)
    child.suspend()  # deaf to everything but SIGKILL
    own_store.request_cancel(job.id)
    assert run.result() == "cancelled"
    assert gone(child.pid)


def test_a_silent_child_keeps_its_lease(own_store, settings, supervisor, pool):
    brief = settings.model_copy(update={"lease_seconds": 0.8})
    job = rehearsal(own_store, steps=1, seconds=2)
    run = pool.submit(Supervisor(own_store, brief, threading.Event()).run, job.id)
    while not run.done():
        assert expire_leases(own_store) == 0
    assert run.result() == "succeeded"


def test_a_lost_lease_ends_the_child_and_writes_nothing(own_store, settings, supervisor, pool):
    job = rehearsal(own_store, **FOREVER)
    run = pool.submit(supervisor.run, job.id)
    child = started(job, settings)
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
    job = rehearsal(own_store, **FOREVER)
    run = pool.submit(supervisor.run, job.id)
    child = started(job, settings)
    leaving.set()
    assert run.result() == "queued"
    assert gone(child.pid)
    assert supervisor.run(job.id) is None
    assert own_store.get(job.id).status == "queued"


def test_two_deliveries_of_one_job_make_one_attempt(own_store, supervisor, pool):
    job = rehearsal(own_store, steps=5, seconds=0.05)
    both = [pool.submit(supervisor.run, job.id) for _ in range(2)]
    assert {run.result() for run in both} == {"succeeded", None}
    assert supervisor.run(job.id) is None
    assert own_store.get(job.id).attempt == 1


def test_the_child_gets_its_share_of_the_cores_and_none_of_our_secrets(
    own_store, settings, pool, monkeypatch
):
    monkeypatch.setenv("CANFUSE_API_KEYS", "secret")
    monkeypatch.setenv("DATABASE_URL", "secret")
    frugal = settings.model_copy(update={"threads": 1})
    job = rehearsal(own_store, **FOREVER)
    run = pool.submit(Supervisor(own_store, frugal, threading.Event()).run, job.id)
    child = started(job, settings)
    environment = child.environ()
    assert os.getpgid(child.pid) == child.pid
    own_store.request_cancel(job.id)
    assert run.result() == "cancelled"
    assert environment["OMP_NUM_THREADS"] == "1"
    assert "secret" not in environment.values()


def test_a_new_attempt_waits_for_the_process_of_the_old_one(own_store, settings, supervisor, pool):
    job = rehearsal(own_store, **FOREVER)
    run = pool.submit(supervisor.run, job.id)
    first = started(job, settings)
    with own_store.engine.begin() as connection:
        connection.execute(update(jobs).values(status="queued"))
    assert run.result() is None or pytest.fail("the first attempt lost its lease")
    again = pool.submit(supervisor.run, job.id)
    second = eventually(lambda: child_of(job), "the second child")
    assert gone(first.pid)
    assert psutil.pid_exists(second.pid)
    own_store.request_cancel(job.id)
    assert again.result() == "cancelled"


def staged(supervisor, job):
    """A small bundle where a job leaves its own."""
    folder = supervisor._settings.workspace.jobs / job.id / "release"
    folder.mkdir(parents=True)
    (folder / "weights.bin").write_bytes(b"0123")
    facts = {"dataset": {"name": "d"}, "config": {}, "window": {"window_size": 100, "stride": 100}}
    return seal(folder, kind="experts", name="small", **facts).version


def test_a_staged_release_is_published_with_its_alias_under_the_current_token(
    own_store, settings, supervisor
):
    job = rehearsal(own_store)
    version = staged(supervisor, job)
    lease = own_store.lease(job.id, "w", 60)
    assert supervisor._succeed(lease, {"release": version, "alias": "production"}) == "succeeded"
    assert own_store.get(job.id).release == version
    assert ReleaseStore(settings.workspace.releases).aliases() == {"production": version}


def test_a_release_that_is_damaged_fails_the_job_and_is_not_published(
    own_store, settings, supervisor
):
    job = rehearsal(own_store)
    version = staged(supervisor, job)
    (settings.workspace.jobs / job.id / "release" / "weights.bin").write_bytes(b"4567")
    lease = own_store.lease(job.id, "w", 60)
    assert supervisor._succeed(lease, {"release": version, "alias": "production"}) == "failed"
    assert ReleaseStore(settings.workspace.releases).versions() == []
    assert own_store.get(job.id).error["detail"]

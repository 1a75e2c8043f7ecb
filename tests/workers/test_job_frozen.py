"""A worker that freezes in the middle of a job and wakes up when the job is another's."""

from __future__ import annotations

import signal

import psutil
import pytest
from job_kit import child_of, eventually, gone, outcomes, reach, worker_process

from ml.releases import ReleaseStore
from workers.queue import announce
from workers.tables import attempts


@pytest.fixture(params=[40])
def frozen(request, own_store, settings, broker, drill):
    """A job taken by a worker that was frozen then; gives the job, the worker and its child."""
    job = drill(steps=request.param, seconds_per_step=0.1, alias="production")
    with worker_process(settings, broker.url) as worker:
        announce(job.id, "cpu", broker.url)
        child = eventually(lambda: child_of(job), "the child")
        reach(own_store, job, "running")
        psutil.Process(worker.pid).suspend()
        yield job, worker, child
        worker.send_signal(signal.SIGCONT)


def outcomes_of_attempts(store, job):
    with store.engine.begin() as connection:
        query = attempts.select().where(attempts.c.job_id == job.id).order_by(attempts.c.number)
        return [row.outcome for row in connection.execute(query)]


def test_a_duplicate_delivery_to_a_frozen_worker_and_to_a_live_one_ends_the_job_once(
    own_store, settings, broker, frozen
):
    """Guarantee: fencing. Two workers had the job; only the holder of the current token writes.

    The frozen one wakes up while the other is at work, which only the token tells apart.
    """
    job, sleeper, _ = frozen
    with worker_process(settings, broker.url):
        for _ in range(3):
            announce(job.id, "cpu", broker.url)
        eventually(lambda: own_store.get(job.id).attempt == 2, "the second attempt")
        sleeper.send_signal(signal.SIGCONT)
        for _ in range(3):
            announce(job.id, "cpu", broker.url)
        done = reach(own_store, job, "succeeded", "failed")
    assert (done.status, done.attempt) == ("succeeded", 2)
    assert outcomes(own_store, job) == ["queued", "running", "queued", "running", "succeeded"]
    assert outcomes_of_attempts(own_store, job) == ["lost", "succeeded"]
    store = ReleaseStore(settings.workspace.releases)
    assert [release.version for release in store.versions()] == [done.release]
    assert store.aliases() == {"production": done.release}


@pytest.mark.parametrize("frozen", [100_000], indirect=True)
def test_the_child_of_a_frozen_worker_ends_before_another_has_its_job(own_store, frozen):
    """Guarantee: no two processes work on a job, though nobody is there to end the first."""
    job, worker, child = frozen
    eventually(lambda: gone(child.pid), "the child's end")
    assert psutil.Process(worker.pid).status() == psutil.STATUS_STOPPED
    assert own_store.get(job.id).status == "running"

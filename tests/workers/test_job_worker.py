"""Real workers, a real broker, real children: jobs get done whatever dies on the way."""

from __future__ import annotations

import os
import signal

import psutil
import pytest
from job_kit import (
    eventually,
    gone,
    outcomes,
    reach,
    rehearsal,
    started,
    worker_process,
)

from workers.broker import EmbeddedBroker
from workers.jobs import open_store
from workers.queue import announce, depth, ring
from workers.settings import Settings

FOREVER = {"steps": 10_000, "seconds": 0.05}


@pytest.fixture
def submit(own_store, broker, settings):  # noqa: ARG001 - it rings there
    """Submits a rehearsal and rings for it, as the service does."""

    def submit_and_ring(**options):
        job = rehearsal(own_store, **options)
        assert ring(job, settings)
        return job

    return submit_and_ring


@pytest.fixture
def worker(settings, broker):
    with worker_process(settings, broker.url) as worker:
        yield worker


@pytest.mark.usefixtures("worker")
def test_jobs_are_run_one_after_another_however_often_they_are_rung_for(own_store, broker, submit):
    """Guarantee: a worker runs one job at a time, each once, however many messages come."""
    jobs = [submit(steps=2) for _ in range(2)]
    for job in jobs * 3:
        assert announce(job.id, "cpu", broker.url)
    for job in jobs:
        assert reach(own_store, job, "succeeded", "failed").status == "succeeded"
        assert outcomes(own_store, job) == ["queued", "running", "succeeded"]
    first, second = (own_store.get(job.id) for job in jobs)
    assert first.finished_at <= second.started_at


@pytest.mark.usefixtures("worker")
def test_a_job_that_nobody_rang_for_is_found_and_run(own_store):
    """Guarantee: the database is the truth, the broker a doorbell."""
    job = rehearsal(own_store)
    assert reach(own_store, job, "succeeded").attempt == 1


def test_a_killed_worker_takes_its_child_along_and_the_job_is_resumed(
    own_store, settings, broker, submit
):
    """Guarantee: orphaned children end with their supervisor, and the job goes on elsewhere."""
    job = submit(steps=40, seconds=0.05)
    with worker_process(settings, broker.url) as worker:
        child = started(settings, job)
        child.suspend()  # deaf to the end of its standard input
        worker.kill()
        worker.wait()
    eventually(lambda: gone(child.pid), "the child's end")
    with worker_process(settings, broker.url):
        done = reach(own_store, job, "succeeded", "failed")
    assert (done.status, done.attempt) == ("succeeded", 2)
    assert done.result["resumed_from"] >= 2
    assert outcomes(own_store, job) == ["queued", "running", "queued", "running", "succeeded"]


@pytest.mark.parametrize("farewell", [signal.SIGTERM, signal.SIGINT])
def test_a_worker_told_to_end_hands_its_job_back_and_leaves_nothing_behind(
    own_store, settings, submit, worker, farewell
):
    """Guarantee: a polite shutdown hands the job over."""
    job = submit(**FOREVER)
    child = started(settings, job)
    worker.send_signal(farewell)
    assert worker.wait(20) == 0
    assert gone(child.pid)
    waiting = own_store.get(job.id)
    assert (waiting.status, waiting.attempt) == ("queued", 1)
    assert outcomes(own_store, job) == ["queued", "running", "queued"]


@pytest.mark.usefixtures("worker")
def test_a_running_job_is_cancelled_across_processes(own_store, settings, submit):
    """Guarantee: a cancel reaches the job wherever it runs."""
    job = submit(**FOREVER)
    child = started(settings, job)
    own_store.request_cancel(job.id)
    assert reach(own_store, job, "cancelled").result is None
    eventually(lambda: gone(child.pid), "the child's end")


def test_a_broker_killed_under_way_delivers_what_it_had_and_takes_more(
    own_store, settings, broker, submit
):
    """Guarantee: a broker that goes away and comes back loses no message."""
    first = submit(steps=2)
    old = broker.pid
    os.kill(old, signal.SIGKILL)
    eventually(lambda: broker.pid not in (None, old) and depth("cpu", broker.url), "the broker")
    # Without a reconciler to help, what arrives can only come from the broker's own file.
    with worker_process(settings, broker.url, RING_SECONDS=3600):
        assert reach(own_store, first, "succeeded").attempt == 1
        again = broker.pid
        os.kill(again, signal.SIGKILL)
        eventually(lambda: broker.pid not in (None, again) and depth("cpu", broker.url) == 0, "it")
        second = submit(steps=2)
        assert reach(own_store, second, "succeeded").attempt == 1


def test_a_worker_serves_only_its_queues_and_only_such_as_there_are(own_store, broker, settings):
    other = own_store.submit("rehearse", {"steps": 1}, queue="gpu")[0]
    with worker_process(settings, broker.url, queues="cpu"):
        assert reach(own_store, rehearsal(own_store), "succeeded").attempt == 1
    assert own_store.get(other.id).status == "queued"
    with worker_process(settings, broker.url, queues="tpu") as refused:
        assert refused.wait(20) == 3
    assert "names no queues" in (settings.home / "worker.log").read_text()


def test_a_lone_worker_brings_its_own_broker_and_takes_it_along(settings):
    store = open_store(settings)
    job = rehearsal(store)
    with worker_process(settings, "") as worker:
        assert reach(store, job, "succeeded").attempt == 1
        servers = psutil.Process(worker.pid).children()
        worker.terminate()
        assert worker.wait(20) == 0
    assert len(servers) == 1
    assert gone(servers[0].pid)
    with EmbeddedBroker(settings.broker_folder) as broker:
        assert broker.pid
    store.engine.dispose()


def test_a_worker_with_settings_that_cannot_be_used_says_so_in_one_line(settings):
    with worker_process(settings, "", LEASE_SECONDS="soon") as worker:
        assert worker.wait(20) == 3
    said = (settings.home / "worker.log").read_text()
    assert said.startswith("error: The settings are not valid: lease_seconds")
    assert "Traceback" not in said


def test_jobs_run_on_postgresql_too(postgres_url, settings, broker):
    url = postgres_url.replace("postgresql://", "postgresql+psycopg://")
    settings = Settings(**(settings.model_dump() | {"database_url": url}))
    store = open_store(settings)
    job = rehearsal(store, steps=4)
    with worker_process(settings, broker.url):
        assert ring(job, settings)
        assert reach(store, job, "succeeded", "failed").status == "succeeded"
    store.engine.dispose()

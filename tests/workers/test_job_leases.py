"""What the dead leave behind is put right, once, however many look after it."""

from __future__ import annotations

import dataclasses
from concurrent.futures import ThreadPoolExecutor

from job_kit import expire_leases, outcomes, rehearsal
from sqlalchemy import select

from workers.queue import depth
from workers.reconciler import Reconciler
from workers.silence import expire, held
from workers.tables import attempts


def attempt_outcomes(store, job):
    query = (
        select(attempts.c.outcome).where(attempts.c.job_id == job.id).order_by(attempts.c.number)
    )
    with store.engine.begin() as connection:
        return list(connection.scalars(query))


def test_a_job_whose_holder_fell_silent_waits_again(store):
    """Guarantee: the job of a holder that fell silent waits again."""
    job = rehearsal(store)
    store.lease(job.id, "w", 0)
    assert expire_leases(store) == 1
    assert store.get(job.id).status == "queued"
    assert store.lease(job.id, "w", 60).token == 2
    assert attempt_outcomes(store, job) == ["lost", None]


def test_a_job_whose_holder_lives_is_left_alone(store):
    job = rehearsal(store)
    lease = store.lease(job.id, "w", 0)
    dataclasses.replace(lease, seconds=60).renew()
    assert expire_leases(store) == 0
    assert store.get(job.id).status == "running"


def test_a_holder_that_wakes_up_in_the_nick_of_time_keeps_its_job(store):
    job = rehearsal(store)
    lease = store.lease(job.id, "w", 0)
    (seen,) = held(store)
    dataclasses.replace(lease, seconds=60).renew()
    assert not expire(store, seen)
    assert store.get(job.id).status == "running"


def test_a_job_fails_when_its_last_attempt_is_lost_and_says_so(store):
    """Guarantee: attempts are capped; the last one's end is the reason."""
    job = rehearsal(store)
    for _ in range(3):
        store.lease(job.id, "w", 0)
        expire_leases(store)
    ended = store.get(job.id)
    assert (ended.status, ended.attempt) == ("failed", 3)
    assert "All 3 attempts were lost" in ended.error["detail"]
    assert ended.finished_at is not None
    assert store.lease(job.id, "w", 60) is None


def test_an_attempt_that_is_handed_back_does_not_count(store):
    """Guarantee: only lost attempts count against the cap."""
    job = rehearsal(store)
    for _ in range(5):
        assert store.lease(job.id, "w", 60).end("handed-back") == "queued"
    boom = {"type": "crash", "detail": "boom"}
    for expected in ("queued", "queued", "failed"):
        assert store.lease(job.id, "w", 60).end("lost", boom) == expected
    assert store.get(job.id).attempt == 8


def test_a_cancelled_job_whose_holder_died_is_cancelled(store):
    """Guarantee: a cancel is kept though its worker died."""
    job = rehearsal(store)
    store.lease(job.id, "w", 0)
    assert store.request_cancel(job.id).status == "cancelling"
    expire_leases(store)
    assert store.get(job.id).status == "cancelled"
    assert outcomes(store, job) == ["queued", "running", "cancelling", "cancelled"]


def test_many_reconcilers_at_once_end_each_lease_once(store):
    """Guarantee: any number of reconcilers may run."""
    jobs = [rehearsal(store) for _ in range(5)]
    for job in jobs:
        store.lease(job.id, "w", 0)
    with ThreadPoolExecutor(4) as pool:
        ended = list(pool.map(lambda _: expire_leases(store), range(4)))
    assert sum(ended) == 5
    assert all(outcomes(store, job) == ["queued", "running", "queued"] for job in jobs)


def test_the_bell_is_rung_for_jobs_the_broker_forgot_but_not_twice(own_store, settings, broker):
    """Guarantee: a job that the broker forgot is rung for again."""
    patient = settings.model_copy(update={"ring_seconds": 1e-6})
    jobs = [rehearsal(own_store) for _ in range(3)]
    own_store.request_cancel(jobs[0].id)
    for _ in range(4):
        Reconciler(own_store, patient).once()
    assert depth("cpu", broker.url) == 2
    assert depth("gpu", broker.url) == 0


def test_a_job_that_was_just_submitted_is_not_rung_for_again(own_store, settings, broker):
    rehearsal(own_store)
    Reconciler(own_store, settings.model_copy(update={"ring_seconds": 60})).once()
    assert depth("cpu", broker.url) == 0


def test_without_a_broker_the_reconciler_carries_on_and_the_job_waits(own_store, settings):
    """Guarantee: without a broker nothing is lost."""
    job = rehearsal(own_store)
    Reconciler(own_store, settings.model_copy(update={"ring_seconds": 1e-6})).once()
    assert own_store.get(job.id).status == "queued"

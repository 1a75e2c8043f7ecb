"""What is asked for is recorded once, found again, and refused when there is too much of it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from job_kit import outcomes, rehearsal

from ml.errors import Conflict, InvalidInput, NotFound, Unavailable
from workers.jobs import JobStore


def test_a_submitted_job_waits_with_all_that_was_asked(store):
    job, created = store.submit(
        "fusion", {"a": {"b": [1, 2.5]}}, queue="gpu", labels=["night", "b"]
    )
    assert created
    assert store.get(job.id) == job
    assert (job.kind, job.queue, job.status, job.attempt) == ("fusion", "gpu", "queued", 0)
    assert job.config == {"a": {"b": [1, 2.5]}}
    assert job.labels == ("b", "night")
    assert job.created_at.tzinfo is not None
    assert not job.finished


def test_the_same_request_under_one_key_is_one_job(store):
    """Guarantee: an idempotency key makes one job."""
    first, created = store.submit("rehearse", {"steps": 1, "fail": False}, idempotency_key="k")
    again, repeated = store.submit("rehearse", {"fail": False, "steps": 1}, idempotency_key="k")
    assert (created, repeated) == (True, False)
    assert again.id == first.id
    assert len(store.list()[0]) == 1


def test_another_request_under_a_used_key_is_a_conflict(store):
    rehearsal(store, steps=1, idempotency_key="k")
    with pytest.raises(Conflict) as caught:
        rehearsal(store, steps=2, idempotency_key="k")
    assert caught.value.slug == "idempotency-key-reused"
    assert len(store.list()[0]) == 1


def test_twins_that_arrive_together_under_one_key_are_one_job(store):
    with ThreadPoolExecutor(8) as pool:
        answers = list(
            pool.map(lambda _: store.submit("rehearse", {}, idempotency_key="twin"), range(8))
        )
    assert len({job.id for job, _ in answers}) == 1
    assert sum(created for _, created in answers) == 1


def test_too_many_waiting_jobs_are_refused_but_a_repetition_is_not(store):
    small = JobStore(store.engine, max_queued=2)
    rehearsal(small, idempotency_key="k")
    second = rehearsal(small)
    with pytest.raises(Unavailable) as caught:
        rehearsal(small)
    assert caught.value.slug == "queue-full"
    assert caught.value.extra["retry_after"] > 0
    rehearsal(small, idempotency_key="k")
    small.request_cancel(second.id)
    assert rehearsal(small).status == "queued"


def test_a_queue_that_nobody_serves_is_refused(store):
    with pytest.raises(InvalidInput, match="no queue 'tpu'"):
        store.submit("rehearse", {}, queue="tpu")


@pytest.mark.parametrize(
    "wrong",
    [{"labels": ["a\0b"]}, {"labels": [""]}, {"labels": ["x" * 65]}, {"idempotency_key": "\ud800"}],
)
def test_a_word_that_not_every_database_takes_is_refused(store, wrong):
    with pytest.raises(InvalidInput, match="printable"):
        rehearsal(store, **wrong)
    assert store.list()[0] == []


def test_pages_go_from_the_newest_to_the_oldest_without_overlap(store):
    ids = [rehearsal(store).id for _ in range(5)]
    pages, cursor = [], None
    while True:
        page, cursor = store.list(limit=2, cursor=cursor)
        pages += [job.id for job in page]
        if cursor is None:
            break
        rehearsal(store)  # what comes in between belongs before the first page
    assert pages == ids[::-1]


def test_lists_can_be_narrowed_by_status_kind_and_label(store):
    plain = rehearsal(store)
    other = store.submit("fusion", {}, labels=["night"])[0]
    store.request_cancel(plain.id)
    assert [job.id for job in store.list(status="cancelled")[0]] == [plain.id]
    assert [job.id for job in store.list(kind="fusion")[0]] == [other.id]
    assert [job.id for job in store.list(label="night")[0]] == [other.id]
    assert store.list(label="nigh")[0] == []
    assert store.counts()["cancelled"] == 1


@pytest.mark.parametrize("wrong", [{"cursor": "x"}, {"cursor": "²"}, {"status": "done"}])
def test_a_wrong_filter_is_named(store, wrong):
    with pytest.raises(InvalidInput):
        store.list(**wrong)


def test_an_unknown_job_is_not_found_whatever_is_wanted_of_it(store):
    for ask in (store.get, store.events, store.request_cancel):
        with pytest.raises(NotFound) as caught:
            ask("nobody")
        assert caught.value.slug == "job-not-found"
    assert store.lease("nobody", "w", 10) is None


def test_a_waiting_job_is_cancelled_without_running_and_only_once(store):
    job = rehearsal(store)
    assert store.request_cancel(job.id).status == "cancelled"
    assert store.request_cancel(job.id).status == "cancelled"
    assert store.lease(job.id, "w", 10) is None
    assert outcomes(store, job) == ["queued", "cancelling", "cancelled"]


def test_a_job_that_has_ended_cannot_be_cancelled(store):
    job = rehearsal(store)
    store.lease(job.id, "w", 10).succeed({})
    with pytest.raises(Conflict) as caught:
        store.request_cancel(job.id)
    assert caught.value.slug == "job-finished"
    assert store.get(job.id).status == "succeeded"


def test_events_are_numbered_without_gaps_even_when_many_write(store):
    """Guarantee: events have a sequence number without gaps."""
    job = rehearsal(store)
    lease = store.lease(job.id, "w", 60)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda n: lease.append([{"event": "log", "n": n}] * 3), range(10)))
    sequences = [event.sequence for event in store.events(job.id)]
    assert sequences == list(range(1, 33))
    assert [e.sequence for e in store.events(job.id, after=30)] == [31, 32]
    assert len(store.events(job.id, limit=7)) == 7

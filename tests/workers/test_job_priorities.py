"""Which job is next, when it will be done, and what becomes of one that is asked for again."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from job_kit import rehearsal
from sqlalchemy import update

from ml.errors import Conflict, InvalidInput
from workers.tables import jobs


def took(store, job, seconds):
    """Let a job have succeeded after so many seconds."""
    store.lease(job.id, "w", 60).succeed({})
    finished = jobs.c.started_at + seconds
    with store.engine.begin() as connection:
        connection.execute(update(jobs).where(jobs.c.id == job.id).values(finished_at=finished))


def seconds_left(store, job):
    end = store.forecast().get(job.id)
    return None if end is None else (end - datetime.now(UTC)).total_seconds()


def fails(store, **options):
    job = rehearsal(store, **options)
    store.lease(job.id, "w", 60).end("failed", {"type": "x", "detail": "x"})
    return job


def test_a_worker_that_hears_a_bell_takes_the_most_urgent_that_waits_and_then_who_came_first(
    own_store, supervisor
):
    ranks = ("low", "normal", "high", "normal")
    waiting = [rehearsal(own_store, steps=1, priority=rank) for rank in ranks]
    other = own_store.submit("rehearse", {}, queue="gpu", priority="high")[0]
    assert [supervisor.run(waiting[0].id) for _ in waiting] == ["succeeded"] * 4
    done = sorted((own_store.get(job.id) for job in waiting), key=lambda job: job.started_at)
    assert [job.id for job in done] == [waiting[i].id for i in (2, 1, 3, 0)]
    assert supervisor.run(waiting[0].id) is None
    assert own_store.get(other.id).status == "queued"


def test_workers_that_hear_their_bells_at_once_take_different_jobs(store):
    waiting = [rehearsal(store) for _ in range(6)]

    def take(job):
        while urgent := store.most_urgent_beside(job.id):
            if lease := store.lease(urgent, "w", 60):
                return lease.job_id
        return None

    with ThreadPoolExecutor(6) as pool:
        taken = list(pool.map(take, waiting))
    assert sorted(taken) == sorted(job.id for job in waiting)


def test_priority_may_change_while_a_job_waits_and_words_about_it_at_any_time(store):
    first, second = rehearsal(store, labels=["a"]), rehearsal(store, priority="low")
    store.revise(second.id, priority="high")
    assert store.most_urgent_beside(first.id) == second.id
    store.lease(first.id, "w", 60)
    with pytest.raises(Conflict, match="waits no more"):
        store.revise(first.id, labels=["c"], priority="high")
    assert store.get(first.id).labels == ("a",)
    revised = store.revise(first.id, labels=["b", "b"], metadata={"bench": "3"})
    assert (revised.labels, revised.metadata) == (("b",), {"bench": "3"})
    assert [job.id for job in store.list(label="b")[0]] == [first.id]
    assert store.list(label="a")[0] == []
    for wrong in ({"labels": ["\0"]}, {"metadata": {"a": "\n"}}, {"metadata": {"": "a"}}):
        with pytest.raises(InvalidInput, match="printable"):
            store.revise(first.id, **wrong)


def test_jobs_are_listed_by_the_time_when_they_were_made(store):
    early, late = rehearsal(store), rehearsal(store)
    moment = datetime.now(UTC)
    for job, hours in ((early, 2), (late, 1)):
        made = (moment - timedelta(hours=hours)).timestamp()
        with store.engine.begin() as connection:
            connection.execute(update(jobs).where(jobs.c.id == job.id).values(created_at=made))

    def found(**between):
        return [job.id for job in store.list(**between)[0]]

    hours = [moment - timedelta(hours=h) for h in (3, 1.5, 0.5)]
    assert found(created_after=hours[0], created_before=hours[1]) == [early.id]
    assert found(created_after=hours[0], created_before=hours[2]) == [late.id, early.id]
    for _ in range(15):  # whichever way its time is rounded
        late = rehearsal(store)
        assert found(created_after=store.get(late.id).created_at) == [late.id]
        assert late.id not in found(created_before=store.get(late.id).created_at)


def test_a_request_with_other_metadata_or_priority_is_another_request(store):
    rehearsal(store, metadata={"a": "1"}, idempotency_key="k")
    for other in ({"metadata": {"a": "2"}}, {"metadata": {"a": "1"}, "priority": "high"}):
        with pytest.raises(Conflict, match="another request"):
            rehearsal(store, idempotency_key="k", **other)


def test_a_retry_asks_for_the_same_again_and_names_what_it_repeats(store):
    old = fails(store, steps=7, labels=["a"], metadata={"b": "c"}, priority="high")
    new, created = store.retry(old.id)
    assert created
    assert (new.retry_of, new.status, new.attempt) == (old.id, "queued", 0)
    for name in ("kind", "config", "labels", "metadata", "priority", "queue"):
        assert getattr(new, name) == getattr(old, name)
    assert store.get(old.id).status == "failed"


def test_a_retry_that_is_under_way_is_not_made_twice_and_one_that_has_ended_is(store):
    old = fails(store)
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda _: store.retry(old.id), range(6)))
    assert len({job.id for job, _ in answers}) == 1
    assert sum(created for _, created in answers) == 1
    store.request_cancel(answers[0][0].id)
    again, created = store.retry(old.id, "k")
    assert created
    store.request_cancel(again.id)
    assert store.retry(old.id, "k") == (store.get(again.id), False)


def test_a_key_that_was_answered_with_a_retry_under_way_stays_with_it(store):
    old = fails(store)
    first, _ = store.retry(old.id, "one")
    assert store.retry(old.id, "two") == (first, False)
    store.request_cancel(first.id)
    assert store.retry(old.id, "two") == (store.get(first.id), False)


def test_what_is_said_anew_about_the_old_job_does_not_make_a_repeated_retry_another(store):
    old = fails(store, labels=["a"])
    new, _ = store.retry(old.id, "k")
    store.revise(old.id, labels=["b"], metadata={"c": "d"})
    assert store.retry(old.id, "k") == (new, False)
    with pytest.raises(Conflict, match="another request"):
        rehearsal(store, idempotency_key="k")


def test_only_what_failed_or_was_cancelled_is_retried(store):
    waiting, good = rehearsal(store), rehearsal(store)
    store.lease(good.id, "w", 60).succeed({})
    for job in (waiting, good):
        with pytest.raises(Conflict, match="only what failed or was cancelled"):
            store.retry(job.id)
    store.request_cancel(waiting.id)
    assert store.retry(waiting.id)[1]


def test_the_end_of_a_running_job_is_told_from_its_own_pace(store):
    job = rehearsal(store)
    lease = store.lease(job.id, "w", 60)
    assert seconds_left(store, job) is None
    lease.append([], phase="p", fraction=0.5, message="", eta_seconds=90.0)
    assert 85 < seconds_left(store, job) <= 91


def test_the_end_of_waiting_jobs_is_told_from_how_long_their_kind_took(store):
    for seconds in (50, 100, 1000):
        took(store, rehearsal(store), seconds)
    first, second, urgent = rehearsal(store), rehearsal(store), rehearsal(store, priority="high")
    strange = store.submit("fusion", {}, priority="low")[0]
    elsewhere = store.submit("rehearse", {}, queue="gpu")[0]
    left = {job.id: seconds_left(store, job) for job in (urgent, first, second, elsewhere)}
    expected = {urgent.id: 100, first.id: 200, second.id: 300, elsewhere.id: 100}
    assert left == pytest.approx(expected, abs=5)
    assert seconds_left(store, strange) is None
    # Two that run make two places: the first that waits follows whichever is free first.
    store.lease(urgent.id, "w", 60)
    store.lease(first.id, "v", 60)
    assert seconds_left(store, second) == pytest.approx(200, abs=5)

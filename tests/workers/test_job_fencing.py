"""Only the latest attempt may write."""

from __future__ import annotations

import pytest
from job_kit import expire_leases, rehearsal

from workers.records import LeaseLost


def overtaken(store):
    """A job with an attempt that lost its lease and the attempt that holds it now."""
    job = rehearsal(store)
    stale = store.lease(job.id, "old", 0)
    assert expire_leases(store) == 1
    return job, stale, store.lease(job.id, "new", 60)


@pytest.mark.parametrize(
    "write",
    [
        pytest.param(lambda lease: lease.renew(), id="renew"),
        pytest.param(lambda lease: lease.append([{"event": "log"}], fraction=0.9), id="append"),
        pytest.param(lambda lease: lease.succeed({"by": "stale"}), id="succeed"),
        pytest.param(lambda lease: lease.end("failed", {"detail": "stale"}), id="fail"),
        pytest.param(lambda lease: lease.end("lost"), id="lose"),
        pytest.param(lambda lease: lease.end("handed-back"), id="hand back"),
    ],
)
def test_an_overtaken_attempt_can_write_nothing(store, write):
    """Guarantee: only the holder of the current token may write an outcome or an event."""
    job, stale, _ = overtaken(store)
    before = store.get(job.id), store.events(job.id)
    with pytest.raises(LeaseLost):
        write(stale)
    assert (store.get(job.id), store.events(job.id)) == before


def test_an_overtaken_attempt_publishes_nothing(store):
    """Guarantee: only the holder of the current token may publish."""
    job, stale, current = overtaken(store)
    published = []
    with pytest.raises(LeaseLost):
        stale.succeed({}, "0123", lambda: published.append("stale"))
    assert published == []
    assert current.succeed({}, "4567", lambda: published.append("current")) == "succeeded"
    assert (published, store.get(job.id).release) == (["current"], "4567")


def test_a_job_is_leased_to_one_at_a_time_with_growing_tokens(store):
    """Guarantee: one lease at a time, each with a new fencing token."""
    job, stale, current = overtaken(store)
    assert store.lease(job.id, "third", 60) is None
    assert current.token > stale.token
    assert store.get(job.id).attempt == current.token


def test_a_publication_that_fails_leaves_the_job_unfinished(store):
    """Guarantee: outcome and publication happen together or not at all."""
    job = rehearsal(store)
    lease = store.lease(job.id, "w", 60)

    def publish():
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        lease.succeed({}, "0123", publish)
    assert store.get(job.id).status == "running"
    assert lease.end("lost") == "queued"


def test_whoever_asked_for_a_cancel_gets_it_although_the_work_is_done(store):
    """Guarantee: a cancel that was accepted ends as cancelled."""
    job = rehearsal(store)
    lease = store.lease(job.id, "w", 60)
    store.request_cancel(job.id)
    published = []
    assert lease.renew() == "cancelling"
    assert lease.succeed({"x": 1}, "0123", lambda: published.append("x")) == "cancelled"
    assert published == []
    assert store.get(job.id).result is None

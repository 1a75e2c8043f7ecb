"""Only the latest attempt may write, and nothing leaves a final state."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from job_kit import outcomes, rehearsal

from workers.database import connect, prepare
from workers.jobs import JobStore
from workers.reconciler import expire_leases
from workers.records import JobFinished, LeaseLost
from workers.tables import TERMINAL

ALLOWED = {
    (None, "queued"),
    ("queued", "running"),
    ("queued", "cancelling"),
    ("running", "queued"),
    ("running", "succeeded"),
    ("running", "failed"),
    ("running", "cancelling"),
    ("cancelling", "cancelled"),
}


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
    job, stale, _ = overtaken(store)
    before = store.get(job.id), store.events(job.id)
    with pytest.raises(LeaseLost):
        write(stale)
    assert (store.get(job.id), store.events(job.id)) == before


def test_an_overtaken_attempt_publishes_nothing(store):
    _, stale, current = overtaken(store)
    published = []
    with pytest.raises(LeaseLost):
        stale.succeed({}, lambda: published.append("stale"))
    assert published == []
    assert current.succeed({}, lambda: "0123456789abcdef") == "succeeded"


def test_a_job_is_leased_to_one_at_a_time_with_growing_tokens(store):
    job, stale, current = overtaken(store)
    assert store.lease(job.id, "third", 60) is None
    assert current.token > stale.token
    assert store.get(job.id).attempt == current.token


def test_a_publication_that_fails_leaves_the_job_unfinished(store):
    job = rehearsal(store)
    lease = store.lease(job.id, "w", 60)

    def publish():
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        lease.succeed({}, publish)
    assert store.get(job.id).status == "running"
    assert lease.end("lost") == "queued"


def test_whoever_asked_for_a_cancel_gets_it_although_the_work_is_done(store):
    job = rehearsal(store)
    lease = store.lease(job.id, "w", 60)
    store.request_cancel(job.id)
    published = []
    assert lease.renew() == "cancelling"
    assert lease.succeed({"x": 1}, lambda: published.append("x")) == "cancelled"
    assert published == []
    assert store.get(job.id).result is None


class Lives(RuleBasedStateMachine):
    """Anything that anybody may try on a job, in any order, by attempts old and new."""

    @initialize()
    def open(self):
        self.store = JobStore(connect("sqlite:///file::memory:?uri=true"), max_attempts=2)
        prepare(self.store.engine)
        self.job = rehearsal(self.store)
        self.leases = []
        self.final = None

    def teardown(self):
        self.store.engine.dispose()

    @rule(seconds=st.sampled_from([0, 60]))
    def lease(self, seconds):
        if lease := self.store.lease(self.job.id, "w", seconds):
            self.leases.append(lease)

    @rule(
        data=st.data(),
        outcome=st.sampled_from(["succeeded", "failed", "lost", "handed-back", "renew", "append"]),
    )
    def write(self, data, outcome):
        if not self.leases:
            return
        lease = data.draw(st.sampled_from(self.leases))
        stale = lease is not self.leases[-1]
        try:
            self._write(lease, outcome)
        except LeaseLost:
            return
        assert not stale

    def _write(self, lease, outcome):
        if outcome == "succeeded":
            lease.succeed({"token": lease.token})
        elif outcome == "renew":
            lease.renew()
        elif outcome == "append":
            lease.append([{"event": "log"}])
        else:
            lease.end(outcome, {"detail": outcome})

    @rule()
    def cancel(self):
        try:
            self.store.request_cancel(self.job.id)
        except JobFinished:
            assert self.final is not None

    @rule()
    def reconcile(self):
        expire_leases(self.store)

    @invariant()
    def a_final_state_is_final(self):
        job = self.store.get(self.job.id)
        history = self.store.events(self.job.id)
        assert self.final in (None, (job, history))
        if job.status in TERMINAL:
            self.final = (job, history)

    @invariant()
    def only_allowed_steps_were_taken(self):
        path = [None, *outcomes(self.store, self.job)]
        assert set(zip(path, path[1:], strict=False)) <= ALLOWED


TestLives = Lives.TestCase
TestLives.settings = settings(
    max_examples=40,
    stateful_step_count=15,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)

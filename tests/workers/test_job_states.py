"""Nothing leaves a final state, whatever is tried in whatever order."""

from __future__ import annotations

import itertools

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from job_kit import expire_leases, outcomes, rehearsal

from workers.database import connect, prepare
from workers.jobs import JobStore
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


class Lives(RuleBasedStateMachine):
    """Anything that anybody may try on a job, in any order, by attempts old and new.

    Guarantee: a job ends once, and nothing leaves a final state.
    """

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
            lease.end(outcome, {"type": outcome, "detail": outcome})

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
        assert set(itertools.pairwise(path)) <= ALLOWED


TestLives = Lives.TestCase
TestLives.settings = settings(
    max_examples=40,
    stateful_step_count=15,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)

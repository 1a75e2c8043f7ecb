"""The clock of the database is set forward or back; leases and bells do not mind.

Moving the dates that it gave is to the queries the same as moving the clock.
"""

from __future__ import annotations

import pytest
from job_kit import rehearsal
from sqlalchemy import update

from workers.queue import depth
from workers.reconciler import Reconciler
from workers.silence import Silence, expire, held
from workers.tables import jobs

HOUR = 3600.0
LEASE, CONFIRM = 10.0, 4.0


class Clock:
    """A clock that the test winds: this process's own, which does not jump."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def silence(clock):
    return Silence(LEASE, CONFIRM, clock)


def set_clock(store, seconds):
    """Set the database's clock forward by so many seconds, or back."""
    with store.engine.begin() as connection:
        dates = {c.name: c - seconds for c in (jobs.c.lease_expires_at, jobs.c.created_at)}
        connection.execute(update(jobs).values(**dates, rang_at=jobs.c.rang_at - seconds))


def look(store, silence):
    return [expire(store, lease) for lease in silence.over(held(store))]


def test_a_clock_set_forward_takes_no_job_from_a_holder_that_lives(store, silence, clock):
    """Guarantee: a clock that jumps forward interrupts nobody."""
    job = rehearsal(store)
    lease = store.lease(job.id, "w", LEASE)
    assert look(store, silence) == []
    set_clock(store, HOUR)
    assert look(store, silence) == []
    clock.now += CONFIRM / 2
    assert lease.renew() == "running"
    clock.now += CONFIRM
    assert look(store, silence) == []
    assert store.get(job.id).status == "running"


def test_a_clock_set_forward_does_not_save_a_holder_that_died(store, silence, clock):
    """Guarantee: a dead holder's job waits again although the clock jumped."""
    job = rehearsal(store)
    store.lease(job.id, "w", LEASE)
    set_clock(store, HOUR)
    assert look(store, silence) == []
    clock.now += CONFIRM
    assert look(store, silence) == [True]
    assert store.get(job.id).status == "queued"


def test_a_clock_set_back_does_not_prolong_the_lease_of_the_dead(store, silence, clock):
    """Guarantee: a clock that jumps back leaves no job behind."""
    job = rehearsal(store)
    store.lease(job.id, "w", LEASE)
    set_clock(store, -HOUR)
    assert look(store, silence) == []
    clock.now += LEASE - 0.1
    assert look(store, silence) == []
    clock.now += 0.2
    assert look(store, silence) == [True]
    assert store.get(job.id).status == "queued"


def test_a_holder_that_renews_between_the_look_and_the_act_keeps_its_job(store, silence, clock):
    """Guarantee: whoever renews in time keeps the job, however late others think it."""
    job = rehearsal(store)
    lease = store.lease(job.id, "w", 0)
    look(store, silence)
    clock.now += CONFIRM
    (over,) = silence.over(held(store))
    lease.renew()
    assert not expire(store, over)
    assert store.get(job.id).status == "running"


def test_a_bell_rung_before_the_clock_was_set_back_is_rung_again(own_store, settings, broker):
    """Guarantee: a job whose message was lost is found although the clock jumped back."""
    rehearsal(own_store)
    set_clock(own_store, -HOUR)
    Reconciler(own_store, settings).once()
    assert depth("cpu", broker.url) == 1

"""A watch over a process whose database is away, or hangs."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager

import pytest
from job_kit import eventually, gone, rehearsal
from sqlalchemy import select

from workers.attempt import Watch
from workers.child import Child
from workers.database import connect, prepare
from workers.jobs import JobStore
from workers.relay import Relay
from workers.tables import jobs


@pytest.fixture
def watched(settings, pool):
    """Starts a child of so many steps and watches over it; the lease lasts half a second."""
    children = []

    def start(store, steps):
        job = rehearsal(store)
        lease = store.lease(job.id, "w", 0.5)
        config = {"steps": steps, "seconds_per_step": 0.05}
        workdir = settings.workspace.jobs / job.id
        child = pool.submit(Child, job.kind, config, workdir, settings).result()
        children.append(child)
        lease.renew()
        return lease, child, Watch(lease, child, Relay(), settings, threading.Event())

    yield start
    for child in children:
        child.close()


@contextmanager
def locked(store):
    """Hold the lock that all writers wait for."""
    with store.engine.begin() as connection:
        connection.execute(select(jobs).with_for_update())
        yield


def test_a_process_is_ended_when_its_lease_lapses_though_the_database_hangs(settings, watched):
    """Guarantee: who cannot renew stops before another begins."""
    store = JobStore(connect(settings.database_url, patience=30))
    prepare(store.engine)
    _, child, watch = watched(store, steps=10_000)
    with watch, locked(store):
        eventually(lambda: watch.lost and gone(child.pid), "the end", seconds=10)
    store.engine.dispose()


def test_work_that_is_done_outlives_an_outage_longer_than_the_lease(own_store, watched):
    """Guarantee: finished work waits for a database that is away."""
    lease, child, watch = watched(own_store, steps=1)
    assert list(child.lines())
    eventually(child.ended, "the end")
    with watch, locked(own_store):
        eventually(lambda: time.monotonic() - lease.since > 2.5, "the end of the lease")
        assert not watch.lost
    assert lease.end("handed-back") == "queued"

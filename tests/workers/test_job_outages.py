"""The database goes away under a running job and comes back."""

from __future__ import annotations

import signal
import subprocess

import pytest
from job_kit import eventually, outcomes, reach, rehearsal, worker_process

from tests.servers import Postgres
from workers.database import DatabaseUnavailable
from workers.jobs import open_store
from workers.settings import Settings


@pytest.fixture
def server():
    """A PostgreSQL server of this test's own, to be restarted."""
    try:
        server = Postgres()
    except (OSError, LookupError, subprocess.CalledProcessError) as error:
        pytest.skip(f"PostgreSQL cannot be started here: {error}")
    with server:
        yield server


@pytest.mark.parametrize("farewell", [signal.SIGINT, signal.SIGQUIT])
def test_a_database_that_restarts_costs_a_job_nothing(server, settings, broker, farewell):
    """Guarantee: a database that is away for less than a lease interrupts nobody."""
    url = server.url.replace("postgresql://", "postgresql+psycopg://")
    patient = Settings(**settings.model_dump() | {"database_url": url, "lease_seconds": 30})
    store = open_store(patient)
    job = rehearsal(store, steps=40, seconds=0.05)
    with worker_process(patient, broker.url):
        eventually(lambda: store.get(job.id).fraction > 0, "progress")
        server.restart(farewell)
        server.wait()
        eventually(lambda: answers(store), "the database")
        assert reach(store, job, "succeeded", "failed").attempt == 1
    assert outcomes(store, job) == ["queued", "running", "succeeded"]
    store.engine.dispose()


def answers(store):
    try:
        return store.counts()
    except DatabaseUnavailable:
        return None

"""A database of the first version, full of jobs, comes forward to the newest with all it holds."""

from __future__ import annotations

import json

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import text

from workers.database import _config, connect, prepare, upgrade
from workers.jobs import JobStore
from workers.tables import STATUSES, metadata

BORN = 1_700_000_000.0
CONFIG = {"steps": 3, "nested": {"ä": [1, 2.5, None]}}
ERROR = {"type": "crash", "detail": "It broke.", "hint": ""}


def revisions():
    return [s.revision for s in ScriptDirectory.from_config(_config()).walk_revisions()][::-1]


def fill(connection):
    """Jobs as the first version wrote them, one in each status, by the words of its tables."""
    for number, status in enumerate(STATUSES, start=1):
        ended = status in ("succeeded", "failed", "cancelled")
        row = {
            "id": f"{number:024x}",
            "status": status,
            "config": json.dumps(CONFIG),
            "labels": json.dumps(["nightly"]),
            "created": BORN + number,
            "finished": BORN + 100 if ended else None,
            "attempt": 0 if status == "queued" else 2,
            "result": json.dumps({"f1": 0.9}) if status == "succeeded" else None,
            "error": json.dumps(ERROR) if status == "failed" else None,
        }
        connection.execute(text(_JOB), row)
        connection.execute(
            text("INSERT INTO job_labels (label, job_id) VALUES ('nightly', :id)"), row
        )
        for sequence in (1, 2):
            data = json.dumps({"event": "log", "message": f"line {sequence}"})
            connection.execute(text(_EVENT), {**row, "sequence": sequence, "data": data})
        if row["attempt"]:
            connection.execute(text(_ATTEMPT), row)
    connection.execute(text(_KEY), {"id": f"{1:024x}"})


_JOB = """INSERT INTO jobs (id, kind, queue, status, config, labels, created_at,
    finished_at, attempt, lost, max_attempts, last_event, fraction, message, result, error)
    VALUES (:id, 'rehearse', 'cpu', :status, :config, :labels, :created,
    :finished, :attempt, 1, 3, 2, 0.5, 'half way', :result, :error)"""
_LABEL = "INSERT INTO job_labels (label, job_id) VALUES ('nightly', :id)"
_EVENT = """INSERT INTO events (job_id, sequence, attempt, at, data)
    VALUES (:id, :sequence, 0, 1700000000.5, :data)"""
_ATTEMPT = """INSERT INTO attempts (job_id, number, worker, started_at, outcome)
    VALUES (:id, 1, 'host:1', 1700000000.0, 'lost')"""
_KEY = """INSERT INTO idempotency (key, job_id, digest, created_at)
    VALUES ('once', :id, 'a digest', 1700000000.0)"""


@pytest.fixture
def filled(database_url):
    """A database that the first version of the tables was used with."""
    engine = connect(database_url)
    with engine.begin() as connection:
        upgrade(connection, revisions()[0])
        fill(connection)
    yield engine
    engine.dispose()


def counts(engine):
    names = ("jobs", "job_labels", "attempts", "events", "idempotency")
    with engine.begin() as connection:
        return [connection.scalar(text(f"SELECT count(*) FROM {name}")) for name in names]  # noqa: S608 - names of our own


def test_a_filled_database_of_the_first_version_is_readable_by_the_newest(filled):
    before = counts(filled)
    assert min(before) >= 1
    prepare(filled)
    assert counts(filled) == before
    store = JobStore(filled)
    listed, _ = store.list(label="nightly")
    assert [job.status for job in listed] == list(STATUSES)[::-1]
    for job in listed:
        assert (job.config, job.labels, job.fraction) == (CONFIG, ("nightly",), 0.5)
        assert job.created_at.timestamp() > BORN
        assert [e.data["message"] for e in store.events(job.id)] == ["line 1", "line 2"]
    by_status = {job.status: job for job in listed}
    assert by_status["succeeded"].result == {"f1": 0.9}
    assert by_status["failed"].error == ERROR


def test_work_goes_on_with_the_jobs_of_the_first_version(filled):
    prepare(filled)
    store = JobStore(filled)
    waiting, _ = store.list(status="queued")
    lease = store.lease(waiting[0].id, "host:2", 60)
    assert lease.succeed({"f1": 1.0}) == "succeeded"
    new, _ = store.submit("rehearse", {})
    assert store.list()[0][0].id == new.id
    (cancelling, *_), _ = store.list(status="cancelling")
    assert store.request_cancel(cancelling.id).status == "cancelling"


def test_each_step_forward_keeps_what_is_there_and_the_last_is_the_model(filled):
    before = counts(filled)
    for revision in revisions()[1:]:
        with filled.begin() as connection:
            upgrade(connection, revision)
        assert counts(filled) == before
    with filled.begin() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []

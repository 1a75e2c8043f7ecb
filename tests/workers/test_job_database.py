"""The tables come into being by themselves, whoever is first."""

from __future__ import annotations

import subprocess
import sys

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from job_kit import rehearsal
from sqlalchemy import inspect, select

from ml.errors import InvalidInput, Unavailable
from workers.database import _config, connect, prepare
from workers.jobs import JobStore
from workers.tables import metadata, now

PREPARE = "import sys; from workers.database import *; prepare(connect(sys.argv[1]))"


def test_an_empty_database_gets_exactly_the_tables_of_the_model(database_url):
    engine = connect(database_url)
    prepare(engine)
    with engine.begin() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
        names = set(inspect(connection).get_table_names())
    assert {"jobs", "attempts", "events", "idempotency", "job_labels"} <= names
    engine.dispose()


def test_several_processes_may_prepare_one_database_at_once(database_url):
    starts = [
        subprocess.Popen([sys.executable, "-c", PREPARE, database_url], stderr=subprocess.PIPE)
        for _ in range(4)
    ]
    ends = [(process.communicate()[1], process.returncode) for process in starts]
    assert [code for _, code in ends] == [0] * 4, ends
    engine = connect(database_url)
    assert rehearsal(JobStore(engine)).status == "queued"
    engine.dispose()


def test_preparing_again_keeps_what_is_there(store):
    job = rehearsal(store)
    prepare(store.engine)
    assert store.get(job.id) == job


def test_the_first_step_can_be_taken_back(store):
    config = _config()
    with store.engine.begin() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, "base")
    with store.engine.begin() as connection:
        assert set(inspect(connection).get_table_names()) <= {"alembic_version"}
    prepare(store.engine)


def test_the_databases_clock_counts_seconds_since_1970(store):
    with store.engine.begin() as connection:
        first, second = (connection.scalar(select(now())) for _ in range(2))
    assert 1.7e9 < first <= second < first + 60


def test_sqlite_survives_readers_beside_writers_and_minds_references(tmp_path):
    engine = connect(f"sqlite:///{tmp_path}/new/jobs.db")
    with engine.begin() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1
        assert connection.exec_driver_sql("PRAGMA busy_timeout").scalar() > 1000
    engine.dispose()


@pytest.mark.parametrize("url", ["mysql://h/d", "nonsense"])
def test_another_database_is_refused(url):
    with pytest.raises(InvalidInput):
        connect(url)


@pytest.mark.parametrize(
    "url", ["postgresql+psycopg://127.0.0.1:1/x", "sqlite:////proc/no/jobs.db"]
)
def test_a_database_that_cannot_be_reached_is_one_clear_error(url):
    with pytest.raises(Unavailable) as caught:
        prepare(connect(url))
    assert caught.value.slug == "database-unavailable"

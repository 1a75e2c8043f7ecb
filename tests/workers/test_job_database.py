"""The tables come into being by themselves, whoever is first."""

from __future__ import annotations

import subprocess
import sys

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from job_kit import rehearsal
from sqlalchemy import inspect, select, text

from ml.errors import InvalidInput, Unavailable
from workers.database import (
    DatabaseUnavailable,
    DatabaseUnusable,
    _config,
    connect,
    prepare,
)
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
        assert connection.exec_driver_sql("PRAGMA busy_timeout").scalar() == 5000
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


def test_a_file_that_is_no_database_is_one_clear_error(tmp_path):
    (tmp_path / "canfuse.db").write_bytes(b"no database at all, but long enough to be read" * 100)
    with pytest.raises(DatabaseUnusable, match="is damaged: file is not a database"):
        prepare(connect(f"sqlite:///{tmp_path}/canfuse.db"))


def test_a_database_of_a_newer_version_is_one_clear_error(store):
    with store.engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(DatabaseUnusable, match=r"made by a newer canfuse\. Upgrade canfuse"):
        prepare(store.engine)


def test_who_waits_too_long_for_a_connection_or_a_lock_is_told(database_url):
    engine = connect(database_url, patience=0.2)
    prepare(engine)
    job = rehearsal(JobStore(engine))
    lock = "UPDATE jobs SET message = 'x'"
    with engine.begin() as holder:
        holder.execute(text(lock))
        with pytest.raises(DatabaseUnavailable), engine.begin() as connection:
            connection.execute(text(lock))
        rest = [engine.connect() for _ in range(engine.pool.size() + engine.pool._max_overflow - 1)]
        with pytest.raises(DatabaseUnavailable, match="connections to it are busy"):
            engine.connect()
        for connection in rest:
            connection.close()
    assert JobStore(engine).get(job.id).message == "x"
    engine.dispose()


def test_a_statement_that_takes_too_long_is_ended_unless_the_url_says_otherwise(postgres_url):
    url = postgres_url.replace("postgresql://", "postgresql+psycopg://")
    slow = text("SELECT pg_sleep(0.3)")
    with pytest.raises(DatabaseUnavailable, match="statement timeout"):
        connect(url, patience=0.1).connect().execute(slow)
    joint = "&" if "?" in url else "?"
    patient = connect(f"{url}{joint}options=-cstatement_timeout%3D5000", patience=0.1)
    with patient.connect() as connection:
        assert connection.execute(slow).rowcount == 1
    patient.dispose()


def test_a_value_that_only_one_kind_of_database_would_take_is_one_clear_error(postgres_url):
    engine = connect(postgres_url.replace("postgresql://", "postgresql+psycopg://"))
    with pytest.raises(InvalidInput, match="takes no such value"), engine.connect() as connection:
        connection.execute(text("SELECT :word"), {"word": "\0"})
    engine.dispose()

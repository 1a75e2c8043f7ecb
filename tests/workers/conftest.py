"""Stores, brokers and workers, each real and each in a place of its own."""

from __future__ import annotations

import os
import secrets
import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest

from tests.places import database_of, in_schema
from tests.servers import Postgres
from workers.broker import EmbeddedBroker
from workers.database import connect, prepare
from workers.jobs import JobStore, open_store
from workers.settings import Settings
from workers.supervisor import Supervisor

DRILL_SITE = Path(__file__).parents[1] / "chaos" / "site"


@pytest.fixture
def settings(tmp_path):
    return Settings(
        home=tmp_path / "home",
        database_url=database_of(tmp_path / "home"),
        data_dirs=(tmp_path,),
        lease_seconds=3,
        heartbeat_seconds=0.2,
        grace_seconds=1,
        reconcile_seconds=0.2,
        ring_seconds=0.5,
    )


@pytest.fixture
def own_store(settings):
    """A store where the worker of the same settings finds it."""
    store = open_store(settings)
    yield store
    store.engine.dispose()


@pytest.fixture
def broker(settings):
    with EmbeddedBroker(settings.broker_folder) as broker:
        yield broker


@pytest.fixture(scope="session")
def postgres_url():
    if url := os.environ.get("CANFUSE_TEST_POSTGRES_URL"):
        yield url
        return
    try:
        server = Postgres()
    except (OSError, LookupError, subprocess.CalledProcessError) as error:
        pytest.skip(f"PostgreSQL cannot be started here ({error}): set CANFUSE_TEST_POSTGRES_URL")
    yield server.url
    server.stop()


@pytest.fixture
def postgres_schema(postgres_url):
    """The URL of an empty schema of its own."""
    schema = f"test_{secrets.token_hex(6)}"
    with psycopg.connect(postgres_url, autocommit=True) as admin:
        admin.execute(f"CREATE SCHEMA {schema}")
    yield in_schema(postgres_url, schema)
    with psycopg.connect(postgres_url, autocommit=True) as admin:
        admin.execute(f"DROP SCHEMA {schema} CASCADE")


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request, tmp_path):
    """An empty database of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'jobs.db'}"
    return request.getfixturevalue("postgres_schema")


@pytest.fixture
def store(database_url):
    engine = connect(database_url)
    prepare(engine)
    yield JobStore(engine, max_attempts=3, max_queued=20)
    engine.dispose()


@pytest.fixture
def drill(own_store, monkeypatch):
    """Submits a job of the kind `drill`, which workers that are started now know."""
    paths = [str(DRILL_SITE), *filter(None, [os.environ.get("PYTHONPATH")])]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(paths))
    return lambda **config: own_store.submit("drill", config)[0]


@pytest.fixture
def leaving():
    return threading.Event()


@pytest.fixture
def supervisor(own_store, settings, leaving):
    return Supervisor(own_store, settings, leaving)


@pytest.fixture
def pool():
    """Threads that outlive the children that they start."""
    with ThreadPoolExecutor(2) as pool:
        yield pool

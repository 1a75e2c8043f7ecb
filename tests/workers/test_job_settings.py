"""An operator's variables are understood, and what cannot be meant is refused."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ml.errors import InvalidInput
from workers.celery_app import make_app
from workers.settings import Settings


@pytest.fixture(autouse=True)
def _bare(monkeypatch, tmp_path):
    for name in list(os.environ):
        if name.startswith("CANFUSE_") or name in ("DATABASE_URL", "REDIS_URL"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def test_without_any_variable_everything_lives_under_var(tmp_path):
    settings = Settings.load()
    assert settings.home == tmp_path / "var"
    assert settings.database_url == f"sqlite:///{tmp_path}/var/canfuse.db"
    assert settings.redis_url is None
    assert settings.workspace.data_dirs == (tmp_path / "data",)


def test_data_folders_are_separated_as_in_path(monkeypatch):
    monkeypatch.setenv("CANFUSE_DATA_DIRS", "/one:/two")
    assert Settings.load().data_dirs == (Path("/one"), Path("/two"))


def test_the_usual_bare_names_of_the_urls_are_honoured_after_our_own(monkeypatch):
    monkeypatch.setenv("DATABASE_URL", "postgres://u@h/d")
    monkeypatch.setenv("REDIS_URL", "redis://h")
    assert Settings.load().database_url == "postgresql+psycopg://u@h/d"
    assert Settings.load().redis_url == "redis://h"
    monkeypatch.setenv("CANFUSE_DATABASE_URL", "sqlite:///x.db")
    assert Settings.load().database_url == "sqlite:///x.db"


def test_the_passwords_of_database_and_broker_are_known_as_secrets_in_both_spellings():
    urls = {"database_url": "postgresql://u:p%40ss@h/d", "redis_url": "redis://:word@h:1/0"}
    assert set(Settings(**urls).secrets) == {"p%40ss", "p@ss", "word"}
    assert Settings().secrets == ()


@pytest.mark.parametrize(("wish", "threads"), [("all", os.cpu_count()), ("3", 3)])
def test_a_job_gets_the_threads_that_were_set(monkeypatch, wish, threads):
    monkeypatch.setenv("CANFUSE_THREADS", wish)
    assert Settings.load().thread_count == threads


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("LEASE_SECONDS", "1"),
        ("MAX_ATTEMPTS", "0"),
        ("GRACE_SECONDS", "soon"),
        ("THREADS", "0"),
        ("REDIS_URL", "http://h"),
    ],
)
def test_a_value_that_cannot_be_used_is_one_clear_error(monkeypatch, name, value):
    monkeypatch.setenv(f"CANFUSE_{name}", value)
    with pytest.raises(InvalidInput, match="settings are not valid"):
        Settings.load()


def test_the_celery_application_really_has_what_was_configured():
    conf = make_app("redis://nowhere").conf
    assert conf.task_acks_late is False
    assert conf.accept_content == ["json"]
    assert conf.worker_prefetch_multiplier == 1
    assert conf.worker_disable_prefetch is True
    assert conf.worker_pool == "threads"
    assert conf.worker_concurrency == 1
    assert conf.result_backend is None
    assert {queue.name for queue in conf.task_queues} == {"cpu", "gpu"}

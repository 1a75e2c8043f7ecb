"""`canfuse clean`, `canfuse backup` and `canfuse restore`."""

from __future__ import annotations

import pytest
from sqlalchemy import update

from workers.jobs import open_store
from workers.settings import Settings
from workers.tables import jobs


@pytest.fixture
def ended_long_ago(cli):
    """A job that ended in 1970."""
    store = open_store(Settings(home=cli.home))
    job, _ = store.submit("rehearse", {})
    with store.engine.begin() as connection:
        connection.execute(update(jobs).values(status="failed", finished_at=0.0))
    store.engine.dispose()
    return job.id


def test_cleaning_is_rehearsed_and_done(cli, ended_long_ago):
    (waste,) = cli.json("clean", "--dry-run", "--json")
    assert (waste["kind"], waste["name"]) == ("job", ended_long_ago)
    assert cli("clean", "--dry-run") == 0
    assert ended_long_ago in cli.out
    assert "1 would be removed" in cli.out
    assert cli("clean") == 0
    assert "1 removed" in cli.out
    assert cli.json("clean", "--json") == []


def test_a_backup_is_brought_back_elsewhere_and_never_over_something(cli, ended_long_ago, tmp_path):
    archive, elsewhere = tmp_path / "backups" / "b.tar.gz", tmp_path / "elsewhere"
    assert cli("backup", archive) == 0
    assert str(archive) in cli.out
    assert cli("restore", archive) == 1
    assert "The database holds jobs" in cli.error
    assert cli("restore", archive, "--home", elsewhere) == 0
    store = open_store(Settings(home=elsewhere))
    assert store.get(ended_long_ago).status == "failed"
    store.engine.dispose()


def test_a_backup_that_is_none_is_one_line(cli, tmp_path):
    (tmp_path / "b.tar.gz").write_bytes(b"no archive")
    assert cli("restore", tmp_path / "b.tar.gz") == 2
    assert "is corrupt" in cli.error

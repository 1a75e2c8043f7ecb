"""A backup holds what cannot be made again, and gives it back as it was."""

from __future__ import annotations

import io
import json
import tarfile
from contextlib import contextmanager

import pytest
from job_kit import eventually, publish, rehearsal
from sqlalchemy import inspect, text

from ml.errors import CanfuseError, Conflict
from ml.files import write_atomically
from ml.releases import ReleaseStore
from workers.database import DatabaseUnusable
from workers.housekeeping.backup import _files, back_up
from workers.housekeeping.restoring import BackupCorrupt, restore
from workers.jobs import open_store
from workers.reconciler import Reconciler
from workers.settings import Settings


@contextmanager
def opened(settings):
    store = open_store(settings)
    try:
        yield store
    finally:
        store.engine.dispose()


@pytest.fixture
def here(database_url, tmp_path):
    return Settings(home=tmp_path / "here", data_dirs=(), database_url=database_url)


@pytest.fixture
def there(tmp_path):
    return Settings(home=tmp_path / "there", data_dirs=())


@contextmanager
def life(settings, tmp_path):
    """A home with jobs, releases and a vehicle: its store, and the ids of both."""
    releases = ReleaseStore(settings.workspace.releases)
    versions = [publish(releases, tmp_path, seed) for seed in range(2)]
    write_atomically(settings.workspace.vehicles / "ash" / "current", b"0123456789abcdef")
    with opened(settings) as store:
        done, running, waiting = (rehearsal(store, labels=["a", "ü"]) for _ in range(3))
        lease = store.lease(done.id, "w", 60)
        lease.append([{"event": "log", "message": "half way"}])
        lease.succeed({"figure": 0.1 + 0.2, "none": None}, versions[1])
        store.lease(running.id, "w", 60)
        store.submit("rehearse", {"steps": 1}, idempotency_key="once")
        yield store, [job.id for job in (done, running, waiting)], versions


@pytest.fixture
def lived_in(here, tmp_path):
    with life(here, tmp_path) as found:
        yield found


def records(store, ids):
    return [(store.get(i), store.events(i)) for i in ids]


def test_a_backup_gives_back_database_releases_reports_and_vehicles(
    lived_in, here, there, tmp_path
):
    store, ids, versions = lived_in
    before = records(store, ids)
    assert back_up(store, here, tmp_path / "b.tar.gz") > 1000
    assert restore(tmp_path / "b.tar.gz", there)["schema_version"] == 1
    with opened(there) as restored:
        assert records(restored, ids) == before
        same, is_new = restored.submit("rehearse", {"steps": 1}, idempotency_key="once")
        assert not is_new
        assert rehearsal(restored).id != same.id
    releases = ReleaseStore(there.workspace.releases)
    assert releases.aliases() == {"production": versions[1]}
    assert {releases.verify(v).version for v in versions} == set(versions)
    assert releases.report(versions[0]).is_file()
    assert (there.workspace.vehicles / "ash" / "current").read_text() == "0123456789abcdef"
    assert not [p.name for p in there.home.iterdir() if p.name.startswith("tmp")]


def test_a_backup_holds_whatever_an_alias_that_moves_meanwhile_points_at(here, tmp_path):
    store = ReleaseStore(here.workspace.releases)
    store.point("candidate", publish(store, tmp_path, 0, alias="production"))
    read = _files(here.home, "releases")
    assert next(read)[0] == "releases/aliases/candidate"
    version = publish(store, tmp_path, 1, alias="production")
    rest = dict(read)
    assert rest["releases/aliases/production"].decode() == version
    assert f"releases/{version}/manifest.json" in rest


def test_a_profile_that_is_replaced_while_it_is_backed_up_does_no_harm(here):
    folder = here.workspace.vehicles / "ash"
    for name in ("current", "a.json", "b.json"):
        write_atomically(folder / name, name.encode())
    read = _files(here.home, "vehicles")
    assert [next(read)[0] for _ in range(2)] == ["vehicles/ash/current", "vehicles/ash/a.json"]
    (folder / "b.json").unlink()
    assert list(read) == []


def test_a_backup_of_sqlite_goes_into_postgresql(postgres_schema, tmp_path):
    here = Settings(home=tmp_path / "here", data_dirs=())
    there = Settings(home=tmp_path / "there", data_dirs=(), database_url=postgres_schema)
    with life(here, tmp_path) as (store, ids, _):
        before = records(store, ids)
        back_up(store, here, tmp_path / "b.tar.gz")
    restore(tmp_path / "b.tar.gz", there)
    with opened(there) as restored:
        assert records(restored, ids) == before
        numbered = [rehearsal(restored).id for _ in range(3)]
        assert [job.id for job in restored.list(limit=3)[0]] == numbered[::-1]


def test_a_job_that_was_under_way_is_taken_up_again(lived_in, here, there, tmp_path):
    store, (_, running, _), _ = lived_in
    back_up(store, here, tmp_path / "b.tar.gz")
    restore(tmp_path / "b.tar.gz", there)
    soon = {"lease_seconds": 0.1, "heartbeat_seconds": 0.01}
    with opened(there) as restored:
        reconciler = Reconciler(restored, there.model_copy(update=soon))

        def queued_again():
            reconciler.once()
            return restored.get(running).status == "queued"

        eventually(queued_again, "the end of a lease whose holder stayed behind")


def test_nothing_is_restored_over_something(lived_in, here, there, tmp_path):
    store, _, _ = lived_in
    back_up(store, here, tmp_path / "b.tar.gz")
    with pytest.raises(Conflict, match="is there already"):
        back_up(store, here, tmp_path / "b.tar.gz")
    with pytest.raises(Conflict, match="is not empty"):
        restore(tmp_path / "b.tar.gz", here)
    with opened(there) as occupied:
        job = rehearsal(occupied)
        with pytest.raises(Conflict, match="database holds jobs"):
            restore(tmp_path / "b.tar.gz", there)
        assert occupied.get(job.id) == job
    assert not there.workspace.releases.exists()


def test_tables_of_others_in_the_database_are_left_alone(lived_in, here, there, tmp_path):
    store, ids, _ = lived_in
    back_up(store, here, tmp_path / "b.tar.gz")
    with opened(there) as shared, shared.engine.begin() as connection:
        for table in ("empty (one INTEGER)", "full AS SELECT 1 AS one"):
            connection.execute(text(f"CREATE TABLE {table}"))
    restore(tmp_path / "b.tar.gz", there)
    with opened(there) as restored, restored.engine.begin() as connection:
        assert {"empty", "full"} <= set(inspect(connection).get_table_names())
        assert len(restored.list()[0]) == len(ids) + 1


def rewritten(source, target, change):
    """A copy of an archive whose members went through `change(name, content)`."""
    with tarfile.open(source) as old, tarfile.open(target, "w:gz") as new:
        for entry in old:
            name, content = change(entry.name, old.extractfile(entry).read())
            entry.name, entry.size = name, len(content)
            new.addfile(entry, io.BytesIO(content))
    return target


def spoil(name, content):
    return name, content[:-1] + b"?" if name.endswith(".jsonl") and content else content


def escape(name, content):
    return ("../escaped" if name.endswith("current") else name), content


def from_the_future(name, content):
    if name == "backup.json":
        content = json.dumps(json.loads(content) | {"revision": "9999"}).encode()
    return name, content


@pytest.mark.parametrize(
    ("change", "refusal"),
    [(spoil, BackupCorrupt), (escape, BackupCorrupt), (from_the_future, DatabaseUnusable)],
)
def test_a_backup_that_is_not_what_was_written_changes_nothing(
    lived_in, here, there, tmp_path, change, refusal
):
    store, _, _ = lived_in
    back_up(store, here, tmp_path / "b.tar.gz")
    with pytest.raises(refusal):
        restore(rewritten(tmp_path / "b.tar.gz", tmp_path / "c.tar.gz", change), there)
    assert not (tmp_path / "escaped").exists()
    assert {p.name for p in there.home.iterdir()} <= {"housekeeping", "canfuse.db"}
    restore(tmp_path / "b.tar.gz", there)


def test_what_is_no_archive_is_one_clear_error(there, tmp_path):
    (tmp_path / "b.tar.gz").write_bytes(b"no archive")
    with pytest.raises(CanfuseError, match="is corrupt: it cannot be read"):
        restore(tmp_path / "b.tar.gz", there)

"""What is past its time goes; what is in use stays, however old it is."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time

import pytest
from job_kit import eventually, publish, rehearsal
from sqlalchemy import update

from ml.errors import Conflict
from ml.files import write_atomically
from ml.fusion.cache import MANIFEST
from ml.releases import ReleaseStore
from workers.housekeeping import files
from workers.housekeeping.cleaning import Housekeeper, clean, hold_house
from workers.housekeeping.waste import is_older, size_of
from workers.jobs import open_store
from workers.locking import FolderLock
from workers.records import JobNotFound
from workers.settings import Settings
from workers.tables import jobs, now

DAY = 86_400
KEEP = {
    "keep_jobs_days": 90,
    "keep_work_days": 7,
    "keep_caches_days": 30,
    "keep_releases_days": 30,
}


@pytest.fixture
def settings(tmp_path):
    return Settings(home=tmp_path / "home", data_dirs=(tmp_path,), **KEEP)


@pytest.fixture
def ended(own_store, settings):
    """Makes a job that ended so many days ago, with the files that jobs leave."""

    def make(days, status="succeeded"):
        job = rehearsal(own_store)
        values = {"status": status, "finished_at": now() - days * DAY}
        with own_store.engine.begin() as connection:
            connection.execute(update(jobs).where(jobs.c.id == job.id).values(**values))
        folder = settings.workspace.jobs / job.id
        for name in ("artifacts/model.bin", "folds/1/last.ckpt", "stderr.log", "config.json"):
            write_atomically(folder / name, b"x" * 1000)
        return job.id, folder

    return make


def age(path, days):
    then = time.time() - days * DAY
    os.utime(path, (then, then))


def kinds(found):
    return sorted((waste.kind, waste.name) for waste in found)


def test_a_job_goes_with_its_record_once_its_time_is_over(own_store, settings, ended):
    old, folder = ended(91, "failed")
    young, _ = ended(1)
    assert kinds(clean(own_store, settings)) == [("job", old)]
    assert not folder.exists()
    with pytest.raises(JobNotFound):
        own_store.get(old)
    assert own_store.get(young).status == "succeeded"
    assert (settings.workspace.jobs / young / "folds").is_dir()


def test_what_a_job_worked_with_goes_sooner_than_its_artifacts_and_log(own_store, settings, ended):
    job, folder = ended(8)
    (waste,) = clean(own_store, settings)
    assert (waste.kind, waste.name, waste.size) == ("work", job, 1000)
    assert {p.name for p in folder.iterdir()} == {"artifacts", "stderr.log", "config.json", "lock"}
    assert (folder / "artifacts" / "model.bin").exists()
    assert clean(own_store, settings) == []


def test_a_job_that_has_not_ended_is_left_alone(own_store, settings, ended):
    for status in ("queued", "running", "cancelling"):
        _, folder = ended(400, status)
        age(folder, 400)
    assert clean(own_store, settings) == []


def test_a_folder_in_which_a_process_still_works_is_left_alone(own_store, settings, ended):
    job, folder = ended(91)
    with FolderLock(folder / "lock", Conflict("busy")):
        assert clean(own_store, settings) == []
        assert (folder / "folds").is_dir()
    age(folder, 91)
    assert kinds(clean(own_store, settings)) == [("leftover", job)]
    assert not folder.exists()


def test_a_dry_run_lists_the_same_and_removes_nothing(own_store, settings, ended):
    ended(91), ended(8)
    before = sorted(settings.home.rglob("*"))
    planned = clean(own_store, settings, dry_run=True)
    assert sorted(p for p in settings.home.rglob("*") if "housekeeping" not in p.parts) == before
    assert [w.kind for w in planned] == ["job", "work"]
    assert clean(own_store, settings) == planned


def test_zero_days_keep_for_ever(own_store, settings, ended, tmp_path):
    ended(4_000)
    store = ReleaseStore(settings.workspace.releases)
    make_old(store, publish(store, tmp_path, alias=None))
    settings = settings.model_copy(update=dict.fromkeys(KEEP, 0))
    assert clean(own_store, settings) == []


def make_old(store, version):
    file = store.root / version / "manifest.json"
    card = json.loads(file.read_text()) | {"created_at": "2020-01-01T00:00:00+00:00"}
    file.write_text(json.dumps(card))
    return version


def test_a_release_goes_only_where_nothing_points_at_it_builds_on_it_or_asks_for_it(
    own_store, settings, tmp_path
):
    store = ReleaseStore(settings.workspace.releases)
    versions = [publish(store, tmp_path, seed, alias=None) for seed in range(5)]
    aliased, parent, asked, unused = (make_old(store, v) for v in versions[:4])
    store.point("production", aliased)
    card = store.root / aliased / "manifest.json"
    card.write_text(json.dumps(json.loads(card.read_text()) | {"parents": [parent]}))
    own_store.submit("fusion", {"experts": {"release": asked[:8]}})
    assert kinds(clean(own_store, settings)) == [("release", unused)]
    assert {m.version for m in store.versions()} == {aliased, parent, asked, versions[4]}
    assert not (store.reports / unused).exists()
    assert (store.reports / asked).exists()


def test_a_cache_goes_once_no_job_has_used_it_for_long(own_store, settings):
    folders = {}
    for dataset in ("used", "waited+for", "forgotten"):
        folders[dataset] = settings.workspace.cache / "fusion" / dataset / "0123456789abcdef"
        write_atomically(folders[dataset] / "cache.json", b"{}")
        age(folders[dataset] / "cache.json", 1 if dataset == "used" else 31)
    own_store.submit("fusion", {"dataset": "waited,for"})
    found = clean(own_store, settings)
    assert kinds(found) == [("cache", "forgotten/0123456789abcdef")]
    assert [name for name, folder in folders.items() if folder.exists()] == ["used", "waited+for"]


def test_what_a_crash_left_half_written_goes_after_a_day(own_store, settings):
    half = settings.workspace.releases / ".0123456789abcdef.0a1b2c3d"
    half.mkdir(parents=True)
    assert clean(own_store, settings) == []
    age(half, 2)
    assert kinds(clean(own_store, settings)) == [("leftover", f"releases/{half.name}")]
    assert not half.exists()


def test_what_goes_by_itself_while_it_is_looked_at_is_no_waste(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "gone")
    assert not is_older(tmp_path / "gone", 0)
    assert size_of(tmp_path) == size_of(tmp_path / "gone") == 0


def test_only_pulses_go_with_their_host(own_store, settings):
    cache = settings.workspace.cache / "fusion" / "workers" / "0123456789abcdef"
    pulses = settings.home / "workers" / "host"
    for folder, name in ((cache, "cache.json"), (pulses, "w.json")):
        write_atomically(folder / name, b"{}")
        age(folder, 2)
    assert kinds(clean(own_store, settings)) == [("leftover", "workers/host")]
    assert cache.exists()


def test_who_found_the_house_held_cleans_as_soon_as_it_is_free(own_store, settings, ended):
    ended(91)
    housekeeper = Housekeeper(own_store, settings)
    with hold_house(settings), pytest.raises(Conflict):
        housekeeper.once()
    assert len(housekeeper.once()) == 1


def test_one_cleans_at_a_time(own_store, settings):
    with hold_house(settings), pytest.raises(Conflict, match="is being cleaned"):
        clean(own_store, settings)


def test_workers_clean_by_themselves_when_it_is_due(own_store, settings, ended):
    settings = settings.model_copy(update={"clean_hours": 1e-5})
    _, folder = ended(91)
    stop = threading.Event()
    thread = threading.Thread(target=Housekeeper(own_store, settings).run, args=(stop,))
    thread.start()
    eventually(lambda: not folder.exists(), "the end of an old job's folder")
    stop.set()
    thread.join()


def test_of_several_housekeepers_one_cleans_in_its_time(settings, ended):
    stores = [open_store(settings) for _ in range(2)]
    ended(91)
    assert [len(Housekeeper(store, settings).once()) for store in stores] == [1, 0]
    ended(91)
    age(settings.home / "housekeeping" / "cleaned", 2)
    assert len(Housekeeper(stores[1], settings).once()) == 1
    for store in stores:
        store.engine.dispose()


def test_a_cache_is_known_by_the_file_that_caches_have():
    assert files._CACHE_MANIFEST == MANIFEST


def test_a_worker_does_not_load_the_libraries_of_its_jobs():
    code = "import sys, workers.__main__; print({'torch', 'polars', 'sklearn'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "set()"

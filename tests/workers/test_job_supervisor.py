"""An attempt from lease to outcome: what the child does decides. Real children, no broker."""

from __future__ import annotations

import signal

import pytest
from job_kit import child_of, eventually, expire_leases, outcomes, rehearsal, started

from ml.releases import ReleaseStore
from ml.releases.manifest import seal
from workers.mishaps import crash
from workers.records import LeaseLost

FOREVER = {"steps": 10_000, "seconds": 0.05}


def test_a_job_runs_to_its_result_and_tells_its_way(own_store, supervisor):
    job = rehearsal(own_store, steps=12, seconds=0.05)
    assert supervisor.run(job.id) == "succeeded"
    done = own_store.get(job.id)
    assert done.result == {"steps": 12, "resumed_from": 0}
    assert (done.fraction, done.attempt, done.error) == (1.0, 1, None)
    assert done.started_at <= done.finished_at
    told = [event.data for event in own_store.events(job.id)]
    assert outcomes(own_store, job) == ["queued", "running", "succeeded"]
    progress = [data for data in told if data["event"] == "progress"]
    assert progress
    assert progress[-1]["phase"] == "rehearse"
    assert told[-1]["status"] == "succeeded"


def test_what_a_pipeline_refuses_is_its_error_and_is_not_tried_again(own_store, supervisor):
    job = rehearsal(own_store, fail=True)
    assert supervisor.run(job.id) == "failed"
    failed = own_store.get(job.id)
    assert failed.error["type"] == "invalid-input"
    assert "told to fail" in failed.error["detail"]
    assert failed.attempt == 1


def test_a_killed_child_is_tried_again_and_resumes_from_its_checkpoint(
    own_store, settings, supervisor, pool
):
    """Guarantee: a new attempt resumes from the last checkpoint."""
    job = rehearsal(own_store, steps=12, seconds=0.1)
    run = pool.submit(supervisor.run, job.id)
    started(settings, job).kill()
    assert run.result() == "queued"
    told = own_store.events(job.id)[-1].data["error"]
    assert told["signal"] == "SIGKILL"
    assert supervisor.run(job.id) == "succeeded"
    done = own_store.get(job.id)
    assert done.attempt == 2
    assert done.result["resumed_from"] >= 2


def test_an_exception_in_a_pipeline_fails_the_job_without_another_try(own_store, supervisor):
    job, _ = own_store.submit("rehearse", {"steps": 1}, queue="cpu")
    folder = supervisor._settings.workspace.jobs / job.id
    folder.mkdir(parents=True)
    (folder / "rehearsal.txt").mkdir()  # an accident that no pipeline expects
    assert supervisor.run(job.id) == "failed"
    failed = own_store.get(job.id)
    assert (failed.error["type"], failed.attempt) == ("crash", 1)
    assert b"Traceback" in (folder / "stderr.log").read_bytes()


def test_the_attempts_of_a_child_that_is_killed_each_time_are_capped(own_store, supervisor, pool):
    """Guarantee: attempts are capped."""
    job = rehearsal(own_store, **FOREVER)
    for expected in ("queued", "queued", "failed"):
        run = pool.submit(supervisor.run, job.id)
        eventually(lambda: child_of(job), "the child").send_signal(signal.SIGKILL)
        assert run.result() == expected
    error = own_store.get(job.id).error
    assert "All 3 attempts were lost" in error["detail"]
    assert error["exit_code"] == -signal.SIGKILL
    assert "stderr" in error


def staged(supervisor, job):
    """A small bundle where a job leaves its own."""
    folder = supervisor._settings.workspace.jobs / job.id / "release"
    folder.mkdir(parents=True)
    (folder / "weights.bin").write_bytes(b"0123")
    facts = {"dataset": {"name": "d"}, "config": {}, "window": {"window_size": 100, "stride": 100}}
    return seal(folder, kind="experts", name="small", **facts).version


def test_a_staged_release_is_published_with_its_alias_under_the_current_token(
    own_store, settings, supervisor
):
    job = rehearsal(own_store)
    version = staged(supervisor, job)
    lease = own_store.lease(job.id, "w", 60)
    assert supervisor._succeed(lease, {"release": version, "alias": "production"}) == "succeeded"
    assert own_store.get(job.id).release == version
    assert ReleaseStore(settings.workspace.releases).aliases() == {"production": version}


def test_the_database_is_not_locked_while_a_release_is_copied(
    own_store, settings, supervisor, monkeypatch
):
    job = rehearsal(own_store)
    version = staged(supervisor, job)
    add = ReleaseStore.add

    def add_while_others_write(store, folder):
        assert rehearsal(own_store).status == "queued"
        assert store.aliases() == {}
        return add(store, folder)

    monkeypatch.setattr(ReleaseStore, "add", add_while_others_write)
    lease = own_store.lease(job.id, "w", 60)
    assert supervisor._succeed(lease, {"release": version, "alias": "production"}) == "succeeded"
    assert ReleaseStore(settings.workspace.releases).aliases() == {"production": version}


def test_a_job_that_was_cancelled_or_overtaken_adds_no_release(own_store, settings, supervisor):
    """Guarantee: no release by a cancelled or a stale attempt."""
    cancelled, overtaken = rehearsal(own_store), rehearsal(own_store)
    result = {"release": staged(supervisor, cancelled), "alias": "production"}
    staged(supervisor, overtaken)
    stale = [own_store.lease(job.id, "w", 0) for job in (cancelled, overtaken)][1]
    expire_leases(own_store)
    again = own_store.lease(cancelled.id, "w", 60)
    own_store.request_cancel(cancelled.id)
    assert supervisor._succeed(again, result) == "cancelled"
    with pytest.raises(LeaseLost):
        supervisor._succeed(stale, result)
    assert ReleaseStore(settings.workspace.releases).versions() == []


@pytest.mark.parametrize(("number", "name"), [(9, "SIGKILL"), (40, "signal 40")])
def test_a_crash_is_told_by_its_signal_even_one_without_a_name(number, name):
    assert crash(-number, "")["signal"] == name


def test_a_release_that_is_damaged_fails_the_job_and_is_not_published(
    own_store, settings, supervisor
):
    """Guarantee: a corrupt release is not published."""
    job = rehearsal(own_store)
    version = staged(supervisor, job)
    (settings.workspace.jobs / job.id / "release" / "weights.bin").write_bytes(b"4567")
    lease = own_store.lease(job.id, "w", 60)
    assert supervisor._succeed(lease, {"release": version, "alias": "production"}) == "failed"
    assert ReleaseStore(settings.workspace.releases).versions() == []
    assert own_store.get(job.id).error["detail"]

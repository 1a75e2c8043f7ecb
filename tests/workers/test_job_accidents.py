"""What ends a job for good, and in which words: the dead letters and their reasons."""

from __future__ import annotations

import contextlib
import errno
import os
import signal
from pathlib import Path

import pytest
from job_kit import child_of, eventually, gone, outcomes, rehearsal, started

from ml.accidents import accident
from ml.releases import ReleaseStore
from workers.supervisor import Supervisor

FOREVER = {"steps": 10_000, "seconds": 0.05}


@pytest.fixture
def hurried(own_store, settings, leaving):
    """A supervisor that gives rehearsals a second, and everything else an hour."""
    brief = {"job_seconds": 3600, "kind_seconds": {"rehearse": 1}}
    return Supervisor(own_store, settings.model_copy(update=brief), leaving)


def test_a_job_that_takes_longer_than_its_kind_may_is_ended_and_fails(own_store, hurried, pool):
    """Guarantee: timeouts per kind; a job that takes too long is not tried again."""
    job = rehearsal(own_store, **FOREVER)
    run = pool.submit(hurried.run, job.id)
    child = eventually(lambda: child_of(job), "the child")
    assert run.result() == "failed"
    assert gone(child.pid)
    error = own_store.get(job.id).error
    assert (error["type"], error["seconds"]) == ("timeout", 1)
    assert outcomes(own_store, job) == ["queued", "running", "failed"]


def test_a_job_that_takes_too_long_and_does_not_listen_is_killed(own_store, hurried, pool):
    """Guarantee: a timeout ends a process that ignores it, after the grace time."""
    job = rehearsal(own_store, **FOREVER)
    run = pool.submit(hurried.run, job.id)
    child = eventually(lambda: child_of(job), "the child")
    child.suspend()
    assert run.result() == "failed"
    assert gone(child.pid)
    assert own_store.get(job.id).error["type"] == "timeout"


def test_another_kind_keeps_its_own_time(own_store, hurried, drill):
    """Guarantee: the timeout of one kind is none of another's."""
    job = drill(steps=3, seconds_per_step=0.5, release=False)
    assert hurried.run(job.id) == "succeeded"
    assert own_store.get(job.id).result["steps"] == 3


def test_dead_letters_are_listed_with_their_reasons(own_store, supervisor, pool):
    """Guarantee: what is given up is kept as `failed`, with a reason a program can read."""
    refused = rehearsal(own_store, fail=True)
    assert supervisor.run(refused.id) == "failed"
    lost = rehearsal(own_store, **FOREVER)
    for expected in ("queued", "queued", "failed"):
        run = pool.submit(supervisor.run, lost.id)
        eventually(lambda: child_of(lost), "the child").send_signal(signal.SIGKILL)
        assert run.result() == expected
    rehearsal(own_store)
    letters, _ = own_store.list(status="failed")
    reasons = {job.id: (job.error["type"], job.error.get("cause")) for job in letters}
    assert reasons == {
        refused.id: ("invalid-input", None),
        lost.id: ("attempts-exhausted", "crash"),
    }


def test_a_full_disk_fails_the_job_at_once_and_says_so(own_store, supervisor, drill):
    """Guarantee: a full disk is named as such, and is not run into again and again."""
    job = drill(steps=1, accident="disk-full")
    assert supervisor.run(job.id) == "failed"
    failed = own_store.get(job.id)
    assert (failed.error["type"], failed.attempt) == ("disk-full", 1)
    assert "No space left on device" in failed.error["detail"]


def test_a_full_disk_that_takes_no_log_either_is_named_all_the_same(monkeypatch):
    """Guarantee: the reason does not depend on room for its own trace."""
    with Path("/dev/full").open("w", buffering=1) as full:
        monkeypatch.setattr("sys.stderr", full)
        assert accident(OSError(errno.ENOSPC, "No space left"))["type"] == "disk-full"
        monkeypatch.undo()
        with contextlib.suppress(OSError):
            full.close()


def test_a_disk_that_fills_up_as_a_release_is_copied_publishes_nothing_and_leaves_nothing(
    own_store, settings, supervisor, drill, monkeypatch
):
    """Guarantee: a release is in the store whole or not at all, though the disk is full."""
    job = drill(steps=1, alias="production")

    def full(_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("ml.files.sync_folder", full)
    assert supervisor.run(job.id) == "failed"
    assert own_store.get(job.id).error["type"] == "disk-full"
    store = ReleaseStore(settings.workspace.releases)
    assert (store.versions(), store.aliases()) == ([], {})
    assert list(settings.workspace.releases.iterdir()) == []


def test_a_job_that_runs_out_of_memory_says_so(own_store, supervisor, drill):
    """Guarantee: too little memory fails the one job, with that as its reason."""
    job = drill(steps=1, accident="out-of-memory")
    assert supervisor.run(job.id) == "failed"
    assert own_store.get(job.id).error["type"] == "out-of-memory"


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        type("OutOfMemoryError", (RuntimeError,), {})("CUDA out of memory."),
        RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate"),
    ],
)
def test_every_spelling_of_too_little_memory_is_known(error):
    assert accident(error)["type"] == "out-of-memory"


def test_the_kernel_is_offered_the_work_rather_than_those_who_look_after_it(
    own_store, settings, supervisor, pool
):
    """Guarantee: out of memory, the kernel ends a job's process, which is tried again."""
    job = rehearsal(own_store, **FOREVER)
    run = pool.submit(supervisor.run, job.id)
    child = started(settings, job)
    ours, its = (
        int(Path(f"/proc/{pid}/oom_score_adj").read_text()) for pid in (os.getpid(), child.pid)
    )
    assert its > ours
    child.kill()
    assert run.result() == "queued"
    assert "memory" in own_store.events(job.id)[-1].data["error"]["hint"]


def test_a_damaged_checkpoint_of_a_rehearsal_starts_it_afresh(own_store, settings, supervisor):
    """Guarantee: a corrupt checkpoint does not fail the job."""
    job = rehearsal(own_store)
    folder = settings.workspace.jobs / job.id
    folder.mkdir(parents=True)
    (folder / "rehearsal.txt").write_bytes(b"\xff\x00")
    assert supervisor.run(job.id) == "succeeded"
    assert own_store.get(job.id).result["resumed_from"] == 0

"""The log of a job: it tells an attempt's last words, and fills no disk."""

from __future__ import annotations

import pytest
from job_kit import rehearsal

from workers.child_log import ChildLog


@pytest.fixture(autouse=True)
def little_room(monkeypatch):
    monkeypatch.setattr("workers.child_log.LONGEST_LOG", 1_000)


def test_the_older_part_of_a_log_that_is_too_long_goes_while_a_process_writes_on(tmp_path):
    log = ChildLog(tmp_path / "stderr.log")
    with log.open() as stream:
        stream.write(b"".join(b"line %04d\n" % n for n in range(200)))
        stream.flush()
        log.trim()
        stream.write(b"the end\n")
    lines = (tmp_path / "stderr.log").read_bytes().splitlines()
    assert lines == [*(b"line %04d" % n for n in range(150, 200)), b"the end"]
    assert log.last_words().endswith("line 0199\nthe end\n")


def test_a_log_that_is_not_too_long_is_left_alone(tmp_path):
    (tmp_path / "stderr.log").write_bytes(b"x" * 1_000)
    ChildLog(tmp_path / "stderr.log").trim()
    assert (tmp_path / "stderr.log").stat().st_size == 1_000


def test_what_earlier_attempts_wrote_is_not_this_ones_last_word(tmp_path):
    (tmp_path / "stderr.log").write_bytes(b"before\n")
    log = ChildLog(tmp_path / "stderr.log")
    assert log.last_words() == ""
    with log.open() as stream:
        stream.write(b"now\n")
    assert log.last_words() == "now\n"


def test_the_log_is_kept_short_while_a_job_runs(own_store, settings, supervisor):
    """Guarantee: however much a process says, neither database nor disk fills up."""
    job = rehearsal(own_store, steps=20, seconds=0.05)
    file = settings.workspace.jobs / job.id / "stderr.log"
    file.parent.mkdir(parents=True)
    file.write_bytes(b"x" * 100_000)
    assert supervisor.run(job.id) == "succeeded"
    assert 500 <= file.stat().st_size <= 1_000

"""Whether a worker lives is told without asking it, the broker or the database."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import pytest
from job_kit import eventually, reach, rehearsal, started, worker_process

from workers.broker import EmbeddedBroker
from workers.probe import pulse_file
from workers.pulse import CONSUMER_SECONDS, Pulse
from workers.queue import ring


@pytest.fixture
def probe(settings):
    """Runs the probe as a container's health check does: its exit code and what it says."""

    def run():
        environment = {**os.environ, "CANFUSE_HOME": str(settings.home)}
        command = [sys.executable, "-m", "workers.probe"]
        done = subprocess.run(
            command, env=environment, check=False, capture_output=True, text=True, timeout=30
        )
        return done.returncode, done.stdout

    return run


def works(probe):
    return lambda: probe()[0] == 0


def test_a_worker_has_a_pulse_while_it_is_busy_and_while_its_broker_is_away(
    own_store, settings, probe
):
    assert probe()[0] == 1
    with EmbeddedBroker(settings.broker_folder) as broker:
        job = rehearsal(own_store, steps=10_000, seconds=0.05)
        with worker_process(settings, broker.url) as worker:
            ring(job, settings)
            started(settings, job)
            eventually(works(probe), "a pulse of the busy worker")
            broker.stop()
            written = next(pulse_file(settings.home, "*").parent.glob("*.json"))
            last = json.loads(written.read_text())["at"]
            fresh = lambda: json.loads(written.read_text())["at"] > last + settings.lease_seconds  # noqa: E731
            eventually(fresh, "a pulse long after the broker has gone")
            assert probe() == (0, f"canfuse-{worker.pid}: works\n")
            assert reach(own_store, job, "running").attempt == 1


def test_a_worker_that_is_frozen_or_killed_has_no_pulse(settings, broker, probe):
    with worker_process(settings, broker.url, LEASE_SECONDS=1) as worker:
        eventually(works(probe), "a pulse")
        worker.send_signal(signal.SIGSTOP)
        eventually(lambda: "has stopped" in probe()[1], "the end of a frozen worker's pulse")
        assert probe()[0] == 1
        worker.send_signal(signal.SIGCONT)
        eventually(works(probe), "its pulse again")
        worker.kill()
        worker.wait()
        assert "has gone" in probe()[1]


def test_a_worker_that_takes_no_jobs_though_the_broker_answers_loses_its_pulse(settings, broker):
    assert broker.pid
    now = 0.0
    pulse = Pulse(settings, "w", clock=lambda: now)
    pulse.reconciler_turned()
    assert pulse.file.exists()
    pulse.file.unlink()
    now = CONSUMER_SECONDS + 1
    pulse.reconciler_turned()
    assert not pulse.file.exists()
    pulse.consumer_turned()
    pulse.reconciler_turned()
    assert pulse.file.exists()


def test_what_killed_workers_left_behind_is_taken_away_by_the_next(settings):
    gone = pulse_file(settings.home, "gone")
    gone.parent.mkdir(parents=True)
    gone.write_text(json.dumps({"pid": 2**22 + 1, "at": time.monotonic(), "patience": 60}))
    Pulse(settings, "next")
    assert not gone.exists()

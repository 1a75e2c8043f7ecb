import os
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import pytest
from house_files import compose, interpolated

from workers.broker import EmbeddedBroker

PATIENCE = 60  # seconds


@pytest.fixture
def environment(tmp_path):
    """What a container would have: our programs on PATH, its name, a broker elsewhere."""
    with EmbeddedBroker(tmp_path / "broker") as broker:
        yield {
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "HOSTNAME": socket.gethostname(),
            "CANFUSE_HOME": str(tmp_path / "home"),
            "CANFUSE_REDIS_URL": broker.url,
        }


@contextmanager
def running(command, environment, folder):
    process = subprocess.Popen(command, env=environment, cwd=folder)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(PATIENCE)


def healthy(check, environment):
    _, command = check
    return (
        subprocess.run(
            ["sh", "-c", command.replace("$$", "$")],
            env=environment,
            check=False,
            capture_output=True,
        ).returncode
        == 0
    )


def test_a_workers_health_check_tells_a_live_worker_from_a_dead_one(environment, tmp_path):
    service = compose()["services"]["worker"]
    check = service["healthcheck"]["test"]
    with running(interpolated(service["command"]), environment, tmp_path):
        until = time.monotonic() + PATIENCE
        while not (alive := healthy(check, environment)) and time.monotonic() < until:
            pass  # the check itself waits for an answer
        assert alive
    assert not healthy(check, environment)

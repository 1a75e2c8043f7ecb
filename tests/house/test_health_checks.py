import hashlib
import json
import os
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import pytest
from house_files import compose, dockerfile, interpolated

from workers.broker import EmbeddedBroker

PATIENCE = 180  # seconds: a busy machine takes long to load torch


@pytest.fixture
def environment(tmp_path):
    """What a container would have: our programs on PATH, its name, a broker elsewhere."""
    with EmbeddedBroker(tmp_path / "broker") as broker:
        yield {
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "HOSTNAME": socket.gethostname(),
            "CANFUSE_HOME": str(tmp_path / "home"),
            "CANFUSE_REDIS_URL": broker.url,
            "CANFUSE_HOST": "0.0.0.0",  # noqa: S104 - as in a container; keys are set
            "CANFUSE_PORT": str(free_port()),
            "CANFUSE_API_KEYS": f"test:admin:{hashlib.sha256(b'key').hexdigest()}",
        }


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return taken.getsockname()[1]


def worker_check():
    kind, *command = compose()["services"]["worker"]["healthcheck"]["test"]
    assert kind == "CMD"
    return command


def image_check():
    arguments = next(a for name, a in dockerfile() if name == "HEALTHCHECK")
    return json.loads(arguments.partition("CMD ")[2])


@contextmanager
def running(service, environment, folder):
    command = interpolated(compose()["services"][service]["command"])
    process = subprocess.Popen(command, env=environment, cwd=folder)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(PATIENCE)


@pytest.mark.timeout(3 * PATIENCE)
@pytest.mark.parametrize(("service", "check"), [("worker", worker_check()), ("api", image_check())])
def test_a_health_check_tells_a_live_service_from_a_dead_one(service, check, environment, tmp_path):
    def healthy():
        return not subprocess.run(
            check, env=environment, check=False, capture_output=True
        ).returncode

    with running(service, environment, tmp_path) as process:
        until = time.monotonic() + PATIENCE
        while not (alive := healthy()) and process.poll() is None and time.monotonic() < until:
            pass  # the check itself takes its time
        assert alive
    assert not healthy()

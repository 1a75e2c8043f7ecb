"""The embedded broker keeps its messages, keeps others out, and is never left behind."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys

import psutil
import pytest
from job_kit import eventually, gone

from ml.errors import Conflict
from workers.broker import EmbeddedBroker
from workers.broker_setup import answers, find_url
from workers.queue import announce, depth

OWNER = """
import sys, threading
from pathlib import Path
from workers.broker import EmbeddedBroker
broker = EmbeddedBroker(Path(sys.argv[1]))
broker.start()
print(broker.pid, flush=True)
threading.Event().wait()
"""


def test_it_answers_on_a_private_socket_until_it_is_stopped(tmp_path):
    with EmbeddedBroker(tmp_path) as broker:
        assert broker.url == f"redis+socket://{tmp_path}/valkey.sock" == find_url(tmp_path)
        assert answers(broker.url)
        assert stat.S_IMODE((tmp_path / "valkey.sock").stat().st_mode) == 0o700
        pid = broker.pid
    assert gone(pid)
    assert not answers(broker.url)


def test_a_path_too_long_for_a_socket_gets_a_loopback_port_with_a_password(tmp_path):
    folder = tmp_path / ("x" * 100)
    with EmbeddedBroker(folder) as broker:
        assert broker.url.startswith("redis://:")
        assert answers(broker.url)
        assert not answers("redis://" + broker.url.split("@")[1])
        addresses = {c.laddr.ip for c in psutil.Process(broker.pid).net_connections("tcp")}
        assert addresses == {"127.0.0.1"}
        assert announce("job", "cpu", find_url(folder))
    for name in ("url", "valkey.conf"):
        assert stat.S_IMODE((folder / name).stat().st_mode) == 0o600


@pytest.mark.parametrize("name", ['a "quoted" one', "back\\slash", "ümlaut #1", "line\nbreak"])
def test_a_folder_of_any_name_will_do(tmp_path, name):
    with EmbeddedBroker(tmp_path / name) as broker:
        assert announce("job", "cpu", find_url(tmp_path / name))
    with EmbeddedBroker(tmp_path / name) as broker:
        assert depth("cpu", broker.url) == 1


def test_a_folder_in_use_is_a_conflict_and_free_again_afterwards(tmp_path):
    with EmbeddedBroker(tmp_path) as broker:
        with pytest.raises(Conflict, match="Another process runs a broker"):
            EmbeddedBroker(tmp_path).start()
        assert answers(broker.url)
    with EmbeddedBroker(tmp_path) as again:
        assert answers(again.url)


def test_messages_survive_a_stop_and_a_start(tmp_path):
    with EmbeddedBroker(tmp_path) as broker:
        assert announce("job", "gpu", broker.url)
    with EmbeddedBroker(tmp_path) as broker:
        assert depth("gpu", broker.url) == 1


def test_a_killed_server_comes_back_with_its_messages(tmp_path):
    """Guarantee: the embedded broker's messages are on disk."""
    with EmbeddedBroker(tmp_path) as broker:
        assert announce("job", "cpu", broker.url)
        # The append-only file is synced each second, but a killed process loses nothing written.
        first = broker.pid
        os.kill(first, signal.SIGKILL)
        eventually(lambda: broker.pid not in (None, first) and answers(broker.url), "the server")
        assert depth("cpu", broker.url) == 1


def test_the_server_dies_with_its_owner_even_by_sigkill(tmp_path):
    """Guarantee: the embedded broker is never left behind."""
    owner = subprocess.Popen(
        [sys.executable, "-c", OWNER, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    server = int(owner.stdout.readline())
    assert psutil.pid_exists(server)
    owner.kill()
    owner.communicate()
    eventually(lambda: gone(server), "the server's end")
    with EmbeddedBroker(tmp_path) as broker:
        assert answers(broker.url)


def test_nobody_home_is_no_answer_and_no_error(tmp_path):
    url = find_url(tmp_path)
    assert not answers(url)
    assert not announce("job", "cpu", url)
    assert depth("cpu", url) is None

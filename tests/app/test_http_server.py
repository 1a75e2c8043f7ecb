import os
import signal
import socket
import subprocess
import sys

import httpx
import pytest
from service_kit import running, until

from app.keys import ApiKey
from app.server import OpenToAll, PortTaken, listen
from app.settings import Settings
from ml.errors import InvalidInput

ANY_ADDRESS = "0.0.0.0"  # noqa: S104 - what must be refused, or allowed with keys
PROGRAM = """
from app.server import serve
serve(on_started=lambda url: print(url, flush=True))
print("ended")
"""


def test_a_taken_port_is_one_clear_error(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(PortTaken, match=f"Port {port} on 127.0.0.1 is taken"):
            listen(Settings(home=tmp_path, port=port))


@pytest.mark.parametrize("host", [ANY_ADDRESS, "::", "192.0.2.1", "example.org"])
def test_without_keys_only_loopback_is_served(tmp_path, host):
    with pytest.raises(OpenToAll, match="there are no API keys"):
        listen(Settings(home=tmp_path, host=host, port=0))


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_loopback_needs_no_keys(tmp_path, host):
    with listen(Settings(home=tmp_path, host=host, port=0)) as sock:
        assert sock.getsockname()[1] > 0


def test_with_keys_any_address_of_this_machine_is_served(tmp_path):
    key = ApiKey("me", frozenset({"read"}), b"0" * 32)
    with listen(Settings(home=tmp_path, host=ANY_ADDRESS, port=0, api_keys=(key,))) as sock:
        assert sock.getsockname()[0] == ANY_ADDRESS
    with pytest.raises(InvalidInput, match="Cannot listen"):
        listen(Settings(home=tmp_path, host="192.0.2.1", port=0, api_keys=(key,)))


def test_a_served_program_ends_politely_at_sigterm(tmp_path):
    environment = {**os.environ, "CANFUSE_HOME": str(tmp_path), "CANFUSE_PORT": "0"}
    command = [sys.executable, "-c", PROGRAM]
    program = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
    url = program.stdout.readline().strip()
    job = httpx.post(f"{url}/jobs/rehearse", json={}, timeout=60).json()
    with httpx.stream("GET", url + job["links"]["events"], timeout=60) as stream:
        lines = stream.iter_lines()
        next(lines)
        program.send_signal(signal.SIGTERM)
        assert list(lines)
    assert program.wait(60) == 0
    assert program.stdout.read() == "ended\n"


def test_a_connection_that_is_open_when_the_service_stops_is_answered_on_once_more(tmp_path):
    with running(tmp_path, drain_seconds=60, shutdown_seconds=60) as service:
        assert "Connection" not in service.client.get("/livez").headers
        service.server.should_exit = True
        until(service.app.state.stopping.is_set)
        answer = service.client.get("/livez")
        assert (answer.status_code, answer.headers["Connection"]) == (200, "close")
        service.stop()  # at once, as nobody is left to wait for

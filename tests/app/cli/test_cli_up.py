import signal
import socket

import httpx
import psutil
import pytest
from cli_kit import SOON, family, interrupt, service, started


@pytest.fixture(scope="module")
def api_only(tmp_path_factory):
    """A service without a worker: its process, its address and its home."""
    home = tmp_path_factory.mktemp("home")
    with service(home, "--no-worker") as (process, url):
        yield process, url, home
        code, _ = interrupt(process, signal.SIGTERM)
    assert code == 0


@pytest.mark.parametrize(("number", "expected"), [(signal.SIGINT, 0), (signal.SIGKILL, -9)])
def test_the_service_answers_and_however_it_ends_leaves_no_process(tmp_path, number, expected):
    with service(tmp_path) as (process, url):
        assert httpx.get(f"{url}/readyz", timeout=SOON).json()["checks"]["broker"]["ok"]
        members = family(process)
        assert len(members) == 4  # itself, the API, the worker, the broker
        code, errors = interrupt(process, number)
        _, alive = psutil.wait_procs(members, timeout=SOON)
    assert code == expected, errors
    assert not alive


def test_a_killed_api_is_started_again_and_no_caller_is_refused(api_only):
    process, url, _ = api_only
    api = next(p for p in family(process) if "app.cli.work.api" in p.cmdline())
    api.kill()
    assert httpx.get(f"{url}/livez", timeout=SOON).status_code == 200
    assert api not in family(process)


def test_a_folder_that_is_taken_is_refused_in_one_line(api_only):
    _, url, home = api_only
    with started("up", "--port", 0, home=home) as second:
        _, errors = second.communicate(timeout=SOON)
    assert second.returncode == 1
    assert errors.startswith("Error: Another `canfuse up` works in ")
    assert "--home" in errors
    assert len(errors.splitlines()) == 1
    assert httpx.get(f"{url}/livez", timeout=SOON).status_code == 200


def test_a_port_that_is_taken_is_refused_in_one_line(cli):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        assert cli("up", "--port", port) == 1
    assert cli.error.startswith(f"Error: Port {port} on 127.0.0.1 is taken")
    assert [file.name for file in cli.home.iterdir()] == ["service.lock"]


def test_others_are_not_let_in_without_keys(cli):
    assert cli("up", "--host", "0.0.0.0") == 2  # noqa: S104 - that it is refused is the point
    assert "CANFUSE_API_KEYS" in cli.error


def test_a_service_that_cannot_run_ends_and_says_why(tmp_path):
    (tmp_path / "canfuse.db").mkdir()
    with started("up", "--port", 0, home=tmp_path) as process:
        _, errors = process.communicate(timeout=SOON)
    assert process.returncode == 1
    assert "Error: " in errors
    assert "database" in errors
    assert "Traceback" not in errors


def test_a_folder_that_cannot_be_made_is_named(cli, tmp_path):
    (tmp_path / "file").write_text("")
    assert cli("up", "--home", tmp_path / "file" / "home") == 1
    assert "cannot be written" in cli.error

import subprocess
import sys

import pytest
from cli_kit import SOON, started

COMMANDS = (
    *("up", "demo", "verify", "enrol", "score", "evaluate", "presets", "rewards"),
    *("train", "data", "cache", "jobs", "releases", "vehicles", "keys"),
)


def test_help_names_every_command(cli):
    assert cli("--help") == 0
    assert [c for c in COMMANDS if f"│ {c} " not in cli.out] == []


@pytest.mark.parametrize(
    "command",
    [
        *("up", "demo", "verify", "enrol", "score", "evaluate", "presets"),
        *("train fusion", "train experts", "data convert", "cache build", "jobs submit"),
        *("releases alias", "vehicles list", "vehicles show", "vehicles delete"),
        *("keys create", "keys list", "keys revoke"),
    ],
)
def test_every_command_explains_itself(cli, command):
    assert cli(*command.split(), "--help") == 0
    assert f"Usage: canfuse {command}" in cli.out


def test_without_arguments_the_help_is_shown(cli):
    assert cli() == 2
    assert "Usage: canfuse" in cli.out
    assert cli.err == ""


def test_the_version_is_told(cli):
    assert cli("--version") == 0
    assert cli.out.startswith("canfuse 0.")


def test_help_loads_nothing_heavy():
    code = "import sys, app.cli; print(*(m for m in sys.argv[1:] if m in sys.modules))"
    heavy = ["torch", "polars", "fastapi", "celery", "sqlalchemy", "numpy", "pydantic", "httpx"]
    done = subprocess.run(
        [sys.executable, "-c", code, *heavy], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == ""


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["fly"], "No such command 'fly'"),
        (["train"], "Missing command"),
        (["train", "fusion", "--speed", "9"], "No such option: --speed"),
        (["train", "fusion", "--epochs", "many"], "--epochs"),
        (["score"], "Missing argument 'file'"),
        (["enrol", "car"], "Missing argument"),
        (["enrol", "car", "a.log", "--seconds", "0"], "seconds"),
        (["evaluate"], "Missing option '--dataset'"),
        (["jobs", "list", "--limit", "0"], "limit"),
    ],
)
def test_a_command_that_cannot_be_understood_gets_one_line_and_exit_code_2(cli, words, complaint):
    assert cli(*words) == 2
    assert complaint in cli.error
    assert len(cli.err.splitlines()) == 1


def test_a_traceback_is_shown_only_on_request_and_wherever_that_stands(cli):
    assert cli("score", "nowhere.log") == 2
    assert "Traceback" not in cli.err
    assert cli("score", "nowhere.log", "--debug") == 2
    assert "Traceback" in cli.err


def test_quiet_leaves_results_alone(cli):
    assert cli("rewards", "--quiet") == 0
    assert cli.out.split() == ["accuracy", "cost", "f1", "likelihood", "mcc"]
    assert cli.err == ""


def test_a_setting_that_cannot_be_used_is_named(cli, monkeypatch):
    monkeypatch.setenv("CANFUSE_LEASE_SECONDS", "soon")
    assert cli("releases", "list") == 2
    assert "lease_seconds" in cli.error.lower()


def test_what_goes_into_a_pipe_holds_no_escape_codes_and_the_pipe_may_break(tmp_path):
    with started("data", "list", home=tmp_path) as process:
        assert "\x1b" not in process.stdout.readline()
        process.stdout.close()
        assert process.wait(SOON) in (0, 1)
        errors = process.stderr.read()
    assert "\x1b" not in errors
    assert "Traceback" not in errors

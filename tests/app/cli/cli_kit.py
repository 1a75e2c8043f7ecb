"""Runs `canfuse`: in this process, or as a program of its own."""

import json
import os
import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import psutil

from app.cli.program import run

SOON = 60


def environment(home: Path, data: Path | None = None) -> dict[str, str]:
    """What a program needs to work in these places only."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("CANFUSE_", "DATABASE_URL", "REDIS_URL"))
    }
    places = {"CANFUSE_HOME": str(home), "CANFUSE_DATA_DIRS": str(data or home / "data")}
    return {**kept, **places, "OMP_NUM_THREADS": "1"}


class Cli:
    """Runs commands in this process, in places of a test's own."""

    def __init__(self, capsys, monkeypatch, home: Path, data: Path | None = None):
        self.home = home
        self._capsys = capsys
        for name, value in environment(home, data).items():
            monkeypatch.setenv(name, value)

    def __call__(self, *arguments) -> int:
        self._capsys.readouterr()
        self.code = run([str(a) for a in arguments])
        self.out, self.err = self._capsys.readouterr()
        return self.code

    def json(self, *arguments):
        assert self(*arguments) == 0, self.err
        return json.loads(self.out)

    @property
    def error(self) -> str:
        """The one line that says what was wrong."""
        complaints = [line for line in self.err.splitlines() if line.startswith("Error: ")]
        assert len(complaints) == 1, self.err
        assert "Traceback" not in self.err
        return complaints[0]


@contextmanager
def started(*arguments, home: Path, data: Path | None = None, **settings):
    """The program in a session of its own; what is left of it in the end is killed."""
    set_for_it = {f"CANFUSE_{name.upper()}": str(value) for name, value in settings.items()}
    process = subprocess.Popen(
        [sys.executable, "-m", "app.cli", *map(str, arguments)],
        env=environment(home, data) | set_for_it,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


@contextmanager
def service(home: Path, *arguments, data: Path | None = None, **settings):
    """`canfuse up` on any free port, once it answers: the process and its address."""
    with started("up", "--port", 0, *arguments, home=home, data=data, **settings) as process:
        line = process.stdout.readline()
        assert line.startswith("Listening on http://"), process.communicate(timeout=SOON)[1]
        yield process, line.split()[2]


def family(process) -> list[psutil.Process]:
    """A process and all that it started."""
    head = psutil.Process(process.pid)
    return [head, *head.children(recursive=True)]


def interrupt(process, number=signal.SIGINT) -> tuple[int, str]:
    """Send a signal; the exit code and what was said on standard error."""
    process.send_signal(number)
    _, errors = process.communicate(timeout=SOON)
    return process.returncode, errors

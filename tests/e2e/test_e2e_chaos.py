"""A short form of `make chaos`: each kind of fault at least once, every promise kept."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.chaos.faults import FAULTS
from tests.servers import postgres_program

ROOT = Path(__file__).parents[2]
SHORT = ["--faults", "10", "--jobs", "5", "--workers", "3", "--pace", "0.5", "--steps", "40"]
QUICK = ["--lease", "2.5", "--minutes", "3"]


@pytest.mark.timeout(240)
def test_every_promise_is_kept_through_faults_of_every_kind(tmp_path):
    """Guarantee: accepted jobs end once, none is lost, nothing stale is published or left."""
    try:
        postgres_program("postgres")
    except LookupError as error:
        pytest.skip(f"{error}: Debian calls the package postgresql")
    report = tmp_path / "report.json"
    command = [sys.executable, "-m", "tests.chaos", *SHORT, *QUICK, "--report", str(report)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    told = json.loads(report.read_text())
    assert set(told["faults"]) == set(FAULTS)
    assert told["broken"] == {}

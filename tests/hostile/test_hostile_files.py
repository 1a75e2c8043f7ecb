"""Short forms of `make fuzz`, and every input that it ever found."""

import json
import random
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import check_log
from service_targets import SERVICE
from targets import READERS

HERE = Path(__file__).parent
FOUND = sorted((HERE / "found").iterdir())
SEEDS = st.integers(0, 2**64 - 1)


@pytest.mark.timeout(30)
@pytest.mark.parametrize("path", FOUND, ids=lambda path: path.name)
def test_what_once_broke_a_promise_keeps_it_now(path):
    assert check_log(path.read_bytes()) in {"accepted", "refused"}


@pytest.mark.parametrize("name", sorted(READERS))
def test_every_seed_of_a_reader_is_accepted(name):
    assert "refused" not in {READERS[name].check(data) for data in READERS[name].seeds()}


@settings(max_examples=40)
@given(draw=SEEDS)
@pytest.mark.parametrize("name", sorted(READERS.keys() - {"mf4"}))
def test_a_changed_log_is_frames_or_a_refusal(name, draw):
    READERS[name].check(READERS[name].draw(random.Random(draw)))


@settings(max_examples=15)
@given(draw=SEEDS)
@pytest.mark.parametrize("name", ["columns", "profile"])
def test_a_changed_body_or_profile_is_scored_with_or_refused(name, draw):
    SERVICE[name].check(SERVICE[name].draw(random.Random(draw)))


def test_the_guided_fuzzer_runs_and_reports(tmp_path):
    pytest.importorskip("atheris")
    report = tmp_path / "report.json"
    command = [sys.executable, HERE / "fuzz_worker.py", "atheris", "lines", "--inputs", "200"]
    run = subprocess.run(
        [*command, "--seed", "1", "--report", report], check=False, capture_output=True, text=True
    )
    assert run.returncode == 0, run.stderr[-2000:]
    assert json.loads(report.read_text())["inputs"] >= 200

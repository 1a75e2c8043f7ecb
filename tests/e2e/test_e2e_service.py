"""The main job from end to end: a service, a fusion job on it, its release scored in every way."""

import json
import os
import subprocess
import sys
from contextlib import contextmanager

import httpx
import psutil
import pytest
from tiny import SIMULATION, TRAINING

from ml.can.simulation import record
from ml.can.writers import write_log
from tests.places import database_of

SOON = 60
CLI = [sys.executable, "-m", "app.cli"]


@pytest.fixture(scope="module")
def environment(tmp_path_factory, tiny_data_dir):
    home = tmp_path_factory.mktemp("home")
    places = {
        "CANFUSE_HOME": str(home),
        "CANFUSE_DATABASE_URL": database_of(home),
        "CANFUSE_DATA_DIRS": str(tiny_data_dir),
        "CANFUSE_PORT": "0",
    }
    kept = {name: v for name, v in os.environ.items() if not name.startswith("CANFUSE_")}
    return {**kept, **places, "OMP_NUM_THREADS": "1"}


@contextmanager
def up(environment):
    """`canfuse up` and a client for it; afterwards nothing of it may be left."""
    process = subprocess.Popen(
        [*CLI, "up", "--quiet"], env=environment, stdout=subprocess.PIPE, text=True
    )
    try:
        url = process.stdout.readline().split()[2]
        with httpx.Client(base_url=url, timeout=SOON) as client:
            yield client
        members = psutil.Process(process.pid).children(recursive=True)
        process.terminate()
        assert process.wait(SOON) == 0
        assert not [member for member in members if member.is_running()]
    finally:
        process.kill()
        process.communicate()


@pytest.fixture(scope="module")
def client(environment):
    with up(environment) as client:
        yield client


@pytest.fixture(scope="module")
def events(client):
    """The events of a fusion job, streamed to its end."""
    job = client.post("/jobs/fusion", json=TRAINING)
    assert job.status_code == 202, job.text
    with client.stream("GET", f"{job.headers['location']}/events", timeout=110) as stream:
        return [
            {"job": job.json()["id"], **json.loads(line.removeprefix("data:"))}
            for line in stream.iter_lines()
            if line.startswith("data:")
        ]


@pytest.fixture(scope="module")
def job(client, events):
    return client.get(f"/jobs/{events[0]['job']}").json()


def canfuse(environment, *words):
    done = subprocess.run(
        [*CLI, *map(str, words)], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_stream_tells_of_the_whole_job(events):
    assert [e["sequence"] for e in events] == list(range(1, len(events) + 1))
    states = [e["status"] for e in events if e["event"] == "state"]
    assert states == ["queued", "running", "succeeded"]
    fractions = [e["fraction"] for e in events if e["event"] == "progress"]
    assert fractions == sorted(fractions)
    phases = {e["phase"] for e in events if e["event"] == "progress"}
    assert {"train vgae", "train gat"} <= phases


def test_the_job_publishes_a_release_with_its_report(client, job):
    assert job["status"] == "succeeded"
    card = client.get(f"/releases/{job['release']}").json()
    assert card["aliases"] == ["production"]
    report = client.get(card["links"]["report"])
    assert report.headers["content-type"].startswith("text/html")
    assert "Fusion on tiny" in report.text


def test_every_way_of_scoring_gives_identical_scores(
    client, job, environment, tiny_data_dir, tmp_path
):
    """The car was never in training: the command line enrols it, the service scores with that."""
    capture = next((tiny_data_dir / "tiny").glob("test_02*/DoS-*"))
    log, drive = tmp_path / "capture.log", tmp_path / "drive.parquet"
    canfuse(environment, "data", "convert", capture, log)
    write_log(record(SIMULATION, "enrolment", "cedar", None).frames, drive)
    assert "cedar" in canfuse(environment, "enrol", "cedar", drive)
    here = json.loads(canfuse(environment, "score", log, "--vehicle", "cedar", "--json"))
    path = f"/score?release={job['release']}&vehicle=cedar"
    raw = client.post(path, content=log.read_bytes(), headers={"content-type": "text/plain"}).json()
    frames = client.post(path, json=columns(log.read_text())).json()
    scores = {name: raw[name] for name in ("anomaly_score", "gat_prob")}
    fused = client.post(path, json=scores).json()
    assert here["vehicle"] == raw["vehicle"] == frames["vehicle"]
    assert here["vehicle"]["enrolled"]
    assert here["release"] == raw["release"] == frames["release"] == fused["release"]
    for name in ("fused_score", "alpha", "anomaly_score", "gat_prob", "is_attack"):
        assert here[name] == raw[name] == frames[name] == fused[name]
    assert here["window_start"] == raw["window_start"] == frames["window_start"]
    assert any(here["is_attack"])


def columns(candump: str) -> dict[str, list]:
    """A candump log as columns of frames, read by hand."""
    rows = [line.split() for line in candump.splitlines()]
    frames = [frame.split("#") for _, _, frame in rows]
    return {
        "timestamp": [float(time.strip("()")) for time, _, _ in rows],
        "id": [can_id for can_id, _ in frames],
        "data": [data for _, data in frames],
    }


def test_the_command_line_follows_what_the_service_knows(client, job, environment):
    url = str(client.base_url)
    listed = json.loads(canfuse(environment, "jobs", "list", "--json", "--url", url))
    assert [j["id"] for j in listed] == [job["id"]]
    assert job["release"] in canfuse(environment, "jobs", "watch", job["id"], "--url", url)
    assert job["release"] in canfuse(environment, "releases", "list")
    files = canfuse(environment, "jobs", "artifacts", job["id"], "--url", url)
    assert "last.ckpt" in files
    assert "metrics.csv" in files

"""`canfuse demo`: the whole path on simulated traffic, through a service of its own."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from app.cli.progress import progress
from app.cli.terminal import note, say
from app.cli.work.comparison import show_comparison
from app.cli.work.jobs import follow
from app.cli.work.remote import connected
from canfuse_client import Client, Job
from ml.can.datasets import Capture, find_dataset
from ml.can.frames import Frames
from ml.can.readers import read_log
from ml.can.simulation import SimulationConfig, record, simulate_dataset
from ml.errors import CanfuseError, Unavailable
from ml.releases import ReleaseStore
from workers.tether import tethered

STOP_SECONDS = 40.0
PRESET = "fusion_demo"
_QUICK_JOB = {
    "experts": {"training": {"max_epochs": 1}},
    "training": {"max_epochs": 2},
}


class DemoMismatch(CanfuseError):
    """Two ways to the same scores differ."""

    slug = "demo-mismatch"


def demonstrate(home: Path, *, quick: bool) -> None:
    """Simulate, train, score and report; whatever was started is stopped."""
    home = home.resolve()
    data = home / "data"
    simulation = SimulationConfig(name="quick", seconds=6.0) if quick else SimulationConfig()
    _step(1, f"Simulating CAN traffic into {data / simulation.name}")
    with progress("simulate") as bar:
        simulate_dataset(simulation, data, lambda done, what: bar.advance(done, "simulate", what))
    capture = _attacked(find_dataset(simulation.name, (data,)).test, simulation.hidden_vehicle)
    _step(2, "Starting the service")
    with service(home, data) as url, connected(url, None) as client:
        note(f"It listens on {url}.")
        _step(3, f"POST /jobs/fusion, preset {PRESET}: training experts and their fusion")
        job = _train(client, {"dataset": simulation.name, **(_QUICK_JOB if quick else {})})
        car = capture.vehicle
        _step(4, f"PUT /vehicles/{car}/profile: enrolling a car that was never in training")
        _enrol(client, car, record(simulation, "enrolment", car, None).frames)
        _step(5, f"POST /score?vehicle={car}: {capture.name}")
        _score(client, capture, job.release)
        _step(6, "Stopping the service")
    show_comparison((job.result or {})["comparison"])
    say(f"Release    {job.release}")
    say(f"Report     {ReleaseStore(home / 'releases').report(job.release or 'production')}")
    say(f"Go on with `canfuse up --home {home} --data-dir {data}`.")


def _train(client: Client, config: Mapping[str, Any]) -> Job:
    job_id = client.submit("fusion", config, preset=PRESET).id
    try:
        return follow(client, job_id)
    except KeyboardInterrupt:
        # Or the next service in this home would go on with it.
        client.cancel(job_id)
        raise


@contextmanager
def service(home: Path, data: Path) -> Iterator[str]:
    """A service in a process of its own, on any free port; yields its address.

    Raises:
        Unavailable: it does not start.
    """
    home.mkdir(parents=True, exist_ok=True)
    log = home / "service.log"
    command = [sys.executable, "-m", "app.cli", "up", "--port", "0"]
    command += ["--home", str(home), "--data-dir", str(data)]
    with log.open("w") as stream:
        process = subprocess.Popen(  # noqa: S603 - our own program, no shell
            tethered(command),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=stream,
            text=True,
            start_new_session=True,
        )
    try:
        yield _address(process, log)
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()


def _address(process: subprocess.Popen[str], log: Path) -> str:
    assert process.stdout is not None  # noqa: S101 - it is a pipe
    line = process.stdout.readline()
    if not line.startswith("Listening on "):
        said = [text for text in log.read_text().splitlines() if text.startswith("Error: ")]
        why = said[-1].removeprefix("Error: ") if said else ""
        raise Unavailable(f"The service does not start. {why}", f"Its log is {log}.")
    return line.split()[2]


def _enrol(client: Client, car: str, frames: Frames) -> None:
    """Enrol a car with an attack-free drive of it."""
    card = client.enrol_frames(car, **frame_columns(frames))
    note(f"Learnt {card.ids} identifiers from {card.seconds:.1f} s of its traffic.")


def _score(client: Client, capture: Capture, release: str | None) -> None:
    """Score a capture in the three forms, which must agree to the last digit."""
    car, frames = capture.vehicle, read_log(capture.path).frames
    whole = client.score_log(capture.path, vehicle=car, release=release)
    columns = client.score_frames(**frame_columns(frames), vehicle=car, release=release)
    fused = client.score(whole.anomaly_score, whole.gat_prob, release=release)
    if not whole.fused_score == columns.fused_score == fused.fused_score:
        raise DemoMismatch("The three forms of POST /score differ.", "Please report this.")
    flagged, windows = sum(whole.is_attack), len(whole.is_attack)
    note(
        f"As a raw log, as columns of frames and as the experts' scores: the same {windows} scores."
    )
    note(f"{flagged} of {windows} windows are attacks, says release {whole.release}.")


def frame_columns(frames: Frames) -> dict[str, Any]:
    """Frames as the columns that the client takes."""
    rows = zip(frames.payload, frames.length, strict=True)
    return {
        "timestamp": frames.timestamp,
        "id": frames.can_id,
        "extended": frames.extended,
        "data": [payload[:length] for payload, length in rows],
    }


def _attacked(captures: tuple[Capture, ...], car: str) -> Capture:
    return next(c for c in captures if c.vehicle == car and c.attack is not None)


def _step(number: int, what: str) -> None:
    note(f"[{number}/6] {what}", style="bold")

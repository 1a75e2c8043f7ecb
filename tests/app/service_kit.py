"""Starts the service for real: an HTTP server on a free loopback port, in a thread of its own."""

import json
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import httpx
import numpy as np
import torch

from app.main import create_app
from app.server import Server, address_of, listen
from app.settings import Settings
from ml.can.features import NODE_FEATURES
from ml.can.frames import Frames
from ml.can.profiles import VehicleProfile, learn_profile
from ml.can.profiles.enrolment import Enrolment
from ml.can.simulation.capture import record
from ml.can.simulation.config import SimulationConfig
from ml.evaluation.baselines import Baselines
from ml.experts.bank import EXPERTS, ExpertBank
from ml.experts.calibration import Calibration
from ml.fusion.bundle import save_fusion
from ml.fusion.config import FusionAgentConfig
from ml.fusion.policy import QNetwork
from ml.releases import ReleaseStore
from ml.releases.manifest import seal
from ml.releases.vehicles import save_vehicles
from tests.places import database_of

WINDOW = 20
SOON = 20.0
OWN_CAR = "birch"


@dataclass
class Service:
    """A running service and a client for it."""

    settings: Settings
    app: object
    server: Server
    client: httpx.Client
    thread: threading.Thread

    @property
    def store(self):
        return ReleaseStore(self.settings.workspace.releases)

    def stop(self):
        self.server.should_exit = True
        self.thread.join(SOON)
        assert not self.thread.is_alive()


@contextmanager
def running(home: Path, extend=None, **values):
    """A service with these settings; `extend` may add routes to its application."""
    # The client's own connection would be waited for at the end.
    values = {"drain_seconds": 0, "database_url": database_of(home), **values}
    settings = Settings(home=home, port=0, **values)
    app = create_app(settings)
    if extend:
        extend(app)
    started = threading.Event()
    sock = listen(settings)
    server = Server(app, settings, started.set)
    thread = threading.Thread(target=server.run, args=([sock],))
    thread.start()
    assert started.wait(SOON)
    with httpx.Client(base_url=address_of(sock), timeout=SOON) as client:
        service = Service(settings, app, server, client, thread)
        try:
            yield service
        finally:
            service.stop()


def until(met, seconds=SOON):
    """Wait until something is met, and return what it gave."""
    pause = threading.Event()
    for _ in range(int(seconds / 0.01)):
        if found := met():
            return found
        pause.wait(0.01)
    raise AssertionError("it did not come to pass in time")


def events_of(text: str) -> list[dict]:
    """The events of a stream's text, each with the id that it had on the wire."""
    found = []
    for block in text.split("\n\n"):
        fields = dict(
            line.split(": ", 1) for line in block.splitlines() if ": " in line and line[0] != ":"
        )
        if "data" in fields:
            found.append(
                {"id": fields["id"], "name": fields["event"], **json.loads(fields["data"])}
            )
    return found


def publish(
    store: ReleaseStore,
    folder: Path,
    seed: int = 0,
    alias: str | None = "production",
    report: bool = False,
    kind: str = "fusion",
    threshold: float = 0.5,
    metrics: dict | None = None,
) -> str:
    """Publish a release whose experts have random weights: whole, but knowing one car only."""
    torch.manual_seed(seed)
    staged = folder / f"staged-{seed}" / "release"
    staged.mkdir(parents=True)
    experts = {name: make(make.sizes["small"], 0.001).eval() for name, make in EXPERTS.items()}
    ExpertBank(experts).save(staged)
    agent = FusionAgentConfig(method="dqn", state="discrete")
    save_fusion(
        staged,
        {name: Calibration(1.0, 0.0) for name in EXPERTS},
        threshold,
        Baselines(0.5, 1.0, 1.0, -1.0, {}),
        agent,
        QNetwork(agent),
        np.zeros(len(NODE_FEATURES), np.float32),
    )
    save_vehicles(staged, {OWN_CAR: Enrolment(OWN_CAR, (), _own_profile())})
    if report:
        (staged.parent / "report").mkdir()
        (staged.parent / "report" / "index.html").write_text("<h1>Report</h1><img src=policy.png>")
        (staged.parent / "report" / "policy.png").write_bytes(b"picture")
    dataset = {"name": "made-up", "digest": "0" * 64}
    window = {"window_size": WINDOW, "stride": WINDOW}
    seal(
        staged,
        kind=kind,
        name=f"made-up {seed}",
        dataset=dataset,
        config={},
        window=window,
        threshold=threshold,
        metrics=metrics,
    )
    return store.publish(staged, alias)


def traffic(frames: int = 200, seed: int = 0) -> Frames:
    """Frames of a made-up bus, with microsecond timestamps as candump writes them."""
    rng = np.random.default_rng(seed)
    return Frames(
        timestamp=np.round(np.cumsum(rng.uniform(0.0002, 0.002, frames)), 6),
        can_id=rng.integers(0, 32, frames).astype(np.uint32),
        flags=np.zeros(frames, np.uint8),
        length=np.full(frames, 8, np.uint8),
        payload=rng.integers(0, 256, (frames, 8)).astype(np.uint8),
    )


@cache
def _own_profile() -> VehicleProfile:
    return learn_profile([driving(vehicle=OWN_CAR)])


@cache
def driving(
    split: str = "train", vehicle: str = "alder", attack: str | None = None, seconds: float = 5.0
) -> Frames:
    """Traffic of a simulated vehicle, labelled."""
    return record(SimulationConfig(seconds=seconds), split, vehicle, attack).frames


def as_columns(frames: Frames) -> dict:
    """Frames as the JSON body of `POST /score`."""
    payloads = [bytes(row[:n]).hex() for row, n in zip(frames.payload, frames.length, strict=True)]
    return {"timestamp": frames.timestamp.tolist(), "id": frames.can_id.tolist(), "data": payloads}

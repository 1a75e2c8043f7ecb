"""Writes a simulated dataset in the folder layout of the real ones."""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from itertools import cycle, product
from pathlib import Path
from typing import Any

import numpy as np

from ml.can.simulation.capture import Recording, record
from ml.can.simulation.config import Attack, SimulationConfig, validated
from ml.can.writers import write_log
from ml.errors import Conflict, Unavailable

MANIFEST = "MANIFEST.json"
SETTINGS = "SIMULATION.json"

Progress = Callable[[float, str], None]


@dataclass(frozen=True)
class Plan:
    """A capture to simulate."""

    split: str
    vehicle: str
    attack: Attack | None

    @property
    def path(self) -> str:
        """Where it goes, relative to the dataset's folder."""
        return f"{self.split}/{self.attack or 'attack-free'}-{self.vehicle}.parquet"


def plan_captures(config: SimulationConfig) -> Iterator[Plan]:
    """What the dataset consists of.

    Each known attack is seen in training on every known vehicle, in other drives than in tests.
    """
    known, hidden = config.known_vehicles, config.hidden_vehicle
    for vehicle in known:
        yield Plan("train_01_attack_free", vehicle, None)
    for attack, vehicle in product(config.known_attacks, known):
        yield Plan("train_02_with_attacks", vehicle, attack)
    for attack, vehicle in zip(config.known_attacks, cycle(known)):
        yield Plan("test_01_known_vehicle_known_attack", vehicle, attack)
    for attack in config.known_attacks[:3]:
        yield Plan("test_02_unknown_vehicle_known_attack", hidden, attack)
    for vehicle in known:
        yield Plan("test_03_known_vehicle_unknown_attack", vehicle, config.hidden_attack)
    yield Plan("test_04_unknown_vehicle_unknown_attack", hidden, config.hidden_attack)


def simulate_dataset(
    config: SimulationConfig, root: Path, on_progress: Progress = lambda _fraction, _message: None
) -> Path:
    """Simulate a dataset into `root / config.name`; it appears there whole or not at all.

    A dataset that the same config made before is left as it is.

    Args:
        config: what to simulate.
        root: the data directory to put it in; made if missing.
        on_progress: called with the share that is done and one line for people.

    Returns:
        the dataset's folder.

    Raises:
        InvalidInput: the config is out of range.
        Conflict: the folder holds something else.
        Unavailable: the data directory cannot be written.
    """
    config = validated(config)
    target = root / config.name
    if _is_there(target, config):
        on_progress(1.0, f"{target} is already there")
        return target
    staged = None
    try:
        root.mkdir(parents=True, exist_ok=True)
        staged = Path(tempfile.mkdtemp(prefix=f".{config.name}-", dir=root))
        _write(config, staged, on_progress)
        staged.chmod(0o755)  # mkdtemp lets nobody else read
        staged.rename(target)
    except OSError as error:
        raise (_taken(target) if target.exists() else _unwritable(root, error)) from error
    finally:
        if staged is not None:
            shutil.rmtree(staged, ignore_errors=True)
    return target


def _write(config: SimulationConfig, folder: Path, on_progress: Progress) -> None:
    plans = list(plan_captures(config))
    rows = []
    for done, plan in enumerate(plans):
        on_progress(done / len(plans), f"simulating {plan.path}")
        recording = record(config, plan.split, plan.vehicle, plan.attack)
        (folder / plan.split).mkdir(exist_ok=True)
        write_log(recording.frames, folder / plan.path)
        rows.append(_row(config, plan, recording, folder / plan.path))
    (folder / SETTINGS).write_text(_settings(config))
    (folder / MANIFEST).write_text(json.dumps(rows, indent=1) + "\n")
    on_progress(1.0, f"{len(plans)} captures simulated")


def _row(config: SimulationConfig, plan: Plan, recording: Recording, file: Path) -> dict[str, Any]:
    frames = recording.frames
    content = file.read_bytes()
    return {
        "path": plan.path,
        "dataset": config.name,
        "split": plan.split,
        "vehicle": plan.vehicle,
        "attack": plan.attack,
        "intervals": recording.intervals,
        "frames": len(frames),
        "attack_frames": 0 if frames.label is None else int(frames.label.sum()),
        "ids": len(np.unique(frames.arbitration)),
        "seconds": round(float(frames.timestamp[-1] - frames.timestamp[0]), 3),
        "sha256": hashlib.sha256(content).hexdigest(),
        "bytes": len(content),
    }


def _settings(config: SimulationConfig) -> str:
    return json.dumps(asdict(config), indent=1) + "\n"


def _is_there(target: Path, config: SimulationConfig) -> bool:
    if not target.exists():
        return False
    settings = target / SETTINGS
    if settings.is_file() and settings.read_text() == _settings(config):
        return True
    raise _taken(target)


def _taken(target: Path) -> Conflict:
    return Conflict(
        f"{target} exists already and is not this simulation's.",
        "Choose another name or folder, or remove it first.",
    )


def _unwritable(root: Path, error: OSError) -> Unavailable:
    return Unavailable(
        f"The simulated dataset cannot be written to {root}: {error.strerror or error}.",
        "Make room or give write access, or choose another folder.",
    )

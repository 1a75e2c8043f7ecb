"""The `drill` kind: takes steps with checkpoints, publishes a small release, has real accidents."""

from __future__ import annotations

import json
import resource
import secrets
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from ml.config import config
from ml.context import Context
from ml.files import write_atomically
from ml.pipelines.registry import Pipeline
from ml.releases.manifest import seal

CHECKPOINT = "drill.json"
GIBIBYTE = 1 << 30


@config
class DrillConfig:
    """How long to drill, and what is to happen after the last step.

    Attributes:
        steps: how many steps to take.
        seconds_per_step: how long each takes.
        release: whether to publish a release.
        alias: the alias to point at it.
        accident: what goes wrong.
    """

    steps: Annotated[int, Field(ge=1)] = 10
    seconds_per_step: Annotated[float, Field(ge=0)] = 0.1
    release: bool = True
    alias: str | None = None
    accident: Literal["", "disk-full", "out-of-memory"] = ""


def run(config: DrillConfig, context: Context) -> dict[str, Any]:
    """Take the steps, from the last checkpoint on."""
    checkpoint = context.workdir / CHECKPOINT
    begun_at = done = json.loads(checkpoint.read_text())["done"] if checkpoint.exists() else 0
    context.log(json.dumps({"begun_at": begun_at}))
    while done < config.steps:
        context.progress("drill", done / config.steps, f"step {done + 1} of {config.steps}")
        context.cancelled.wait(config.seconds_per_step)
        done += 1
        write_atomically(checkpoint, json.dumps({"done": done}).encode())
    context.check_cancelled()
    _meet(config.accident)
    version = _stage(context.workdir / "release") if config.release else None
    return {"release": version, "alias": config.alias, "begun_at": begun_at, "steps": done}


def _meet(accident: str) -> None:
    if accident == "disk-full":
        with Path("/dev/full").open("wb", buffering=0) as stream:
            stream.write(b"no room")
    if accident == "out-of-memory":
        resource.setrlimit(resource.RLIMIT_AS, (8 * GIBIBYTE, 8 * GIBIBYTE))
        bytearray(16 * GIBIBYTE)


def _stage(folder: Path) -> str:
    """A bundle that no other attempt makes, so that each release tells whose it is."""
    folder.mkdir(exist_ok=True)
    write_atomically(folder / "weights.bin", secrets.token_bytes(64))
    facts = {"dataset": {"name": "none"}, "config": {}, "window": {"window_size": 1, "stride": 1}}
    return seal(folder, kind="experts", name="drill", **facts).version


KIND = Pipeline("drill", DrillConfig, run, "Take steps, to be disturbed.", accelerated=False)

"""The `rehearse` kind: counts steps, which proves a deployment's job path without training."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from ml.config import config
from ml.context import Context
from ml.errors import InvalidInput
from ml.files import write_atomically
from ml.pipelines.registry import Pipeline


@config
class RehearsalConfig:
    """How long to rehearse and how to end.

    Attributes:
        steps: how many steps to count.
        seconds_per_step: how long each step takes.
        fail: end with an error after the last step.
    """

    steps: Annotated[int, Field(ge=1, le=100_000)] = 10
    seconds_per_step: Annotated[float, Field(ge=0, le=60)] = 0.1
    fail: bool = False


def run(config: RehearsalConfig, context: Context) -> dict[str, Any]:
    """Count the steps, continuing where an earlier attempt stopped."""
    checkpoint = context.workdir / "rehearsal.txt"
    done = _counted(checkpoint, context)
    resumed_from = done
    while done < config.steps:
        context.progress("rehearse", done / config.steps, f"step {done + 1} of {config.steps}")
        context.cancelled.wait(config.seconds_per_step)
        done += 1
        write_atomically(checkpoint, str(done).encode())
    context.check_cancelled()
    if config.fail:
        raise InvalidInput("The rehearsal was told to fail.", "Submit it without `fail`.")
    return {"steps": done, "resumed_from": resumed_from}


def _counted(checkpoint: Path, context: Context) -> int:
    try:
        return int(checkpoint.read_text()) if checkpoint.exists() else 0
    except ValueError:
        context.log(f"The checkpoint {checkpoint.name} is damaged; starting afresh.", "warning")
        return 0


KIND = Pipeline(
    "rehearse", RehearsalConfig, run, "Count steps, to prove the job path.", accelerated=False
)

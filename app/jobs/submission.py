"""From a request's body to a job in the queue."""

from __future__ import annotations

import json
from typing import Any

from pydantic import TypeAdapter

from app.bodies import parse
from app.jobs.schemas import SubmissionBody
from app.state import Services
from ml.errors import InvalidInput
from ml.pipelines.presets import resolve
from ml.pipelines.registry import Pipeline
from workers.records import Job


def submit(services: Services, kind: Pipeline, body: bytes, key: str | None) -> tuple[Job, bool]:
    """Check the configuration and record the job.

    Returns:
        The job, and whether it is new (the idempotency key may have brought it before).
    """
    asked = parse(SubmissionBody, body)
    config = resolve(kind.name, asked.preset, asked.model_extra or {})
    kind.check(config, services.settings.workspace, False)
    job, created = services.jobs.submit(
        kind.name,
        as_json(kind, config),
        queue="gpu" if kind.accelerated else "cpu",
        labels=asked.labels,
        idempotency_key=key,
    )
    return job, created


def as_json(kind: Pipeline, config: Any) -> dict[str, Any]:
    """The configuration as JSON values, every default written out so that it stays what it was."""
    values: dict[str, Any] = TypeAdapter(kind.config).dump_python(config, mode="json")
    try:
        json.dumps(values, allow_nan=False)
    except ValueError as error:
        raise InvalidInput(
            "A number in the configuration is not finite.", "Give finite numbers."
        ) from error
    return values

"""From a request's body to a job in the queue."""

from __future__ import annotations

import json
from typing import Any

from pydantic import TypeAdapter

from app.auth import Rights
from app.bodies import parse
from app.errors import Forbidden
from app.jobs.schemas import SubmissionBody
from app.state import Services
from ml.errors import InvalidInput
from ml.pipelines.presets import resolve
from ml.pipelines.registry import Pipeline, pipeline
from workers.records import Job


def submit(
    services: Services, rights: Rights, kind: Pipeline, body: bytes, key: str | None
) -> tuple[Job, bool]:
    """Check the configuration and record the job.

    Returns:
        The job, and whether it is new (the idempotency key may have brought it before).

    Raises:
        Forbidden: it would point an alias at a release, which this key may not do.
    """
    asked = parse(SubmissionBody, body)
    config = resolve(kind.name, asked.preset, asked.model_extra or {})
    _check_alias(config, rights)
    values = as_json(kind, config)
    if key is not None:
        # Before anything is looked up: what it needed then may be gone by now.
        job = services.jobs.made_before(
            kind.name, values, asked.labels, asked.priority, asked.metadata, key
        )
        if job is not None:
            return job, False
    kind.check(config, services.settings.workspace, False)
    return services.jobs.submit(
        kind.name,
        values,
        queue="gpu" if kind.accelerated else "cpu",
        labels=asked.labels,
        priority=asked.priority,
        metadata=asked.metadata,
        idempotency_key=key,
    )


def retry(services: Services, rights: Rights, origin: Job, key: str | None) -> tuple[Job, bool]:
    """Ask once more for what a job was asked for.

    Returns:
        The job that repeats it, and whether it is new.

    Raises:
        NotRetryable: it has neither failed nor been cancelled.
        Forbidden: it would point an alias at a release, which this key may not do.
    """
    kind = pipeline(origin.kind)
    config = kind.parse(origin.config)
    _check_alias(config, rights)
    if services.jobs.retried(origin, key) is None:
        kind.check(config, services.settings.workspace, False)
    return services.jobs.retry(origin.id, key)


def _check_alias(config: Any, rights: Rights) -> None:
    alias = getattr(config, "alias", None)
    if alias is not None and not rights.allow("admin"):
        raise Forbidden(
            f"This job would point the alias '{alias}' at its release, which needs the scope "
            "'admin'.",
            'Send "alias": null to publish the release without an alias, or use such a key.',
        )


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

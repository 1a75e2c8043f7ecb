"""Describes each job kind's configuration in OpenAPI."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from pydantic import TypeAdapter

from app.bodies import REF
from app.jobs.schemas import SubmissionBody
from ml.pipelines.registry import Pipeline


def submission_name(kind: Pipeline) -> str:
    """Name of the schema of a submission of this kind."""
    return f"{kind.name.title().replace('-', '').replace('_', '')}Submission"


def submission_schemas(kinds: Mapping[str, Pipeline]) -> dict[str, Any]:
    """The schemas of all kinds' submissions, and those that they refer to."""
    inputs = [(name, "validation", TypeAdapter(kind.config)) for name, kind in kinds.items()]
    by_kind, shared = TypeAdapter.json_schemas(inputs, ref_template=REF)  # type: ignore[arg-type]
    schemas: dict[str, Any] = shared.get("$defs", {})
    for schema in schemas.values():
        _describe_fields(schema)
    for name, kind in kinds.items():
        own = by_kind[(name, "validation")]
        own = schemas[own["$ref"].rsplit("/", 1)[-1]] if "$ref" in own else own
        schemas[submission_name(kind)] = _submission(kind, own)
    return schemas


def _describe_fields(schema: dict[str, Any]) -> None:
    """Move what a class's docstring says of each field to where OpenAPI wants it."""
    summary, _, attributes = schema.get("description", "").partition("\n\nAttributes:\n")
    if not attributes:
        return
    schema["description"] = summary
    for entry in re.split(r"\n(?=    \S)", attributes):
        names, _, text = entry.strip().partition(":")
        for name in names.split(", "):
            if (field := schema.get("properties", {}).get(name)) is not None:
                field.setdefault("description", " ".join(text.split()))


def _submission(kind: Pipeline, config: Mapping[str, Any]) -> dict[str, Any]:
    """The configuration's fields with those of every submission beside them."""
    extras = SubmissionBody.model_json_schema()["properties"]
    schema: dict[str, Any] = {
        "type": "object",
        "title": submission_name(kind),
        "description": config.get("description", kind.summary),
        "properties": {**config.get("properties", {}), **extras},
        "additionalProperties": False,
    }
    if required := config.get("required"):
        schema["anyOf"] = [{"required": required}, {"required": ["preset"]}]
    return schema

"""Where work comes from, as it travels with a job: the request's id and its trace."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from ml.telemetry.logs import bind, configure_logs, ids
from ml.telemetry.traces import carrier, configure_traces, continued

_IDS = "CANFUSE_JOB_IDS"
_TRACE = {"traceparent": "TRACEPARENT", "tracestate": "TRACESTATE"}


def origin() -> dict[str, str]:
    """What a job's record keeps of the request that asks for it here and now."""
    request = {"request_id": str(ids()["request_id"])} if "request_id" in ids() else {}
    return request | carrier()


def to_environment() -> dict[str, str]:
    """The variables by which a process that is started here goes on with our ids and our trace."""
    traced = {_TRACE[name]: value for name, value in carrier().items()}
    return {_IDS: json.dumps(ids(), default=str)} | traced


@contextmanager
def from_environment(part: str, name: str) -> Iterator[None]:
    """Log and trace as the part of the process's work that `to_environment` described.

    Args:
        part: which program of ours this is.
        name: of the span.
    """
    configure_logs(style="json")
    configure_traces(part)
    bind(**_ids(os.environ))
    carried = {field: os.environ[v] for field, v in _TRACE.items() if v in os.environ}
    with continued(name, carried):
        yield


def _ids(environment: Mapping[str, str]) -> dict[str, Any]:
    found = json.loads(environment.get(_IDS, "{}"))
    return found if isinstance(found, dict) else {}

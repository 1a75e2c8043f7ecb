"""What schemathesis is told of this API: real logs as bodies, names of what is there, a check."""

from __future__ import annotations

import random
import sys
from pathlib import Path
from typing import Any

import schemathesis
from hypothesis import strategies as st

sys.path += [str(Path(__file__).parent), str(Path(__file__).parents[1] / "app")]

import seeds
from mutations import any_bytes, several, table_file, text_lines

from app.logs import LOG_TYPES
from app.problems import PROBLEM_JSON

THERE = {"vehicle": "car", "name": "little", "version": "production", "path": "metrics.csv"}
SEEDS = [*seeds.text_logs().values(), *seeds.table_logs().values(), seeds.blf_log()]


def _spoilt(data: bytes, draw: int) -> bytes:
    mutate = table_file if data[:4] in (b"PAR1", b"ARRO") else text_lines
    return several(any_bytes if draw % 3 == 0 else mutate, data, random.Random(draw))


LOGS = st.sampled_from(SEEDS)
BODIES = LOGS | st.builds(_spoilt, LOGS, st.integers(0, 2**32))
for media in LOG_TYPES:
    schemathesis.openapi.media_type(media, BODIES)


@schemathesis.hook
def map_path_parameters(ctx: Any, path_parameters: dict[str, Any] | None) -> Any:
    """Name something that is there, two times out of three."""
    del ctx
    for name, value in (path_parameters or {}).items():
        if name in THERE and hash(str(value)) % 3:
            path_parameters[name] = THERE[name]
    return path_parameters


@schemathesis.check
def errors_are_problem_documents(ctx: Any, response: Any, case: Any) -> None:
    """Every error is a problem document that says what is wrong."""
    del ctx, case
    if response.status_code >= 400:
        assert response.headers["content-type"][0] == PROBLEM_JSON
        problem = response.json()
        assert problem["status"] == response.status_code
        assert problem["detail"]
        assert problem["type"].startswith("/problems/")
        assert problem["request_id"] == response.headers["x-request-id"][0]
    if response.status_code in {429, 503}:
        assert int(response.headers["retry-after"][0]) > 0

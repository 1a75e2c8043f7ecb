"""Reads Parquet and Arrow files from standard input, and writes them to standard output as tables.

Each request is a line of JSON and the file's bytes, each answer a line of JSON and an Arrow stream;
see `columnar_process`, which starts this. It ends with its standard input.
"""

from __future__ import annotations

import io
import json
import os
import resource
import signal
import sys
from typing import Any

from ml.can.readers.columnar import read_table
from ml.can.readers.columnar_process import LIMIT_SECONDS
from ml.can.readers.problems import InvalidLog, Tally

MEMORY_BYTES = 16 << 30


def main() -> None:
    """Answer requests until there are no more."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    while line := sys.stdin.buffer.readline():
        # By the kernel, as whoever started this may be gone by then, and a compiled part hang.
        signal.alarm(LIMIT_SECONDS)
        request = json.loads(line)
        data = sys.stdin.buffer.read(request["size"])
        error, content = _read(request, data)
        about = {"size": len(content), "error": error}
        answers.write(json.dumps(about).encode() + b"\n" + content)
        answers.flush()
        signal.alarm(0)


def _read(request: dict[str, Any], data: bytes) -> tuple[tuple[str, str, Any] | None, bytes]:
    tally = Tally(request["name"], request["format"], max_frames=request["max_frames"])
    try:
        table = read_table(io.BytesIO(data), tally, request["rows"])
    except InvalidLog as error:
        return (error.detail, error.hint, error.extra), b""
    buffer = io.BytesIO()
    table.write_ipc_stream(buffer)
    return None, buffer.getvalue()


if __name__ == "__main__":
    main()

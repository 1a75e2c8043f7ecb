"""Runs one job as a child process: `python -m ml.pipelines KIND …`.

Standard output carries one JSON event a line and nothing else. Standard input is the supervisor's
hand: a line `cancel` asks the run to stop, any line is a sign of life, and its end means that the
supervisor is gone, at which the run ends at once so that no orphan keeps computing. With
`--patience` it ends, too, when the supervisor was silent for so long: others may have the job.
"""

from __future__ import annotations

import argparse
import json
import os
import select
import sys
import threading
from pathlib import Path
from typing import TextIO

from ml.accidents import accident
from ml.context import Context, Workspace
from ml.errors import EXIT_REFUSED, Cancelled, CanfuseError
from ml.pipelines.registry import pipeline
from ml.telemetry.origin import from_environment

EXIT_OK = 0
EXIT_CRASHED = 1
EXIT_CANCELLED = 4


def main(argv: list[str] | None = None) -> int:
    """Run the job that the arguments describe and return the exit code."""
    args = _arguments(argv)
    channel = _claim_stdout()
    context = Context(
        workdir=args.workdir,
        workspace=Workspace(home=args.home, data_dirs=tuple(args.data_dir)),
        emit=lambda event: print(json.dumps(event), file=channel, flush=True),
    )
    listening = (context.cancelled, args.patience)
    threading.Thread(target=_listen, args=listening, daemon=True).start()
    with from_environment("job", f"pipeline {args.kind}"):
        return _run(args.kind, args.config, context)


def _run(kind: str, config_file: Path, context: Context) -> int:
    try:
        job = pipeline(kind)
        config = job.parse(json.loads(config_file.read_text()))
        context.emit({"event": "result", "result": job.run(config, context)})
    except Cancelled:
        return EXIT_CANCELLED
    except CanfuseError as error:
        context.emit({"event": "error", "error": error.to_dict()})
        return EXIT_REFUSED
    except Exception as error:  # noqa: BLE001 - the last line of defence reports whatever it was
        context.emit({"event": "error", "error": accident(error)})
        return EXIT_CRASHED
    return EXIT_OK


def _claim_stdout() -> TextIO:
    """Keep the real standard output for events; whatever libraries print goes to standard error."""
    channel = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    return channel


def _listen(cancelled: threading.Event, patience: float | None) -> None:
    # Unbuffered, so that what was said and not yet read is seen by `select`.
    hand = os.fdopen(sys.stdin.fileno(), "rb", buffering=0, closefd=False)
    while select.select([hand], [], [], patience)[0] and (line := hand.readline()):
        if line.strip() == b"cancel":
            cancelled.set()
    os._exit(EXIT_CANCELLED)


def _arguments(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m ml.pipelines", description=__doc__)
    parser.add_argument("kind")
    parser.add_argument(
        "--config", type=Path, required=True, help="JSON file with the job's configuration"
    )
    parser.add_argument("--workdir", type=Path, required=True, help="the job's own folder")
    parser.add_argument("--home", type=Path, required=True, help="root of all that canfuse writes")
    parser.add_argument(
        "--data-dir", type=Path, action="append", default=[], help="a folder of datasets"
    )
    parser.add_argument("--patience", type=float, help="seconds of silence after which to end")
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(main())

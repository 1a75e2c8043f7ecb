"""Whether the workers of this host do their work: `python -m workers.probe`.

It reads their pulses (see `workers.pulse`) from CANFUSE_HOME and imports nothing of the job system,
so it answers in milliseconds however busy the machine is. Exit code 0: all of them; 1: not.
"""

from __future__ import annotations

import json
import os
import socket
import sys
import time
from pathlib import Path

FOLDER = "workers"
GONE = "has gone"


def pulse_file(home: Path, name: str) -> Path:
    """Where a worker of this host keeps its pulse."""
    return home / FOLDER / socket.gethostname() / f"{name}.json"


def main() -> int:
    """Look at every pulse of this host and say what is wrong with it."""
    home = Path(os.environ.get("CANFUSE_HOME", "var"))
    files = sorted(pulse_file(home, "*").parent.glob("*.json"))
    found = {file.stem: ailment(file) for file in files}
    for name, wrong in found.items():
        sys.stdout.write(f"{name}: {wrong or 'works'}\n")
    if not found:
        sys.stdout.write(f"No worker of this host has a pulse in {home / FOLDER}.\n")
    return 0 if found and not any(found.values()) else 1


def ailment(file: Path) -> str | None:
    """What is wrong with the worker that wrote a pulse, None if nothing is."""
    try:
        facts = json.loads(file.read_text())
        age = time.monotonic() - float(facts["at"])
        os.kill(int(facts["pid"]), 0)
    except (OSError, ValueError, KeyError, TypeError) as error:
        return f"{GONE} ({type(error).__name__})"
    # The clock starts at zero with the machine: a pulse from before its restart lies in the future.
    if not 0 <= age <= float(facts["patience"]):
        return f"has stopped: its pulse is {age:.0f} s old"
    return None


if __name__ == "__main__":
    sys.exit(main())

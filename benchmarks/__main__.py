"""Runs every benchmark, one after the other, and prints their JSON as one object."""

from __future__ import annotations

import importlib
import json
import os
import pkgutil
import sys
from pathlib import Path

import benchmarks

SKIPPED = {"__main__", "programs", "load"}  # `make load` takes minutes


def main() -> None:
    """`python -m benchmarks`, with the data directory in CANFUSE_DATA_DIRS or simulated traffic."""
    given = os.environ.get("CANFUSE_DATA_DIRS")
    data_dir = Path(given) if given else None
    names = [m.name for m in pkgutil.iter_modules(benchmarks.__path__) if m.name not in SKIPPED]
    results = {}
    for name in names:
        print(f"{name} …", file=sys.stderr)
        results[name] = importlib.import_module(f"benchmarks.{name}").measure(data_dir)
    print(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()

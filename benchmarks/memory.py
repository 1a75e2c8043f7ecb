"""Peak memory of a whole fusion job, and of an idle service that holds its release.

`python -m benchmarks.memory [--data-dir DIR --preset fusion_hcrl_sa]`. Without a data directory it
uses a simulated dataset. Limits stand beside what was measured.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import httpx
import psutil

MEGABYTE = 1 << 20
LIMITS = {"fusion_job": 3 * 1024, "idle_api": 1024}
START_SECONDS = 120


def main() -> None:
    """Measure both and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data-dir", type=Path)
    parser.add_argument("--preset", default="fusion_hcrl_sa")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        data_dir, preset = args.data_dir, args.preset
        if data_dir is None:
            data_dir, preset = home / "data", "fusion_demo"
            _canfuse(home, data_dir, "data", "simulate")
        started = time.perf_counter()
        _canfuse(home, data_dir, "train", "fusion", "--preset", preset)
        seconds = time.perf_counter() - started
        job = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024 / MEGABYTE
        measured = {"fusion_job": job, "idle_api": _idle_api(home, data_dir)}
    print(json.dumps({"preset": preset, "job_seconds": round(seconds, 1), **_rows(measured)}, indent=1))


def _rows(measured: dict[str, float]) -> dict[str, Any]:
    return {
        name: {"peak_mb": round(value), "limit_mb": LIMITS[name], "ratio": round(value / LIMITS[name], 3)}
        for name, value in measured.items()
    }


def _canfuse(home: Path, data_dir: Path, *arguments: str) -> None:
    command = [sys.executable, "-m", "app.cli", "--quiet", *arguments]
    subprocess.run(command, check=True, env=_environment(home, data_dir), stdout=sys.stderr)


def _idle_api(home: Path, data_dir: Path) -> float:
    """Resident megabytes of the API process, a release loaded and warmed, nothing asked of it."""
    command = [sys.executable, "-m", "app.server"]
    environment = _environment(home, data_dir) | {"CANFUSE_PORT": str(_free_port())}
    server = subprocess.Popen(command, env=environment, stdout=sys.stderr)
    try:
        _wait_until_loaded(f"http://127.0.0.1:{environment['CANFUSE_PORT']}")
        return psutil.Process(server.pid).memory_info().rss / MEGABYTE
    finally:
        server.terminate()
        server.wait()


def _wait_until_loaded(url: str) -> None:
    deadline = time.monotonic() + START_SECONDS
    columns = {"anomaly_score": [0.5], "gat_prob": [0.5]}
    while time.monotonic() < deadline:
        try:
            if httpx.post(f"{url}/score", json=columns).is_success:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.2)
    raise TimeoutError(f"The API at {url} did not load its release within {START_SECONDS} s.")


def _environment(home: Path, data_dir: Path) -> dict[str, str]:
    return os.environ | {"CANFUSE_HOME": str(home / "var"), "CANFUSE_DATA_DIRS": str(data_dir)}


def _free_port() -> int:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


if __name__ == "__main__":
    main()

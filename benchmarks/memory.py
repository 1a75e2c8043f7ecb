"""Peak memory of a whole fusion job, and of an idle service that holds its release.

The references are the limits that the project sets itself. With a data directory the job is
`fusion_hcrl_sa`, without one the demo's on simulated traffic.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import httpx
import psutil

MEGABYTE = 1 << 20
LIMITS = {"fusion_job": 3 * 1024, "idle_api": 1024}
START_SECONDS = 120


def measure(data_dir: Path | None) -> dict[str, Any]:
    """Megabytes of resident memory, beside the limits."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        preset = "fusion_hcrl_sa" if data_dir else "fusion_demo"
        environment = os.environ | {
            "CANFUSE_HOME": str(home / "var"),
            "CANFUSE_DATA_DIRS": str(data_dir or home / "data"),
            "CANFUSE_PORT": "0",
        }
        if data_dir is None:
            _peak(["data", "simulate"], environment)
        started = time.perf_counter()
        peaks = {"fusion_job": _peak(["train", "fusion", "--preset", preset], environment)}
        seconds = time.perf_counter() - started
        peaks["idle_api"] = _idle_api(environment)
    rows = {
        name: {"peak_mb": round(peak), "limit_mb": LIMITS[name], "ratio": peak / LIMITS[name]}
        for name, peak in peaks.items()
    }
    return {"preset": preset, "job_seconds": seconds, **rows}


def _peak(arguments: list[str], environment: dict[str, str]) -> float:
    """Run a command to its end; the largest resident memory that it reached."""
    command = [sys.executable, "-m", "app.cli", "--quiet", *arguments]
    child = subprocess.Popen(command, env=environment, stdout=sys.stderr)
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode != 0:
        raise RuntimeError(f"{' '.join(arguments)} ended with {child.returncode}.")
    return usage.ru_maxrss * 1024 / MEGABYTE


def _idle_api(environment: dict[str, str]) -> float:
    """Resident memory of the API once its release is loaded and warm."""
    command = [sys.executable, "-m", "benchmarks.programs.idle_api"]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as server:
        watchdog = threading.Timer(START_SECONDS, server.kill)
        watchdog.start()
        try:
            url = "" if server.stdout is None else server.stdout.readline().strip()
            wait_until_loaded(url)
            return psutil.Process(server.pid).memory_info().rss / MEGABYTE
        finally:
            watchdog.cancel()
            server.terminate()


def wait_until_loaded(url: str) -> None:
    """Wait for a release that scores."""
    columns = {"anomaly_score": [0.5], "gat_prob": [0.5]}
    while not httpx.post(f"{url}/score", json=columns).is_success:
        time.sleep(0.1)

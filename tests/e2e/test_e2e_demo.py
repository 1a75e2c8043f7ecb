import os
import subprocess
import sys
from pathlib import Path

import psutil


def test_the_demo_shows_the_whole_path_and_stops_what_it_started(tmp_path):
    home = tmp_path / "demo"
    done = subprocess.run(
        [sys.executable, "-m", "app.cli", "demo", "--quick", "--home", str(home)],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "Test 01: known vehicle, known attack" in done.stdout
    assert "the same" in done.stderr
    report = next(line for line in done.stdout.splitlines() if line.startswith("Report"))
    assert Path(report.split(maxsplit=1)[1]).is_file()
    assert not [p for p in psutil.process_iter(["cmdline"]) if str(home) in str(p.info["cmdline"])]

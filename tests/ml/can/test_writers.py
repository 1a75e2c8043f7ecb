import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from ml.can.frames import Flag, Frames
from ml.can.readers import read_log
from ml.can.writers import write_log
from ml.errors import InvalidInput

FRAMES = Frames(
    timestamp=np.array([1.0, 1.5, 1672531200.000023, 1672531201.0]),
    can_id=np.array([0x7, 0x123, 0x55, 0x88], np.uint32),
    flags=np.array([0, Flag.EXTENDED, Flag.REMOTE, Flag.ERROR], np.uint8),
    length=np.array([2, 0, 5, 1], np.uint8),
    payload=np.array([[0xAB, 0xCD] + [0] * 6, [0] * 8, [0] * 8, [1] + [0] * 7], np.uint8),
)


def test_candump_is_what_can_utils_writes(tmp_path: Path) -> None:
    path = write_log(FRAMES, tmp_path / "drive.log", channel="vcan1")
    assert path.read_text().splitlines() == [
        "(1.000000) vcan1 007#ABCD",
        "(1.500000) vcan1 00000123#",
        "(1672531200.000023) vcan1 055#R5",
        "(1672531201.000000) vcan1 20000088#01",
    ]


def test_missing_folders_are_made_and_an_existing_file_replaced(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "er" / "drive.parquet"
    write_log(FRAMES, path)
    write_log(FRAMES[:1], path)
    assert len(read_log(path).frames) == 1
    assert [f.name for f in path.parent.iterdir()] == ["drive.parquet"]


@pytest.mark.parametrize("name", ["drive.csv", "drive", "drive.mf4"])
def test_a_suffix_that_is_not_written_is_refused_before_anything_is_made(
    tmp_path: Path, name: str
) -> None:
    with pytest.raises(InvalidInput, match=r"\.parquet, \.arrow, \.log"):
        write_log(FRAMES, tmp_path / "new" / name)
    assert list(tmp_path.iterdir()) == []


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = write_log(FRAMES, tmp_path / "drive.parquet")
    before = path.read_bytes()
    script = (
        "import resource, sys; from pathlib import Path;"
        "from ml.can.readers import read_log; from ml.can.writers import write_log;"
        "frames = read_log(Path(sys.argv[1])).frames;"
        "import signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (64, 64));"
        "write_log(frames, Path(sys.argv[1]))"
    )
    run = subprocess.run([sys.executable, "-c", script, path], capture_output=True, check=False)
    assert run.returncode != 0
    assert path.read_bytes() == before
    assert [f.name for f in tmp_path.iterdir()] == ["drive.parquet"]

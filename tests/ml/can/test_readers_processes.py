"""The processes that read for us end by themselves, though nobody is left to end them."""

import signal
import subprocess
import sys

import pytest


@pytest.mark.parametrize("reader", ["mf4", "columnar"])
def test_a_reader_that_hangs_is_ended_after_its_time(reader: str) -> None:
    limit = {"mf4": "mf4", "columnar": "columnar_process"}[reader]
    code = (
        f"import ml.can.readers.{limit} as limited; limited.LIMIT_SECONDS = 1;"
        f"from ml.can.readers import {reader}_child as reader; reader.main()"
    )
    command = [sys.executable, "-c", code, "1000"]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as child:
        assert child.stdin is not None
        child.stdin.write(b'{"size": 1000}\n')
        child.stdin.flush()
        # It waits for the rest, for longer than it may.
        assert child.wait(30) == -signal.SIGALRM


def test_a_reader_that_waits_for_its_next_file_waits_as_long_as_it_takes() -> None:
    code = (
        "import signal; from ml.can.readers import columnar_child as reader; reader.main();"
        "assert signal.alarm(0) == 0"
    )
    request = b'{"size": 1, "rows": null, "name": "x", "format": "parquet", "max_frames": 9}\n?'
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, input=request, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr

import io
import struct
import sys
import zlib
from pathlib import Path

import can
import pytest

from ml.can.frames import Flag
from ml.can.readers import InvalidLog, parse_log, read_log
from ml.can.readers.mf4 import mf4_table
from ml.errors import Unavailable

FOUND = Path(__file__).parents[2] / "hostile" / "found"
START = 1_700_000_000.0
PLAIN = [
    {"arbitration_id": 0x123, "is_extended_id": False, "data": [1, 2, 3]},
    {"arbitration_id": 0x123, "is_extended_id": True, "data": []},
    {"arbitration_id": 0x18FEF100, "is_extended_id": True, "data": range(8)},
]
SPECIAL = [
    {"arbitration_id": 0x55, "is_extended_id": False, "is_remote_frame": True, "dlc": 4},
    {"arbitration_id": 0, "is_extended_id": False, "is_error_frame": True},
    {"arbitration_id": 0x77, "is_extended_id": False, "is_fd": True, "data": range(12)},
]
WRITERS = {
    "asc": (can.ASCWriter, PLAIN + SPECIAL),
    "blf": (can.BLFWriter, PLAIN + SPECIAL),
    "mf4": (can.MF4Writer, PLAIN + SPECIAL),
    "trc": (can.TRCWriter, PLAIN),
}


def record(path: Path, *, channels: tuple[int, ...] = (0,)) -> Path:
    writer, kinds = WRITERS[path.suffix[1:]]
    with writer(path) as file:
        for i, kind in enumerate(kinds):
            channel = channels[i % len(channels)]
            file.on_message_received(can.Message(timestamp=START + i / 10, channel=channel, **kind))
    return path


@pytest.mark.parametrize("kind", WRITERS)
def test_what_other_tools_write_is_read(tmp_path: Path, kind: str) -> None:
    log = read_log(record(tmp_path / f"drive.{kind}"))
    count = len(WRITERS[kind][1])
    assert log.report.format == kind
    assert log.report.dropped == 0
    assert log.frames.can_id.tolist() == [0x123, 0x123, 0x18FEF100, 0x55, 0, 0x77][:count]
    flags = [0, Flag.EXTENDED, Flag.EXTENDED, Flag.REMOTE, Flag.ERROR, Flag.FD][:count]
    assert log.frames.flags.tolist() == flags
    assert log.frames.length.tolist() == [3, 0, 8, 4, 0, 12][:count]
    assert log.frames.payload[2, :8].tolist() == list(range(8))
    passed = log.frames.timestamp - log.frames.timestamp[0]
    assert passed.tolist() == pytest.approx([i / 10 for i in range(count)], abs=1e-5)


@pytest.mark.parametrize("kind", WRITERS)
def test_a_file_and_its_bytes_read_the_same_whatever_the_name(tmp_path: Path, kind: str) -> None:
    path = record(tmp_path / f"drive.{kind}")
    log = parse_log(path.read_bytes())
    assert log.report == read_log(path.rename(tmp_path / "drive.bin")).report
    assert len(log.frames) == len(WRITERS[kind][1])


@pytest.mark.parametrize("kind", WRITERS)
def test_a_second_bus_is_refused_and_lenient_counts_it(tmp_path: Path, kind: str) -> None:
    path = record(tmp_path / f"drive.{kind}", channels=(0, 0, 1))
    with pytest.raises(InvalidLog, match="the frame is from bus"):
        read_log(path)
    dropped = len(WRITERS[kind][1]) // 3
    assert read_log(path, strict=False).report.dropped == dropped


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [("asc", "d 8 00 01 02", "d 8 00 zz 02"), ("trc", "3    01", "3    zz")],
)
def test_a_bad_line_is_named_and_lenient_goes_on_after_it(
    tmp_path: Path, kind: str, good: str, bad: str
) -> None:
    text = record(tmp_path / f"drive.{kind}").read_text()
    assert good in text
    line = next(n for n, row in enumerate(text.splitlines(), start=1) if good in row)
    data = text.replace(good, bad).encode()
    with pytest.raises(InvalidLog, match=f"body:{line}: the line is no {kind.upper()} message"):
        parse_log(data)
    report = parse_log(data, strict=False).report
    assert (report.lines, report.dropped) == (len(WRITERS[kind][1]), 1)


@pytest.mark.parametrize("kind", ["trc", "asc"])
def test_a_line_cut_short_is_a_bad_line(tmp_path: Path, kind: str) -> None:
    text = record(tmp_path / f"drive.{kind}").read_text()
    data = text.replace("00 01 02 03 04 05 06 07", "00 01 02", 1).encode()
    with pytest.raises(InvalidLog, match="body:"):
        parse_log(data)
    assert parse_log(data, strict=False).report.dropped == 1


@pytest.mark.parametrize("kind", ["blf", "mf4"])
def test_a_truncated_binary_log_is_refused(tmp_path: Path, kind: str) -> None:
    data = record(tmp_path / f"drive.{kind}").read_bytes()
    with pytest.raises(InvalidLog, match="damaged"):
        parse_log(data[:-30])


def test_no_more_of_an_mf4_log_is_unfolded_than_tells_that_it_is_too_long(tmp_path: Path) -> None:
    data = record(tmp_path / "drive.mf4").read_bytes()
    assert len(mf4_table(io.BytesIO(data), 2)) == 3
    with pytest.raises(InvalidLog, match="more than 2 frames"):
        parse_log(data, max_frames=2)


def test_mf4_without_its_library_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = record(tmp_path / "drive.mf4").read_bytes()
    monkeypatch.setitem(sys.modules, "asammdf", None)
    with pytest.raises(Unavailable, match="canfuse\\[mf4\\]"):
        parse_log(data)


@pytest.mark.timeout(20)
def test_an_object_of_a_blf_log_that_has_no_length_is_no_endless_loop() -> None:
    data = (FOUND / "blf-object-without-length").read_bytes()
    with pytest.raises(InvalidLog, match="an object says that it has 0 bytes"):
        parse_log(data)


@pytest.mark.timeout(60)
@pytest.mark.parametrize("size", [16, 1 << 16])
def test_a_blf_log_that_unpacks_to_far_more_than_its_frames_is_refused(
    tmp_path: Path, size: int
) -> None:
    data = record(tmp_path / "drive.blf").read_bytes()
    nothing = struct.pack("<4sHHLL", b"LOBJ", 16, 7, size, 999).ljust(size, b"\0")
    packed = zlib.compress(nothing * ((24 << 20) // size))
    container = struct.pack("<4sHHLLH14x", b"LOBJ", 16, 1, 32 + len(packed), 10, 2) + packed
    bomb = data[:144] + (container + b"\0" * (len(packed) % 4)) * 4
    with pytest.raises(InvalidLog, match="unpacks to far more"):
        parse_log(bomb, max_frames=1000)

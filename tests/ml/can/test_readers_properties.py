from dataclasses import fields
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from arbitrary_logs import logs
from hypothesis import given, settings
from hypothesis import strategies as st

from ml.can.frames import Frames
from ml.can.readers import InvalidLog, parse_log, read_log
from ml.can.writers import write_log

quick = settings(max_examples=60, deadline=None)
HEADS = (
    b"",
    b"timestamp,arbitration_id,data_field,attack\n",
    b"(1.0) can0 123#00\n",
    b"(1.0)  can0  123   [1]  00\n",
    b"1.0,0316,1,05,R\n",
    b"Timestamp: 0.0  ID: 0316    000    DLC: 1    05\n",
    b"PAR1",
    b"ARROW1\0\0",
    b"LOGG",
    b"MDF     4.10    ",
    b";$FILEVERSION=2.1\n",
    b";$FILEVERSION=1.1\n;$STARTTIME=1\n",
    b"date Mon\nbase hex  timestamps absolute\n",
)
SPOILS = ("(1.0) can0", "(1.0) can0 123#0", "(x) can0 123#00", "(1.0) can0 123#0G", "1.0,1E5,0,0")


def assert_same(left: Frames, right: Frames, *, but: tuple[str, ...] = ()) -> None:
    for column in fields(Frames):
        if column.name not in but:
            a, b = getattr(left, column.name), getattr(right, column.name)
            assert (a is None) == (b is None), column.name
            assert a is None or (a.dtype == b.dtype and np.array_equal(a, b)), column.name


def written_and_read(frames: Frames, suffix: str) -> Frames:
    with TemporaryDirectory() as folder:
        return read_log(write_log(frames, Path(folder) / f"log{suffix}")).frames


@quick
@given(logs())
def test_parquet_gives_back_every_column(frames: Frames) -> None:
    assert_same(frames, written_and_read(frames, ".parquet"))


@quick
@given(logs())
def test_arrow_gives_back_every_column(frames: Frames) -> None:
    assert_same(frames, written_and_read(frames, ".arrow"))


@quick
@given(logs())
def test_candump_gives_back_all_but_the_labels(frames: Frames) -> None:
    assert_same(frames, written_and_read(frames, ".log"), but=("label",))


def frames_or_none(data: bytes, *, strict: bool) -> int | None:
    """How many frames there are; None for an invalid log that is told in one line."""
    try:
        log = parse_log(data, strict=strict)
    except InvalidLog as error:
        return None if "\n" not in str(error) else -1
    return len(log.frames) if len(log.frames) == log.report.lines - log.report.dropped else -1


@settings(max_examples=300, deadline=None)
@given(head=st.sampled_from(HEADS), tail=st.binary(max_size=400), strict=st.booleans())
def test_arbitrary_bytes_are_frames_or_an_invalid_log(
    head: bytes, tail: bytes, strict: bool
) -> None:
    count = frames_or_none(head + tail, strict=strict)
    assert count is None or count > 0


@settings(max_examples=100, deadline=None)
@given(data=st.data(), suffix=st.sampled_from([".parquet", ".arrow"]))
def test_a_damaged_table_is_frames_or_an_invalid_log(data: st.DataObject, suffix: str) -> None:
    with TemporaryDirectory() as folder:
        whole = write_log(data.draw(logs()), Path(folder) / f"log{suffix}").read_bytes()
    place = data.draw(st.integers(8, len(whole) - 1))
    damaged = whole[:place] + data.draw(st.binary(max_size=8)) + whole[place + 4 :]
    count = frames_or_none(damaged, strict=False)
    assert count is None or count > 0


@quick
@given(st.data())
def test_lenient_drops_exactly_the_spoiled_lines(data: st.DataObject) -> None:
    count = data.draw(st.integers(2, 40))
    good = [f"({i}.000000) can0 {i:03X}#{i:02X}" for i in range(count)]
    spoiled = data.draw(st.sets(st.integers(0, count - 1), min_size=1, max_size=count - 1))
    spoil = data.draw(st.lists(st.sampled_from(SPOILS), min_size=count, max_size=count))
    lines = [spoil[i] if i in spoiled else line for i, line in enumerate(good)]
    log = parse_log("\n".join(lines).encode(), strict=False)
    assert log.report.dropped == len(spoiled)
    assert log.frames.can_id.tolist() == [i for i in range(count) if i not in spoiled]
    with pytest.raises(InvalidLog, match=f"body:{min(spoiled) + 1}: "):
        parse_log("\n".join(lines).encode())

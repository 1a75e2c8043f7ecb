import io
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import polars as pl
import psutil
import pytest

from ml.can.frames import Flag
from ml.can.readers import InvalidLog, parse_log, read_log

READER = "ml.can.readers.columnar_child"


def parquet(table: pl.DataFrame) -> bytes:
    buffer = io.BytesIO()
    table.write_parquet(buffer)
    return buffer.getvalue()


def published(**changed: object) -> pl.DataFrame:
    columns = {
        "timestamp": [1.0, 2.0, 3.0],
        "id": [0x123, 0x18FEF100, 0],
        "data_field": ["0102", "", "614008F208E870DE\t"],
        "label": [0, 1, 0],
    }
    return pl.DataFrame({**columns, **changed}, strict=False)


def own(**changed: object) -> pl.DataFrame:
    columns = {
        "timestamp": [1.0, 2.0],
        "can_id": [0x123, 0x123],
        "flags": [0, int(Flag.EXTENDED)],
        "length": [2, 0],
        "payload": [b"\1\2", b""],
    }
    return pl.DataFrame({**columns, **changed}, strict=False)


def test_the_layout_of_published_captures_is_read() -> None:
    frames = parse_log(parquet(published())).frames
    assert frames.can_id.tolist() == [0x123, 0x18FEF100, 0]
    assert frames.extended.tolist() == [False, True, False]
    assert frames.length.tolist() == [2, 0, 8]
    assert frames.label is not None
    assert frames.label.tolist() == [0, 1, 0]


def test_the_own_layout_keeps_a_short_29_bit_id_apart() -> None:
    frames = parse_log(parquet(own())).frames
    assert frames.extended.tolist() == [False, True]
    assert frames.label is None


def test_an_arrow_file_is_read_like_a_parquet_file(tmp_path: Path) -> None:
    path = tmp_path / "drive.arrow"
    own().write_ipc(path)
    log = read_log(path)
    assert log.report.format == "arrow"
    assert log.frames.payload[0, :2].tolist() == [1, 2]


@pytest.mark.parametrize(
    ("table", "reason"),
    [
        (published(data_field=["0102", "1", ""]), "odd number of hex digits"),
        (published(data_field=["0102", "zz", ""]), "is not hexadecimal"),
        (published(data_field=["0102", None, ""]), "data_field missing"),
        (published(id=[1, 2**30, 3]), "is outside 0 to 0x1fffffff"),
        (published(id=[1, -5, 3]), "is outside 0 to 0x1fffffff"),
        (published(timestamp=[1.0, float("nan"), 3.0]), "negative or not finite"),
        (published(label=[0, 7, 0]), "the label 7 is neither 0 nor 1"),
        (published(label=[0, None, 0]), "label missing"),
        (own(length=[2, 9]), "where the length says 9"),
        (own(flags=[0, 64]), "the flags 64 are unknown"),
        (own(flags=[0, int(Flag.FD | Flag.REMOTE)]), "a CAN-FD frame cannot be a remote frame"),
        (own(flags=[0, int(Flag.REMOTE)], length=[2, 130]), "the length 130 is no number of bytes"),
    ],
)
def test_a_bad_row_is_named_and_lenient_drops_it(table: pl.DataFrame, reason: str) -> None:
    with pytest.raises(InvalidLog, match="x:2: ") as caught:
        parse_log(parquet(table), name="x")
    assert reason in caught.value.detail
    assert parse_log(parquet(table), strict=False).report.dropped == 1


@pytest.mark.parametrize(
    ("table", "said"),
    [
        (pl.DataFrame({"speed": [1.0]}), "has the columns speed"),
        (own(payload=[1, 2]), "columns of unfit types"),
        (own(timestamp=[b"1", b"2"]), "columns of unfit types"),
        (own(can_id=[b"1", b"2"]), "columns of unfit types"),
        (published()[:0], "no readable frame"),
    ],
)
def test_another_table_is_refused(table: pl.DataFrame, said: str) -> None:
    with pytest.raises(InvalidLog) as caught:
        parse_log(parquet(table))
    assert said in caught.value.detail


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_a_truncated_parquet_file_is_refused(share: float) -> None:
    whole = parquet(published())
    with pytest.raises(InvalidLog, match="not a whole parquet file"):
        parse_log(whole[: int(len(whole) * share)])


def test_a_table_with_too_many_rows_is_refused() -> None:
    with pytest.raises(InvalidLog, match="more than 2 frames"):
        parse_log(parquet(published()), max_frames=2)


def ids(values: list[str], dtype: pl.DataType | type[pl.DataType]) -> pl.DataFrame:
    return published().with_columns(pl.Series("id", values, dtype))


@pytest.mark.parametrize("dtype", [pl.String, pl.Categorical, pl.Enum(["123", "18FEF100", "xyz"])])
def test_ids_may_be_hex_text_and_a_bad_one_is_named(
    dtype: pl.DataType | type[pl.DataType],
) -> None:
    good = ids(["123", "18FEF100", "123"], dtype)
    assert parse_log(parquet(good)).frames.can_id.tolist() == [0x123, 0x18FEF100, 0x123]
    bad = parquet(ids(["123", "xyz", "123"], dtype))
    with pytest.raises(InvalidLog, match="body:2: the id 'xyz' is not hexadecimal"):
        parse_log(bad)
    assert parse_log(bad, strict=False).report.dropped == 1


@pytest.mark.parametrize(
    ("columns", "reason"),
    [
        ({"flags": [0.0, float("nan")]}, "the flags nan are unknown"),
        ({"flags": ["0", "x"]}, "the flags x are unknown"),
        ({"length": [2.0, float("inf")]}, "the length inf is no number of bytes"),
        ({"length": [2, 300]}, "the length 300 is no number of bytes"),
        ({"length": [2, None]}, "length missing"),
        ({"can_id": ["123", "GG"]}, "the id 'GG' is not hexadecimal"),
    ],
)
def test_a_value_of_any_type_that_is_no_frame_is_named(
    columns: dict[str, list[object]], reason: str
) -> None:
    with pytest.raises(InvalidLog, match=f"body:2: {reason}"):
        parse_log(parquet(own(**columns)))


def test_columns_of_lists_are_refused() -> None:
    with pytest.raises(InvalidLog, match="unfit types"):
        parse_log(parquet(own(payload=[[1, 2], [3]])))


PEAK = """
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from ml.can.readers.columnar import read_table
from ml.can.readers.problems import InvalidLog, Tally
def peak():
    return next(int(x.split()[1]) for x in open("/proc/self/status") if x.startswith("VmHWM"))
before = peak()
try:
    read_table(Path(sys.argv[1]).open("rb"), Tally("bomb", sys.argv[2]))
except InvalidLog as error:
    print(error)
print((peak() - before) // 1024)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the peak is read from /proc")
@pytest.mark.parametrize(
    ("kind", "repeated"), [("parquet", True), ("parquet", False), ("arrow", True)]
)
def test_a_small_file_that_unpacks_to_very_much_is_refused_within_little_memory(
    tmp_path: Path, kind: str, repeated: bool
) -> None:
    rows, path = 60_000, tmp_path / "bomb"
    number = pl.lit(0) if repeated else pl.int_range(rows)
    long = pl.format("{}{}", pl.lit("00" * (50_000 if repeated else 2_500)), number)
    fine = {"timestamp": 1.0, "id": 1, "label": 0}
    table = pl.DataFrame({"row": range(rows)}).select(
        *(pl.lit(v).alias(k) for k, v in fine.items()), data_field=long
    )
    if kind == "parquet":
        table.write_parquet(path)
    else:
        table.with_columns(pl.col("data_field").cast(pl.Categorical)).write_ipc(path)
    run = subprocess.run([sys.executable, "-c", PEAK, path, kind], capture_output=True, check=True)
    refusal, megabytes = run.stdout.decode().splitlines()
    assert "in the column data_field" in refusal
    assert int(megabytes) < 250


# The page of `timestamp` says that it has 2^61 bytes of validity: polars ends its process over it.
ABORTS = Path(__file__).parents[2] / "hostile" / "found" / "parquet-that-aborts"


def test_a_process_that_is_killed_while_it_waits_is_no_fault_of_the_next_file() -> None:
    whole = parquet(own())
    parse_log(whole)
    readers = [p for p in psutil.Process().children() if READER in p.cmdline()]
    assert readers
    for reader in readers:
        reader.kill()
        # Until all its threads have ended, and without collecting it, which its parent does.
        os.waitid(os.P_PID, reader.pid, os.WEXITED | os.WNOWAIT)
    assert len(parse_log(whole).frames) == 2


def test_a_file_that_ends_the_process_that_reads_it_is_refused_and_the_next_one_is_read() -> None:
    for _ in range(2):
        with pytest.raises(InvalidLog, match="body is not a whole parquet file: its parts do not"):
            parse_log(ABORTS.read_bytes())
        assert len(parse_log(parquet(own())).frames) == 2


def test_logs_read_at_once_do_not_get_each_others_frames() -> None:
    logs = [parquet(own(can_id=[i, i])) for i in range(8)]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(parse_log, logs * 4))
    assert [log.frames.can_id.tolist() for log in found] == [[i, i] for i in range(8)] * 4

import io
from pathlib import Path

import polars as pl
import pytest

from ml.can.frames import Flag
from ml.can.readers import InvalidLog, parse_log, read_log


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

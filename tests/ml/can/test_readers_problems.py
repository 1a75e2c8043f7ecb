import time
from pathlib import Path

import pytest

from ml.can.readers import InvalidLog, parse_log, read_log
from ml.errors import NotFound

GOOD_CTT = "1672531200.0,1E5,460196E001FE6701,0"
GOOD_HCRL = "1478198376.389427,0316,2,05,21,R"
GOOD_TEXT = "Timestamp: 0.0  ID: 0316    000    DLC: 2    05 20"
GOOD_COMPACT = "(1.000000) can0 123#DEADBEEF"
GOOD_PADDED = "(1.000000)  can0  123   [2]  AB CD"
BAD_LINES = [
    (GOOD_CTT, "abc,1E5,00,0", "the timestamp 'abc' is not a number"),
    (GOOD_CTT, "nan,1E5,00,0", "negative or not finite"),
    (GOOD_CTT, "-1.5,1E5,00,0", "negative or not finite"),
    (GOOD_CTT, "1672531200000,1E5,00,0", "too large to be in seconds"),
    (GOOD_CTT, "1.0,1G5,00,0", "the id '1G5' is not hexadecimal"),
    (GOOD_CTT, "1.0,,00,0", "the id '' is not hexadecimal"),
    (GOOD_CTT, "1.0,3FFFFFFF,00,0", "is above 1FFFFFFF"),
    (GOOD_CTT, "1.0,1E5,0,0", "odd number of hex digits"),
    (GOOD_CTT, "1.0,1E5,0Z,0", "is not hexadecimal"),
    (GOOD_CTT, "1.0,1E5,001122334455667788,0", "the payload has 9 bytes, classic CAN carries 8"),
    (GOOD_CTT, "1.0,1E5,00,2", "the label '2' is neither 0 nor 1"),
    (GOOD_CTT, "1.0,1E5,00", "expected timestamp,id,payload,label"),
    (GOOD_CTT, GOOD_COMPACT, "the line looks like candump"),
    (GOOD_CTT, "1.0," + "0" * 2000, "longer than 1024"),
    (GOOD_HCRL, "1.0,0316,3,05,21,R", "the payload has 2 bytes where the length says 3"),
    (GOOD_HCRL, "1.0,0316,2,5,21,R", "'5' is not two hex digits"),
    (GOOD_HCRL, "1.0,0316,2,05,21", "the mark R or T at the end is missing"),
    (GOOD_HCRL, "1.0,xyz,2,05,21,R", "the id 'xyz' is not hexadecimal"),
    (GOOD_TEXT, "Timestamp: 0.1  ID: 0316    000    DLC: 3    05 20", "the length says 3"),
    (GOOD_TEXT, "Timestamp: 0.1  ID: 0316    000    DLC: 2    05 2x", "is not hexadecimal"),
    (GOOD_TEXT, "Timestamp: 0.1  ID: 0316    000    DLC: 2    05 20 T", "mark R or T is new"),
    (GOOD_COMPACT, "(1.0) can0 123#123", "odd number of hex digits"),
    (GOOD_COMPACT, "(1.0) can0 FFF#12", "the id 'FFF' is above 7FF"),
    (GOOD_COMPACT, "(1.0) can0 12345#12", "neither 3 nor 8 hex digits"),
    (GOOD_COMPACT, "(1.0) can0 F2345678#12", "is above 3FFFFFFF"),
    (GOOD_COMPACT, "(1.0) can0 123#001122334455667788", "classic CAN carries 8"),
    (GOOD_COMPACT, "(1.0) can0 123##0" + "00" * 65, "CAN-FD carries 64"),
    (GOOD_COMPACT, "(1.0) can1 123#12", "the frame is from can1, the log is of can0"),
    (GOOD_COMPACT, "(1.0) can0 12", "expected (timestamp) interface id#payload"),
    (GOOD_PADDED, "(1.0)  can0  123   [3]  AB CD", "the length says 3"),
    (GOOD_PADDED, "(1.0)  can0  123   [9]  " + "00 " * 9, "classic CAN carries 8"),
    (GOOD_PADDED, "(1.0)  can0  123   [\u00b2]  AB CD", "the length '\u00b2' is not a number"),
    (GOOD_PADDED, f"(1.0)  can0  123   [{'9' * 300}]  AB CD", "is not a number"),
    (GOOD_PADDED, GOOD_COMPACT, "the line looks like candump"),
]


@pytest.mark.parametrize(("good", "bad", "reason"), BAD_LINES)
def test_strict_names_file_line_and_reason_and_lenient_drops_just_that_line(
    good: str, bad: str, reason: str
) -> None:
    data = "\n".join([good, good, bad, good]).encode()
    with pytest.raises(InvalidLog) as caught:
        parse_log(data, name="drive.log")
    assert caught.value.detail.startswith("drive.log:3: ")
    assert reason in caught.value.detail
    assert caught.value.extra["line"] == 3
    log = parse_log(data, name="drive.log", strict=False)
    assert (len(log.frames), log.report.lines, log.report.dropped) == (3, 4, 1)
    assert reason in log.report.first_problems[0]


def test_a_truncated_last_line_is_a_bad_line() -> None:
    data = f"timestamp,arbitration_id,data_field,attack\n{GOOD_CTT}\n{GOOD_CTT[:-9]}".encode()
    with pytest.raises(InvalidLog, match="body:3:"):
        parse_log(data)
    assert parse_log(data, strict=False).report.dropped == 1


def test_only_the_first_ten_problems_are_kept() -> None:
    data = "\n".join([GOOD_COMPACT, *["(x) can0 123#"] * 25]).encode()
    report = parse_log(data, strict=False).report
    assert report.dropped == 25
    assert len(report.first_problems) == 10
    assert report.first_problems[-1].startswith("body:11: ")


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "is empty"),
        (b"\xef\xbb\xbf \r\n\n", "is empty"),
        (bytes(range(256)) * 20, "binary data"),
        (b"Dear diary,\ntoday I drove, a car, far, far away\n", "no known log format"),
        (b"timestamp,arbitration_id,data_field,attack\n", "no readable frame"),
        (b"\x1f\x8b\x08packed", "is packed with gzip"),
        (b"PAR1 and then nothing of the kind", "not a whole parquet file"),
        (b"ARROW1\0\0 and then nothing", "not a whole arrow file"),
        (b"LOGG" + b"x" * 300, "damaged"),
        (b"MDF     4.10    " + b"x" * 300, "damaged"),
        (b";$FILEVERSION=2.1\n;$COLUMNS=N,O\n", "no TRC message"),
        (b"date Mon\nbase hex\n", "no readable frame"),
    ],
)
@pytest.mark.parametrize("strict", [True, False])
def test_what_is_no_log_gets_one_clear_sentence(data: bytes, said: str, strict: bool) -> None:
    with pytest.raises(InvalidLog) as caught:
        parse_log(data, name="thing", strict=strict)
    assert said in caught.value.detail
    assert "thing" in caught.value.detail
    assert "\n" not in str(caught.value)


def test_a_log_longer_than_allowed_is_refused() -> None:
    data = "\n".join([GOOD_COMPACT] * 5).encode()
    assert len(parse_log(data, max_frames=5).frames) == 5
    with pytest.raises(InvalidLog, match="more than 4 frames"):
        parse_log(data, max_frames=4)


def test_a_missing_file_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match=r"no file .*gone\.log"):
        read_log(tmp_path / "gone.log")


def test_a_folder_is_no_log(tmp_path: Path) -> None:
    with pytest.raises(InvalidLog, match="is a folder"):
        read_log(tmp_path)


@pytest.mark.parametrize(
    "line",
    [
        " " * 1023,
        "1 ," * 340,
        "1,1,1," + " " * 1000,
        "1.0,0316,1" + ", R" * 300,
        "Timestamp:" + " " * 500 + "ID:" + " " * 480,
        "Timestamp: 1 ID: 1 000 DLC: 8 " + " R" * 480,
        "(" + " " * 1000 + ")",
        "(1)" + " can0" * 200,
        "(1) can0 123 [1] " + "' " * 480,
        "(1.1)  can0  123   [0]" + " " * 1000,
    ],
)
@pytest.mark.timeout(10)
def test_a_line_made_to_stall_a_pattern_is_told_at_once(line: str) -> None:
    for good in (GOOD_CTT, GOOD_HCRL, GOOD_TEXT, GOOD_COMPACT, GOOD_PADDED):
        log = parse_log(f"{good}\n{line}x\n{good}".encode(), strict=False)
        assert (len(log.frames), log.report.dropped) == (2, 1)


@pytest.mark.timeout(20)
def test_many_lines_made_to_stall_the_telling_of_the_format_are_told_at_once() -> None:
    line = f"(1.1)  can0  123   [0]{' ' * 900}x"
    before = time.process_time()
    with pytest.raises(InvalidLog):
        parse_log("\n".join([line] * 70).encode())
    assert time.process_time() - before < 5


def test_a_device_is_no_log() -> None:
    with pytest.raises(InvalidLog, match="no ordinary file"):
        read_log(Path("/dev/null"))


def test_lenient_keeps_the_bus_with_most_frames_and_counts_the_others() -> None:
    lines = ["(1.0) can1 001#", "(2.0) can0 002#", "(3.0) can0 003#"]
    log = parse_log("\n".join(lines).encode(), strict=False)
    assert log.frames.can_id.tolist() == [2, 3]
    assert log.report.dropped == 1
    assert "from can1" in log.report.first_problems[0]


@pytest.mark.timeout(20)
def test_blank_lines_of_any_kind_cost_nothing_and_count_for_nothing() -> None:
    blanks = "\n".join(["", " \t", "\x1c\x1f", "\u2003", "\x85"] * 100_000)
    log = parse_log(f"{GOOD_COMPACT}\n{blanks}\n{GOOD_COMPACT}\n".encode())
    assert (len(log.frames), log.report.lines) == (2, 2)

import numpy as np
import pytest

from ml.can.frames import Flag
from ml.can.readers import Log, parse_log

CTT = b"""timestamp,arbitration_id,data_field,attack
1672531200.0,1E5,460196E001FE6701,0
1672531200.000023,0F9,,1
1672531200.5,18FEF100,0A,0
"""
HCRL = b"""1478198376.389427,0316,8,05,21,68,09,21,21,00,6f,R
1478198376.389636,018f,2,fe,5b,T
1478198376.389864,0260,0,R
"""
OTIDS = b"""Timestamp:          0.000000        ID: 0316    000    DLC: 8    05 20 ea 0a 20 1a 00 7f
Timestamp:          0.001684        ID: 0153    100    DLC: 0
Timestamp:          0.002000        ID: 0120    000    DLC: 4    00 00 00 01
"""
CANDUMP = b"""(1.000000) can0 123#DEADBEEF
(1.000001) can0 00000123#
(1.000002) can0 7FF#R
(1.000003) can0 123#R5
(1.000004) can0 123##1000102030405060708090A0B
(1.000005) can0 20000088#0000000000000000
(1.000006) can0 123#01 T
(1.000007) can0 124#1122334455667788_F
"""
PADDED = b""" (000.000000)  can0  0CF00300   [8]  D1 00 0A FF FF 0F 66 7E
 (000.000100)  can0       123   [0]
 (000.000200)  can0       123   [4]  remote request
 (000.000300)  can0  20000004   [8]  00 01 00 00 00 00 00 00   ERRORFRAME
 (000.000400)  can0       1FF  [12]  00 01 02 03 04 05 06 07 08 09 0A 0B
 (000.000500)  can0  RX - -  321   [2]  AB CD   'n.'
"""


def payloads(log: Log) -> list[str]:
    frames = log.frames
    rows = zip(frames.payload, frames.length, frames.flags, strict=True)
    return ["R" if f & Flag.REMOTE else bytes(p[:n]).hex() for p, n, f in rows]


def test_can_train_and_test_ids_stay_text_and_labels_are_kept() -> None:
    log = parse_log(CTT)
    assert log.report.format == "can-train-and-test"
    assert log.frames.can_id.tolist() == [0x1E5, 0x0F9, 0x18FEF100]
    assert log.frames.extended.tolist() == [False, False, True]
    assert log.frames.label is not None
    assert log.frames.label.tolist() == [0, 1, 0]
    assert payloads(log) == ["460196e001fe6701", "", "0a"]
    assert log.frames.timestamp.tolist() == [1672531200.0, 1672531200.000023, 1672531200.5]


def test_hcrl_csv_lines_are_as_wide_as_their_length_and_t_marks_an_attack() -> None:
    log = parse_log(HCRL)
    assert log.report.format == "hcrl-csv"
    assert log.frames.can_id.tolist() == [0x316, 0x18F, 0x260]
    assert log.frames.length.tolist() == [8, 2, 0]
    assert payloads(log) == ["052168092121006f", "fe5b", ""]
    assert log.frames.label is not None
    assert log.frames.label.tolist() == [0, 1, 0]


def test_a_header_before_hcrl_csv_is_no_bad_line() -> None:
    log = parse_log(b"Timestamp,CAN_ID,DLC,D0,D1,Flag\n" + HCRL)
    assert (log.report.lines, log.report.dropped) == (3, 0)


def test_hcrl_text_knows_remote_frames_and_has_no_labels_without_marks() -> None:
    log = parse_log(OTIDS)
    assert log.report.format == "hcrl-text"
    assert log.frames.flags.tolist() == [0, Flag.REMOTE, 0]
    assert payloads(log) == ["0520ea0a201a007f", "R", "00000001"]
    assert log.frames.label is None


def test_hcrl_text_with_marks_is_labelled() -> None:
    lines = OTIDS.splitlines()
    log = parse_log(b"\n".join(line + b"  R" for line in lines[:2]) + b"\n" + lines[2] + b" T")
    assert log.frames.label is not None
    assert log.frames.label.tolist() == [0, 0, 1]


def test_compact_candump_tells_every_kind_of_frame() -> None:
    log = parse_log(CANDUMP)
    assert log.report.format == "candump"
    assert log.frames.can_id.tolist() == [0x123, 0x123, 0x7FF, 0x123, 0x123, 0x88, 0x123, 0x124]
    expected = [0, Flag.EXTENDED, Flag.REMOTE, Flag.REMOTE, Flag.FD, Flag.ERROR, 0, 0]
    assert log.frames.flags.tolist() == expected
    assert log.frames.length.tolist() == [4, 0, 0, 5, 12, 8, 1, 8]
    assert log.frames.payload.shape == (8, 64)
    assert payloads(log)[4] == "000102030405060708090a0b"


def test_padded_candump_tells_every_kind_of_frame() -> None:
    log = parse_log(PADDED)
    assert log.report.format == "candump-padded"
    assert log.frames.can_id.tolist() == [0x0CF00300, 0x123, 0x123, 4, 0x1FF, 0x321]
    expected = [Flag.EXTENDED, 0, Flag.REMOTE, Flag.ERROR, Flag.FD, 0]
    assert log.frames.flags.tolist() == expected
    assert log.frames.length.tolist() == [8, 0, 4, 8, 12, 2]
    assert payloads(log)[-1] == "abcd"


@pytest.mark.parametrize("text", [CTT, HCRL, OTIDS, CANDUMP, PADDED])
def test_line_ends_blank_lines_and_a_byte_order_mark_change_nothing(text: bytes) -> None:
    plain = parse_log(text)
    variants = [
        text.replace(b"\n", b"\r\n"),
        text.rstrip(b"\n"),
        text + b"\n\r\n  \n",
        b"\xef\xbb\xbf" + text,
        b"\n" + text if text is not CTT else text,
    ]
    for variant in variants:
        log = parse_log(variant)
        assert log.report == plain.report
        assert np.array_equal(log.frames.timestamp, plain.frames.timestamp)
        assert np.array_equal(log.frames.payload, plain.frames.payload)


def test_a_can_train_and_test_log_without_its_header_is_read_too() -> None:
    assert len(parse_log(CTT.split(b"\n", 1)[1]).frames) == 3


def test_timestamps_are_sorted_stably_and_backward_steps_counted() -> None:
    log = parse_log(b"(2.0) can0 001#\n(1.0) can0 002#\n(2.0) can0 003#\n(1.0) can0 004#\n")
    assert log.frames.can_id.tolist() == [2, 4, 1, 3]
    assert log.report.backward_steps == 2

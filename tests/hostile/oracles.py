"""What has to hold whatever was sent: a right answer, or a refusal that a user can act on."""

from __future__ import annotations

import io
import itertools
import json
import zlib
from dataclasses import fields
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from app.captures.service import convert, facts
from ml.can.frames import FD_BYTES, Flag, Frames
from ml.can.readers import InvalidLog, Log, parse_log
from ml.can.readers.detection import HEAD_BYTES, detect
from ml.can.readers.fields import EXTENDED_LIMIT, LAST_SECOND, STANDARD_LIMIT
from ml.can.readers.text import MAX_LINE_CHARS, TEXT_FORMATS
from ml.can.readers.vendor import blf_log
from ml.can.readers.vendor_text import text_messages
from ml.errors import CanfuseError

ACCEPTED, REFUSED = "accepted", "refused"
MOST = 10_000


def check_log(data: bytes) -> str:
    """Read a log; it must be frames that can be, or an `InvalidLog` in one line."""
    draw = zlib.crc32(data)
    try:
        log = parse_log(data, strict=draw % 4 == 0, max_frames=MOST)
    except InvalidLog as error:
        check_refusal(error)
        return REFUSED
    check_frames(log.frames)
    assert len(log.frames) == log.report.lines - log.report.dropped
    json.loads(facts(log).model_dump_json())
    if draw % 8 == 1:
        check_conversion(log)
    return ACCEPTED


def check_lines(data: bytes) -> str:
    """Tell the format, and what is wrong with a line by each format's own check of it."""
    try:
        found = detect(data[:HEAD_BYTES], "body")
    except InvalidLog as error:
        check_refusal(error)
        return REFUSED
    for line in data.decode("utf-8", "replace").splitlines()[:5]:
        for known in TEXT_FORMATS:
            groups = known.split(line[:MAX_LINE_CHARS])
            reason = None if groups is None else known.problem(groups)
            assert reason is None or 0 < len(reason) < 300
    return found if isinstance(found, str) else found.name


def check_messages(data: bytes) -> str:
    """Take the messages out of an ASC, TRC or BLF log: each is one, or says why it is none."""
    binary = data.startswith(b"LOGG")
    kind = "trc" if data.startswith(b";") else "asc"
    source = io.BytesIO(data)
    found = blf_log(source, MOST) if binary else text_messages(source, kind)
    outcome = REFUSED
    for number, message in itertools.islice(found, MOST):
        assert number >= 0
        if isinstance(message, str):
            assert len(message) < 500
        else:
            outcome = ACCEPTED
    return outcome


def check_refusal(error: CanfuseError) -> None:
    """A refusal is short, says something, and can be sent."""
    assert error.detail
    assert "\n" not in str(error), str(error)
    assert len(str(error)) < 2000, len(str(error))
    json.dumps(error.to_dict(), default=str).encode()


def check_frames(frames: Frames) -> None:
    """Every column holds what frames can have, in time order."""
    time, length = frames.timestamp, frames.length
    assert len(frames) > 0
    assert np.isfinite(time).all()
    assert (time >= 0).all()
    assert (time < LAST_SECOND).all()
    assert (np.diff(time) >= 0).all()
    assert (frames.can_id <= EXTENDED_LIMIT).all()
    error = (frames.flags & Flag.ERROR) != 0
    assert (frames.extended | error | (frames.can_id <= STANDARD_LIMIT)).all()
    assert (length <= np.where(frames.flags & Flag.FD, FD_BYTES, 8)).all()
    assert not frames.payload[np.arange(frames.payload.shape[1]) >= length[:, None]].any()
    assert frames.label is None or (frames.label <= 1).all()


def check_conversion(log: Log) -> None:
    """What is written in another format is read again as it was, candump's labels apart."""
    with TemporaryDirectory() as folder:
        for suffix in (".parquet", ".arrow", ".log"):
            again = parse_log(convert(log, suffix, Path(folder))).frames
            known = log.frames
            for column in fields(Frames):
                left, right = getattr(known, column.name), getattr(again, column.name)
                if column.name == "payload":  # which is as wide as the widest line that was read
                    left, right = left[:, : right.shape[1]], right[:, : left.shape[1]]
                if suffix == ".log" and column.name == "timestamp":
                    np.testing.assert_allclose(left, right, rtol=1e-9, atol=1e-6)
                elif suffix != ".log" or column.name != "label":
                    np.testing.assert_array_equal(left, right, f"{suffix} {column.name}")

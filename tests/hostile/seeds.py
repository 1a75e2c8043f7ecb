"""Whole, valid files of every kind that is read from outside: what mutations begin with."""

from __future__ import annotations

import io
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import can
import numpy as np
import polars as pl

from ml.can.frames import FD_BYTES, Flag, Frames
from ml.can.profiles import learn_profile
from ml.can.simulation.capture import record
from ml.can.simulation.config import SimulationConfig
from ml.can.writers import write_log

START = 1_700_000_000.0
TEXT = {
    "can-train-and-test": (
        b"timestamp,arbitration_id,data_field,attack\n"
        b"1672531200.0,1E5,460196E001FE6701,0\n1672531200.1,0C1,,1\n1672531200.2,18FEF100,00,0\n"
    ),
    "hcrl-csv": b"1478198376.3894,0316,2,05,21,R\n1478198376.5,018f,0,R\n1478198377,0260,1,FF,T\n",
    "hcrl-text": (
        b"Timestamp: 0.0  ID: 0316    000    DLC: 2    05 20\n"
        b"Timestamp: 0.1  ID: 05f0    100    DLC: 8\nTimestamp: 0.2  ID: 0002    000    DLC: 0\n"
    ),
    "candump": (
        b"(1.000000) can0 123#DEADBEEF\n(1.100000) can0 18FEF100#\n(1.200000) can0 7FF#R4\n"
        b"(1.300000) can0 123##1" + b"AB" * 12 + b"\n(1.400000) can0 20000004#0000000000000000\n"
    ),
    "candump-padded": (
        b"(1.000000)  can0  123   [2]  AB CD\n(1.1)  can0  18FEF100   [0]\n"
        b"(1.2)  can0  7FF   [4]  remote request\n(1.3)  can0  TX - -  123   [1]  00   '.'\n"
    ),
}


@cache
def text_logs() -> dict[str, bytes]:
    """A log of each format that has lines."""
    return {**TEXT, "asc": _written(".asc"), "trc": _written(".trc"), "trc-1.1": _TRC_1}


def vendor_texts() -> list[bytes]:
    """Those of them that python-can reads."""
    return [data for name, data in text_logs().items() if name not in TEXT]


@cache
def table_logs() -> dict[str, bytes]:
    """Parquet and Arrow in our own columns and in those of published captures."""
    published = pl.DataFrame(
        {
            "timestamp": [1.0, 2.0, 3.0],
            "id": [0x123, 0x18FEF100, 0],
            "data_field": ["0102", "", "614008F208E870DE\t"],
            "label": [0, 1, 0],
        }
    )
    own = {f"own-{kind}": _own(kind) for kind in ("parquet", "arrow")}
    return {
        **own,
        "published-parquet": as_parquet(published),
        "published-arrow": as_arrow(published),
    }


@cache
def blf_log() -> bytes:
    """A BLF log with frames of every kind."""
    return _written(".blf")


@cache
def mf4_log() -> bytes:
    """An MF4 log with frames of every kind."""
    return _written(".mf4")


@cache
def profile_file() -> bytes:
    """A vehicle's profile."""
    frames = record(SimulationConfig(seconds=2), "train", "alder", None).frames
    with TemporaryDirectory() as folder:
        learn_profile([frames]).save(path := Path(folder) / "profile.safetensors")
        return path.read_bytes()


def as_parquet(table: pl.DataFrame) -> bytes:
    """A table as a Parquet file."""
    table.write_parquet(buffer := io.BytesIO())
    return buffer.getvalue()


def as_arrow(table: pl.DataFrame) -> bytes:
    """A table as an Arrow file."""
    table.write_ipc(buffer := io.BytesIO())
    return buffer.getvalue()


def frames() -> Frames:
    """Frames of every kind."""
    kinds = np.array([0, Flag.EXTENDED, Flag.REMOTE, Flag.ERROR, Flag.FD], np.uint8)
    length = np.array([3, 0, 4, 8, 12], np.uint8)
    payload = np.full((5, FD_BYTES), 7, np.uint8) * (np.arange(FD_BYTES) < length[:, None])
    payload[2] = 0
    return Frames(
        timestamp=START + np.arange(5) / 10,
        can_id=np.array([0x123, 0x123, 0x55, 4, 0x77], np.uint32),
        flags=kinds,
        length=length,
        payload=payload.astype(np.uint8),
        label=np.array([0, 1, 0, 0, 1], np.uint8),
    )


def _own(kind: str) -> bytes:
    with TemporaryDirectory() as folder:
        return write_log(frames(), Path(folder) / f"log.{kind}").read_bytes()


_MESSAGES = (
    {"arbitration_id": 0x123, "is_extended_id": False, "data": [1, 2, 3]},
    {"arbitration_id": 0x18FEF100, "is_extended_id": True, "data": range(8)},
    {"arbitration_id": 0x55, "is_extended_id": False, "is_remote_frame": True, "dlc": 4},
    {"arbitration_id": 0, "is_extended_id": False, "is_error_frame": True},
    {"arbitration_id": 0x77, "is_extended_id": False, "is_fd": True, "data": range(12)},
)
_WRITERS = {
    ".asc": can.ASCWriter,
    ".blf": can.BLFWriter,
    ".mf4": can.MF4Writer,
    ".trc": can.TRCWriter,
}
_TRC_1 = (
    b";$FILEVERSION=1.1\n;$STARTTIME=43474.5\n"
    b"  1)  1059.9 Rx  0300 7 00 00 00 00 04 00 00\n"
    b"  2)  1283.2 Rx 18FEF100 8 01 02 03 04 05 06 07 08\n  3)  1298.9 Rx 0400 2 RTR\n"
)


def _written(suffix: str) -> bytes:
    messages = _MESSAGES[:2] if suffix == ".trc" else _MESSAGES
    with TemporaryDirectory() as folder:
        path = Path(folder) / f"log{suffix}"
        with _WRITERS[suffix](path) as file:
            for i, message in enumerate(messages):
                file.on_message_received(
                    can.Message(timestamp=START + i / 10, channel=0, **message)
                )
        return path.read_bytes()

"""CAN frames as columns: the one frame type that everything downstream takes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from enum import IntFlag
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml.errors import InvalidInput

CLASSIC_BYTES = 8
FD_BYTES = 64
# Marks a 29-bit identifier in `Frames.arbitration`.
EXTENDED_BIT = 1 << 31


class Flag(IntFlag):
    """What kind of frame it is (one byte a frame)."""

    EXTENDED = 1  # 29-bit identifier
    REMOTE = 2  # asks for data, carries none
    ERROR = 4  # a controller's report, not traffic
    FD = 8  # CAN-FD


@dataclass(frozen=True)
class Frames:
    """The frames of one bus in time order, as columns of equal length n.

    Attributes:
        timestamp: (n,) float64, seconds.
        can_id: (n,) uint32, the bare 11- or 29-bit identifier.
        flags: (n,) uint8, bitwise `Flag`.
        length: (n,) uint8, payload bytes (a remote frame: the length it asks for).
        payload: (n, width) uint8, zero-padded; width is 8, or 64 where CAN-FD occurs.
        label: (n,) uint8, 1 for an attack frame; None where the log has no labels.
    """

    timestamp: NDArray[np.float64]
    can_id: NDArray[np.uint32]
    flags: NDArray[np.uint8]
    length: NDArray[np.uint8]
    payload: NDArray[np.uint8]
    label: NDArray[np.uint8] | None = None

    def __post_init__(self) -> None:
        lengths = {f.name: len(v) for f in fields(self) if (v := getattr(self, f.name)) is not None}
        if len(set(lengths.values())) > 1:
            raise InvalidInput(
                f"Frame columns differ in length: {lengths}.",
                "Give every column one value a frame.",
            )

    def __len__(self) -> int:
        return len(self.timestamp)

    def __getitem__(self, rows: slice | NDArray[np.intp] | NDArray[np.bool_]) -> Frames:
        """The frames at the given rows, as views where numpy allows."""
        columns = {f.name: getattr(self, f.name) for f in fields(self)}
        chosen: dict[str, Any] = {k: v if v is None else v[rows] for k, v in columns.items()}
        return Frames(**chosen)

    @property
    def extended(self) -> NDArray[np.bool_]:
        """(n,) True where the identifier has 29 bits."""
        extended: NDArray[np.bool_] = (self.flags & Flag.EXTENDED) != 0
        return extended

    @property
    def arbitration(self) -> NDArray[np.uint32]:
        """(n,) identifier with bit 31 set for 29-bit ids: 11-bit 0x123 and 29-bit 0x123 differ."""
        return self.can_id | np.where(self.extended, np.uint32(EXTENDED_BIT), np.uint32(0))

    def traffic(self) -> Frames:
        """The frames without controllers' error reports."""
        errors = (self.flags & Flag.ERROR) != 0
        return self[~errors] if errors.any() else self

    def in_time_order(self) -> tuple[Frames, int]:
        """Sort stably by timestamp.

        Returns:
            the sorted frames and how many timestamps stepped backwards before.
        """
        backward = int(np.count_nonzero(np.diff(self.timestamp) < 0))
        if backward == 0:
            return self, 0
        return self[np.argsort(self.timestamp, kind="stable")], backward

    @staticmethod
    def empty(labelled: bool = False) -> Frames:
        """No frames."""
        return Frames(
            timestamp=np.empty(0, np.float64),
            can_id=np.empty(0, np.uint32),
            flags=np.empty(0, np.uint8),
            length=np.empty(0, np.uint8),
            payload=np.empty((0, CLASSIC_BYTES), np.uint8),
            label=np.empty(0, np.uint8) if labelled else None,
        )

    @staticmethod
    def concat(parts: Sequence[Frames]) -> Frames:
        """Join frames end to end; labels survive only where every part has them."""
        if not parts:
            return Frames.empty()
        width = max(p.payload.shape[1] for p in parts)
        labels = [p.label for p in parts if p.label is not None]
        return Frames(
            timestamp=np.concatenate([p.timestamp for p in parts]),
            can_id=np.concatenate([p.can_id for p in parts]),
            flags=np.concatenate([p.flags for p in parts]),
            length=np.concatenate([p.length for p in parts]),
            payload=np.concatenate([_widened(p.payload, width) for p in parts]),
            label=np.concatenate(labels) if len(labels) == len(parts) else None,
        )


def id_name(arbitration: int) -> str:
    """An identifier of `Frames.arbitration` in hex: 3 digits for 11 bits, 8 for 29."""
    extended, can_id = divmod(arbitration, EXTENDED_BIT)
    return f"{can_id:08X}" if extended else f"{can_id:03X}"


def _widened(payload: NDArray[np.uint8], width: int) -> NDArray[np.uint8]:
    return np.pad(payload, ((0, 0), (0, width - payload.shape[1])))

"""Cuts the frames of a bus into windows."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from ml.can.frames import Frames
from ml.config import config
from ml.errors import InvalidInput

MAX_WINDOW = 10_000


@config
class WindowConfig:
    """How traffic is cut.

    Attributes:
        window_size: frames in a window.
        stride: frames from one window's start to the next one's.
    """

    window_size: Annotated[int, Field(ge=2, le=MAX_WINDOW)] = 100
    stride: Annotated[int, Field(ge=1, le=MAX_WINDOW)] = 100


def window_starts(frames: int, config: WindowConfig) -> NDArray[np.intp]:
    """Index of each window's first frame, shape (windows,). A last, incomplete window is left out.

    Raises:
        InvalidInput: there are fewer frames than one window takes.
    """
    if frames < config.window_size:
        raise InvalidInput(
            f"A window takes {config.window_size} frames, but there are only {frames}.",
            "Give at least one whole window of traffic, or use a release with a shorter window.",
        )
    return np.arange(0, frames - config.window_size + 1, config.stride)


def window_labels(
    label: NDArray[np.uint8], starts: NDArray[np.intp], size: int
) -> NDArray[np.uint8]:
    """1 for each window in which any frame is an attack, shape (windows,)."""
    attacks = np.concatenate([[0], np.cumsum(label, dtype=np.int64)])
    return (attacks[starts + size] > attacks[starts]).astype(np.uint8)


def window_bounds(
    frames: Frames, starts: NDArray[np.intp], size: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Seconds of each window's first and last frame, two arrays of shape (windows,)."""
    return frames.timestamp[starts], frames.timestamp[starts + size - 1]


def window_overlap(config: WindowConfig) -> int:
    """How many windows after one still share a frame with it."""
    return -(-config.window_size // config.stride) - 1

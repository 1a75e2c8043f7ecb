"""Captures with their frames in memory, labelled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ml.can.captures import Capture, load_capture
from ml.can.frames import Frames
from ml.can.windows import WindowConfig, window_starts
from ml.context import Span
from ml.errors import InvalidInput

MOST_WINDOWS = 500_000


@dataclass(frozen=True)
class Recording:
    """A capture as it was read.

    Attributes:
        capture: where the frames come from.
        frames: its traffic in time order, with labels.
        backward_steps: timestamps that ran backwards before the frames were sorted.
        labels_known: whether an enrolment may look at the labels, as in captures to learn from.
    """

    capture: Capture
    frames: Frames
    backward_steps: int
    labels_known: bool

    @property
    def label(self) -> NDArray[np.uint8]:
        """(n,) 1 for an attack frame.

        Raises:
            InvalidInput: the capture has no labels.
        """
        if self.frames.label is None:
            raise InvalidInput(
                f"Capture {self.capture.name} has no labels.",
                "Label its frames, or name it `attack-free-…` if it has no attack.",
            )
        return self.frames.label

    @property
    def attacked(self) -> bool:
        """Whether any frame is an attack."""
        return bool(self.label.any())

    @property
    def trustworthy(self) -> bool:
        """Whether its labels tell benign traffic: some attack, or none that is named."""
        return self.attacked or self.capture.attack is None

    @property
    def benign_stretch(self) -> slice:
        """Frames that may tell what is normal here.

        Where the labels are known it is the longest stretch without an attack, else what precedes
        the first one.
        """
        attacks = np.flatnonzero(self.label)
        if not len(attacks):
            return slice(0, len(self.frames))
        if not self.labels_known:
            return slice(0, int(attacks[0]))
        edges = np.concatenate([[-1], attacks, [len(self.frames)]])
        longest = int(np.argmax(np.diff(edges)))
        return slice(int(edges[longest]) + 1, int(edges[longest + 1]))


def read_recording(capture: Capture, window: WindowConfig) -> Recording:
    """Read a capture whose windows are wanted.

    Raises:
        InvalidInput: it has no labels, is shorter than one window, or gives too many windows; the
            error names it.
    """
    log = load_capture(capture)
    frames = log.frames.traffic()
    if len(frames) // window.stride > MOST_WINDOWS:
        raise InvalidInput(
            f"Capture {capture.name} gives more than {MOST_WINDOWS} windows.",
            "Raise `window.stride`, or split the capture.",
        )
    try:
        window_starts(len(frames), window)
    except InvalidInput as error:
        raise InvalidInput(
            f"Capture {capture.name}: {error.detail}",
            "Leave the capture out, or lower `window.window_size`.",
        ) from error
    recording = Recording(
        capture, frames, log.report.backward_steps, labels_known=capture.split.startswith("train")
    )
    _ = recording.label
    return recording


def read_recordings(
    captures: Sequence[Capture], window: WindowConfig, progress: Span
) -> list[Recording]:
    """Read captures one after the other, reporting each."""
    read = []
    for n, capture in enumerate(captures):
        progress.progress("read captures", n / len(captures), capture.name)
        read.append(read_recording(capture, window))
    return read

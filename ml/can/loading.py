"""From a dataset's files to labelled window graphs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ml.can.datasets import Capture, load_capture
from ml.can.graphs import WindowGraphs, build_graphs
from ml.can.windows import WindowConfig
from ml.context import Span
from ml.errors import InvalidInput

MOST_WINDOWS = 500_000


@dataclass(frozen=True)
class LabelledCapture:
    """A capture and its window graphs, which have labels.

    Attributes:
        capture: where they come from.
        graphs: its windows in time order.
    """

    capture: Capture
    graphs: WindowGraphs

    @property
    def planned(self) -> Capture:
        """The capture as a plan for training sees it: without an attack where no window has one."""
        return self.capture if self.label.any() else replace(self.capture, attack=None)

    @property
    def label(self) -> NDArray[np.uint8]:
        """(W,) 1 where a window holds an attack."""
        if self.graphs.label is None:
            raise InvalidInput(f"Capture {self.capture.name} has no labels.", "Label its frames.")
        return self.graphs.label


def load_labelled(capture: Capture, window: WindowConfig) -> LabelledCapture:
    """Read a capture and cut it into labelled window graphs.

    Raises:
        InvalidInput: it has no labels, or is shorter than one window; the error names it.
    """
    frames = load_capture(capture).frames
    if frames.label is None:
        raise InvalidInput(
            f"Capture {capture.name} has no labels.",
            "Label its frames, or name it `attack-free-…` if it has no attack.",
        )
    if len(frames) // window.stride > MOST_WINDOWS:
        raise InvalidInput(
            f"Capture {capture.name} gives more than {MOST_WINDOWS} windows.",
            "Raise `window.stride`, or split the capture.",
        )
    try:
        return LabelledCapture(capture, build_graphs(frames, window))
    except InvalidInput as error:
        raise InvalidInput(
            f"Capture {capture.name}: {error.detail}",
            "Leave the capture out, or lower `window.window_size`.",
        ) from error


def load_all(
    captures: Sequence[Capture], window: WindowConfig, progress: Span, phase: str
) -> list[LabelledCapture]:
    """Read captures one after the other, reporting each."""
    loaded = []
    for n, capture in enumerate(captures):
        progress.progress(phase, n / len(captures), capture.name)
        loaded.append(load_labelled(capture, window))
    return loaded

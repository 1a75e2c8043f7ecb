"""From a dataset's files to labelled window graphs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ml.can.datasets import Capture, load_capture
from ml.can.graphs import WindowGraphs, build_graphs
from ml.can.windows import WindowConfig
from ml.errors import InvalidInput
from ml.pipelines.context import Span


@dataclass(frozen=True)
class LabelledCapture:
    """A capture and its window graphs, which have labels.

    Attributes:
        capture: where they come from.
        graphs: its windows in time order.
    """

    capture: Capture
    graphs: WindowGraphs


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
    try:
        return LabelledCapture(capture, build_graphs(frames, window))
    except InvalidInput as error:
        raise InvalidInput(f"Capture {capture.name}: {error.detail}", error.hint) from error


def load_all(
    captures: Sequence[Capture], window: WindowConfig, progress: Span, phase: str
) -> list[LabelledCapture]:
    """Read captures one after the other, reporting each."""
    loaded = []
    for n, capture in enumerate(captures):
        progress.progress(phase, n / len(captures), capture.name)
        loaded.append(load_labelled(capture, window))
    return loaded

"""What captures that are tested share with captures that were learnt from."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ml.can.frames import Frames
from ml.can.windows import WindowConfig, window_starts
from ml.evaluation.traffic_runs import RUN, Hashes, benign_runs, sampled

# Of a longer index only runs whose hash ends in zeros are kept, the same ones on both sides.
MOST_RUNS = 1 << 24


@dataclass(frozen=True)
class Overlap:
    """What one capture shares with training captures.

    Attributes:
        share: of its runs of benign frames that also occur in a training capture; None without any.
        most: the training capture that they are mostly in; None without any.
        most_share: the share that is in this one.
    """

    share: float | None
    most: str | None
    most_share: float


@dataclass(frozen=True)
class CaptureLeakage:
    """What is doubtful about one tested capture.

    Attributes:
        path: of the capture.
        backward_steps: timestamps that ran backwards, mostly at attack frames; sorted on reading.
        trained_on: whether the release was trained on this very capture.
        overlap: what it shares with the training captures.
    """

    path: str
    backward_steps: int
    trained_on: bool
    overlap: Overlap


@dataclass(frozen=True)
class Leakage:
    """What is doubtful about an evaluation.

    Attributes:
        repeats: (name of a capture left out, name of the equal one that is kept).
        captures: a row for each tested capture.
    """

    repeats: Sequence[tuple[str, str]]
    captures: Sequence[CaptureLeakage]


@dataclass(frozen=True)
class TrainingTraffic:
    """Where runs of benign frames occur in training captures.

    Attacks were added to many captures afterwards, so the benign frames of a test capture may be
    those of a training capture, byte by byte. Runs are taken over the benign frames alone, since
    the added ones lie between them.

    Attributes:
        names: of the training captures.
        runs: (n,) hashes of their runs, ascending, each once.
        source: (n,) the first capture that has the run.
        every: one of so many runs is kept, a power of two.
    """

    names: tuple[str, ...]
    runs: Hashes
    source: NDArray[np.int32]
    every: int

    @staticmethod
    def of(parts: Iterable[tuple[str, Frames]]) -> TrainingTraffic:
        """Index captures, one after the other.

        Args:
            parts: (name, frames) of each training capture; unlabelled frames count as benign.
        """
        names: list[str] = []
        index = _Index()
        for name, frames in parts:
            index.add(benign_runs(frames)[0], len(names))
            names.append(name)
        index.compact()
        return TrainingTraffic(tuple(names), index.runs, index.source, index.every)

    def overlap(self, frames: Frames) -> Overlap:
        """How much of a capture's benign traffic occurs in the training captures."""
        runs = sampled(benign_runs(frames)[0], self.every)
        place = self._places(runs)
        shared = place >= 0
        if not len(runs) or not shared.any():
            return Overlap(0.0 if len(runs) else None, None, 0.0)
        count = np.bincount(self.source[place[shared]], minlength=len(self.names))
        most = int(count.argmax())
        return Overlap(float(shared.mean()), self.names[most], float(count[most] / len(runs)))

    def windows(self, frames: Frames, window: WindowConfig) -> NDArray[np.bool_]:
        """(W,) whether a window holds a frame of a run that also occurs in the training captures.

        Args:
            frames: a capture's traffic, as it is cut into windows.
            window: how it is cut.
        """
        traffic = frames.traffic()
        runs, benign = benign_runs(traffic)
        kept = np.flatnonzero(runs % np.uint64(self.every) == 0)
        starts = kept[self._places(runs[kept]) >= 0]
        covered = np.zeros(len(benign) + 1, np.int64)
        np.add.at(covered, starts, 1)
        np.add.at(covered, np.minimum(starts + RUN, len(benign)), -1)
        inside = np.zeros(len(traffic) + 1, np.int64)
        inside[1:][benign] = np.cumsum(covered[:-1]) > 0
        inside = np.cumsum(inside)
        first = window_starts(len(traffic), window)
        return inside[first + window.window_size] > inside[first]

    def _places(self, runs: Hashes) -> NDArray[np.intp]:
        """(n,) place of each run in the index, -1 where it does not occur."""
        if not len(self.runs):
            return np.full(len(runs), -1)
        place = np.minimum(np.searchsorted(self.runs, runs), len(self.runs) - 1)
        return np.where(self.runs[place] == runs, place, -1)


class _Index:
    """Runs and where each was seen first, within a bound."""

    def __init__(self) -> None:
        self.runs, self.source, self.every = np.zeros(0, np.uint64), np.zeros(0, np.int32), 1
        self._parts: list[tuple[Hashes, int]] = []

    def add(self, runs: Hashes, source: int) -> None:
        self._parts.append((sampled(runs, self.every), source))
        if sum(len(part) for part, _ in self._parts) > MOST_RUNS:
            self.compact()

    def compact(self) -> None:
        """Keep each run once, and one of every few runs where they are too many."""
        sources = [np.full(len(part), source, np.int32) for part, source in self._parts]
        runs = np.concatenate([self.runs, *(part for part, _ in self._parts)])
        self.runs, first = np.unique(runs, return_index=True)
        self.source = np.concatenate([self.source, *sources])[first]
        self._parts = []
        while len(self.runs) > MOST_RUNS:
            self.every *= 2
            kept = self.runs % np.uint64(self.every) == 0
            self.runs, self.source = self.runs[kept], self.source[kept]

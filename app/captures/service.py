"""Looks into logs, converts them, and describes datasets."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from app.captures.schemas import CaptureFacts, CaptureView, DatasetView
from app.scoring.schemas import LogReport
from ml.can.datasets import DATASETS, Dataset
from ml.can.frames import Flag, Frames
from ml.can.readers import Log
from ml.can.writers import write_log


def facts(log: Log) -> CaptureFacts:
    """What is in a log."""
    frames = log.frames
    duration = float(frames.timestamp[-1] - frames.timestamp[0])
    ids = np.unique(frames.arbitration)
    return CaptureFacts(
        frames=len(frames),
        ids=len(ids),
        extended_ids=int(np.count_nonzero(ids >> 31)),
        error_frames=_count(frames, Flag.ERROR),
        remote_frames=_count(frames, Flag.REMOTE),
        fd_frames=_count(frames, Flag.FD),
        start=float(frames.timestamp[0]),
        duration=duration,
        frames_per_second=len(frames) / duration if duration > 0 else None,
        attack_frames=None if frames.label is None else int(frames.label.sum()),
        log=LogReport.model_validate(log.report),
    )


def convert(log: Log, suffix: str, folder: Path) -> bytes:
    """The log in another format, by way of a file in a folder of the caller's."""
    return write_log(log.frames, folder / f"capture{suffix}").read_bytes()


def describe(dataset: Dataset) -> DatasetView:
    """A dataset with its splits and captures."""
    preset = DATASETS.get(dataset.name)
    splits = dataset.splits.items()
    return DatasetView(
        name=dataset.name,
        title=preset.title if preset else None,
        splits={name: [CaptureView.model_validate(c) for c in group] for name, group in splits},
        repeats=list(dataset.repeats),
    )


def _count(frames: Frames, flag: Flag) -> int:
    return int(np.count_nonzero(frames.flags & flag))

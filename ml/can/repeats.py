"""Captures that hold the same traffic, also where one is a copy in another format."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np

from ml.can.captures import Capture
from ml.can.frames import CLASSIC_BYTES, Frames
from ml.can.readers import read_beginning, read_log
from ml.errors import CanfuseError

COMPARED_FRAMES = 100


def without_repeats(
    captures: Sequence[Capture],
) -> tuple[tuple[Capture, ...], tuple[tuple[str, str], ...]]:
    """Keep each content once: a test capture rather than its twin in train, else the first.

    Files of one format are compared by their bytes. Where formats differ, those that begin with
    the same frames are read and compared by all of them.

    Returns:
        the captures kept, and (name of one left out, name of the equal one that is kept).
    """
    contents = _contents(captures)
    kept: dict[str, Capture] = {}
    for capture in sorted(captures, key=lambda c: not c.split.startswith("test")):
        kept.setdefault(contents[capture.name], capture)
    chosen = {c.name for c in kept.values()}
    repeats = [(c.name, kept[contents[c.name]].name) for c in captures if c.name not in chosen]
    return tuple(c for c in captures if c.name in chosen), tuple(repeats)


def _contents(captures: Sequence[Capture]) -> dict[str, str]:
    """Something that is equal for captures of equal content, by their names."""
    contents = {c.name: c.digest for c in captures}
    if not _differ_in_format(captures):
        return contents
    alike: defaultdict[str, list[Capture]] = defaultdict(list)
    for capture in captures:
        alike[_beginning(capture.path, capture.digest)].append(capture)
    for group in alike.values():
        if _differ_in_format(group):
            contents |= {c.name: _all_frames(c.path, c.digest) for c in group}
    return contents


def _differ_in_format(captures: Sequence[Capture]) -> bool:
    return len({c.path.suffix.lower() for c in captures}) > 1


@lru_cache(maxsize=4096)
def _beginning(path: Path, digest: str) -> str:
    """Digest of the first frames; of the file where it cannot be read, which others will say."""
    try:
        return _digest(read_beginning(path)[:COMPARED_FRAMES])
    except CanfuseError:
        return digest


@lru_cache(maxsize=4096)
def _all_frames(path: Path, digest: str) -> str:
    try:
        return _digest(read_log(path, strict=False).frames)
    except CanfuseError:
        return digest


def _digest(frames: Frames) -> str:
    """Of times in microseconds, identifiers and payloads, which every format tells alike.

    Flags, lengths and labels it leaves out, since some formats have none.
    """
    micros = np.round(frames.timestamp * 1e6).astype(np.int64)
    wide = frames.payload[:, CLASSIC_BYTES:]
    digest = hashlib.sha256(micros.tobytes())
    digest.update(frames.can_id.tobytes())
    digest.update(frames.payload[:, :CLASSIC_BYTES].tobytes())
    digest.update(wide[wide.any(axis=1)].tobytes())
    return digest.hexdigest()

"""From counts to surprises in nats."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml.can.features.names import CAP
from ml.can.runs import Ints

Floats = NDArray[np.float32]

ORDINAL = 8
"""A byte with this many distinct values is a quantity: near values are likely too."""
KERNEL = 6


def tail_surprise(count: NDArray[Any], total: NDArray[Any]) -> Floats:
    """−log of a share by counts, half a count added so that nothing is impossible."""
    share = np.minimum((count + 0.5) / (total + 1), 1)
    surprise: Floats = np.minimum(-np.log(share), CAP).astype(np.float32)
    return surprise


def byte_counts(place: Ints, payload: NDArray[np.uint8], ids: int) -> Floats:
    """How often each byte had each value, (I, 8, 256)."""
    counts = np.zeros((ids, 8, 256), np.float32)
    for byte in range(8):
        flat = np.bincount(place * 256 + payload[:, byte], minlength=ids * 256)
        counts[:, byte] = flat.reshape(ids, 256)
    return counts


def byte_surprise(counts: Floats) -> Floats:
    """−log P of each value of each byte, (I, 8, 256), from (I, 8, 256) counts.

    The probability of a value never seen is the rate at which new ones came up (Good, "The
    population frequencies of species and the estimation of population parameters", 1953), spread
    evenly: novelty on a lively byte costs little, on a constant one much. Half the mass of an
    ordinal byte is smoothed by a triangular kernel: a quantity that goes a little further is mild.
    """
    total = counts.sum(axis=-1, keepdims=True)
    distinct = (counts > 0).sum(axis=-1, keepdims=True)
    new = np.maximum(distinct - 1.0, 0)
    novelty = np.clip((new + 0.5) / (total + 1), 0, 0.5)
    share = counts / np.maximum(total, 1)
    smooth = _smoothed(counts) / np.maximum(total, 1)
    share = np.where(distinct >= ORDINAL, 0.5 * share + 0.5 * smooth, share)
    surprise: Floats = -np.log((1 - novelty) * share + novelty / 256).astype(np.float32)
    return surprise


def _smoothed(counts: Floats) -> Floats:
    """Circular triangular smoothing along the last axis."""
    rise = np.arange(1, KERNEL + 1)
    weights = np.concatenate([rise, rise[-2::-1]]).astype(np.float32)
    weights /= weights.sum()
    out = np.zeros_like(counts)
    for shift, weight in zip(range(1 - KERNEL, KERNEL), weights, strict=True):
        out += weight * np.roll(counts, shift, axis=-1)
    return out

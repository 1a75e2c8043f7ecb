"""Which captures and which stretches of traffic are held out, and for what."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ml.can.datasets import Capture
from ml.errors import InvalidInput

BLOCKS = 10
VALIDATION_BLOCKS = (4, 9)
MAX_FOLDS = 3


@dataclass(frozen=True)
class Holdout:
    """Windows to train on and windows to validate on, as indices into all captures' windows.

    Attributes:
        train, validation: int64 indices, ascending.
        by: "capture" where whole captures are held out, "time block" where a kind of attack or a
            car has only one capture, which then gives two contiguous stretches of its time.
    """

    train: NDArray[np.int64]
    validation: NDArray[np.int64]
    by: Literal["capture", "time block"]


def hold_out(captures: Sequence[Capture], windows: Sequence[int], overlap: int) -> Holdout:
    """Choose validation windows.

    Windows are never drawn one by one: neighbours resemble each other, and a detector validated on
    a neighbour of what it was trained on looks better than it is.

    Args:
        captures: the captures, in the order of their windows.
        windows: how many windows each has.
        overlap: windows to leave out on either side of a block, so that no frame is in both parts.
    """
    groups = Counter((c.vehicle, c.attack) for c in captures)
    whole = min(groups.values()) > 1
    last_of_group = {(c.vehicle, c.attack): i for i, c in enumerate(captures)}
    parts: list[NDArray[np.int8]] = []
    for i, (capture, count) in enumerate(zip(captures, windows, strict=True)):
        held = last_of_group[capture.vehicle, capture.attack] == i
        parts.append(np.full(count, int(held), np.int8) if whole else _blocks(count, overlap))
    role = np.concatenate(parts)
    return Holdout(
        train=np.flatnonzero(role == 0),
        validation=np.flatnonzero(role == 1),
        by="capture" if whole else "time block",
    )


def cross_fit_folds(captures: Sequence[Capture]) -> list[list[int]]:
    """Group captures into folds, each to be scored by experts trained on the other folds.

    Where there are two or more kinds of attack a fold holds out whole kinds, so that the fusion
    learns how the experts do on an attack that they never saw; otherwise it holds out captures. An
    attack-free capture goes to a fold that leaves other traffic of its car to train on.

    Returns:
        for each fold the indices of its captures.

    Raises:
        InvalidInput: there are fewer than two captures with attacks.
    """
    attacked = [i for i, c in enumerate(captures) if c.attack is not None]
    if len(attacked) < 2:
        raise InvalidInput(
            f"Cross-fitting needs at least two training captures with attacks, there are {len(attacked)}.",
            "Add captures, or set `data.in_sample` to train the fusion on in-sample predictions.",
        )
    kinds = defaultdict(list)
    for i in attacked:
        kinds[captures[i].attack].append(i)
    groups = list(kinds.values()) if len(kinds) > 1 else [[i] for i in attacked]
    folds: list[list[int]] = [[] for _ in range(min(len(groups), MAX_FOLDS))]
    for n, group in enumerate(groups):
        folds[n % len(folds)].extend(group)
    for i, capture in enumerate(captures):
        if capture.attack is None:
            min(folds, key=lambda fold: _crowding(fold, captures, capture)).append(i)
    return folds


def _crowding(fold: list[int], captures: Sequence[Capture], capture: Capture) -> tuple[int, int]:
    """How much of the capture's car the fold holds out already, then how many attack-free ones."""
    same_car = sum(captures[i].vehicle == capture.vehicle for i in fold)
    attack_free = sum(captures[i].attack is None for i in fold)
    return same_car, attack_free


def _blocks(count: int, overlap: int) -> NDArray[np.int8]:
    """0 train, 1 validation, 2 neither."""
    block = np.arange(count) * BLOCKS // max(count, 1)
    held = np.isin(block, VALIDATION_BLOCKS)
    role = held.astype(np.int8)
    for edge in np.flatnonzero(np.diff(held.astype(np.int8))) + 1:
        near = slice(max(edge - overlap, 0), edge + overlap)
        role[near][~held[near]] = 2
    return role

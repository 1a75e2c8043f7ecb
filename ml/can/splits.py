"""Which captures and which stretches of traffic are held out, and for what."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ml.can.datasets import Capture
from ml.errors import InvalidInput

BLOCKS = 10
# Which of the first five tenths is held out, with the tenth that is five later; tried in turn.
TURNS = (4, 3, 2, 1, 0)
MAX_FOLDS = 3
SEEN_FOLDS = 2
# Captures with attacks that cross-fitting takes.
LEAST_ATTACKED = 2

Question = Literal["unseen vehicle", "unseen kind", "seen kind"]


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


@dataclass(frozen=True)
class Fold:
    """Captures to be scored by experts that are trained on all the others.

    Attributes:
        question: what the experts do not know of the held-out captures.
        held_out: indices of the captures.
    """

    question: Question
    held_out: tuple[int, ...]


def hold_out(
    captures: Sequence[Capture], labels: Sequence[NDArray[np.uint8]], overlap: int
) -> Holdout:
    """Choose validation windows.

    Windows are never drawn one by one: neighbours resemble each other, and a detector validated on
    a neighbour of what it was trained on looks better than it is.

    Args:
        captures: the captures, in the order of their windows; one that occurs twice is held out, or
            not, both times.
        labels: of each one's windows, 1 for an attack.
        overlap: windows to leave out on either side of a block, so that no frame is in both parts.

    Raises:
        InvalidInput: however it is cut, a class is missing from the part to train on, or benign
            traffic from the other.
    """
    groups: defaultdict[tuple[str, str | None], list[Capture]] = defaultdict(list)
    for capture in dict.fromkeys(captures):
        groups[capture.vehicle, capture.attack].append(capture)
    plans: list[Holdout] = []
    if all(len(members) > 1 for members in groups.values()):
        last = {members[-1] for members in groups.values()}
        roles = [
            np.full(len(own), int(c in last), np.int8)
            for c, own in zip(captures, labels, strict=True)
        ]
        plans.append(_plan(roles, "capture"))
    plans += [_plan([_blocks(len(own), overlap, n) for own in labels], "time block") for n in TURNS]
    label = np.concatenate(labels)
    usable = [p for p in plans if _has(label[p.train], 0, 1) and _has(label[p.validation], 0)]
    if not usable:
        raise InvalidInput(
            "There is too little training traffic to validate on a part of it.",
            "Add captures: both parts need benign windows, and the one trained on attacks too.",
        )
    return next((p for p in usable if _has(label[p.validation], 1)), usable[0])


def _plan(roles: Sequence[NDArray[np.int8]], by: Literal["capture", "time block"]) -> Holdout:
    role = np.concatenate(roles)
    return Holdout(np.flatnonzero(role == 0), np.flatnonzero(role == 1), by)


def _has(label: NDArray[np.uint8], *classes: int) -> bool:
    return all((label == wanted).any() for wanted in classes)


def cross_fit_folds(captures: Sequence[Capture], vehicle_folds: int = 6) -> list[Fold]:
    """Plan which captures are scored by experts that were trained on which others.

    Three questions are asked of the experts, each wherever the captures allow it: how do they do on
    a car that they never saw (a fold holds out whole cars), on an attack of a kind that they never
    saw (it holds out whole kinds), and on a new capture of a car and a kind that they know (it
    holds out captures whose kind stays in training)? A fusion that learnt from the answers to the
    first two alone would never trust a classifier, from the last alone always. With three cars or
    more the first question meets known kinds on its own, and the last is not asked.

    Args:
        captures: the training captures.
        vehicle_folds: in how many groups to hold out the cars, at most.

    Returns:
        the folds; a capture is held out once for each question that can be asked of it.

    Raises:
        InvalidInput: there are fewer than two captures with attacks.
    """
    kinds = _grouped(captures, lambda c: c.attack)
    attacked = sum(len(members) for members in kinds)
    if attacked < LEAST_ATTACKED:
        raise InvalidInput(
            f"Cross-fitting needs two training captures with attacks, there are {attacked}.",
            "Add captures, or set `data.in_sample` to train the fusion on in-sample predictions.",
        )
    attacked_cars = {c.vehicle for c in captures if c.attack is not None}
    # Attacked cars first: dealt out one by one, they never all land in the same fold.
    cars = sorted(
        _grouped(captures, lambda c: c.vehicle),
        key=lambda members: captures[members[0]].vehicle not in attacked_cars,
    )
    folds: list[Fold] = []
    if len(attacked_cars) > 1:
        turns = min(len(cars), vehicle_folds)
        folds += [
            Fold("unseen vehicle", tuple(sorted(i for car in cars[n::turns] for i in car)))
            for n in range(turns)
        ]
    if len(kinds) > 1:
        folds += _folds("unseen kind", kinds, MAX_FOLDS, captures)
    repeated = [members for members in kinds if len(members) > 1]
    if repeated and (len(cars) < 3 or not folds):
        turns_of = [[m[turn::SEEN_FOLDS] for m in repeated] for turn in range(SEEN_FOLDS)]
        groups = [[i for part in turn for i in part] for turn in turns_of]
        folds += _folds("seen kind", groups, SEEN_FOLDS, captures)
    return folds


def _grouped(captures: Sequence[Capture], key: Callable[[Capture], str | None]) -> list[list[int]]:
    """Indices of the captures by a key, in order of appearance; those without one are left out."""
    groups: defaultdict[str, list[int]] = defaultdict(list)
    for i, capture in enumerate(captures):
        if (name := key(capture)) is not None:
            groups[name].append(i)
    return list(groups.values())


def _folds(
    question: Question, groups: list[list[int]], most: int, captures: Sequence[Capture]
) -> list[Fold]:
    """Spread groups of attacked captures, then the attack-free ones, over folds."""
    held_out: list[list[int]] = [[] for _ in range(min(len(groups), most))]
    for n, group in enumerate(groups):
        held_out[n % len(held_out)].extend(group)
    for i, capture in enumerate(captures):
        if capture.attack is None:
            min(held_out, key=lambda fold: _crowding(fold, captures, capture)).append(i)
    return [Fold(question, tuple(sorted(members))) for members in held_out]


def _crowding(fold: list[int], captures: Sequence[Capture], capture: Capture) -> tuple[int, int]:
    """How much of the capture's car the fold holds out already, then how many attack-free ones."""
    same_car = sum(captures[i].vehicle == capture.vehicle for i in fold)
    attack_free = sum(captures[i].attack is None for i in fold)
    return same_car, attack_free


def _blocks(count: int, overlap: int, turn: int) -> NDArray[np.int8]:
    """0 train, 1 validation, 2 neither; each turn holds out two other tenths of the time."""
    block = np.arange(count) * BLOCKS // max(count, 1)
    held: NDArray[np.bool_] = block % (BLOCKS // 2) == turn
    role: NDArray[np.int8] = held.astype(np.int8)
    for edge in np.flatnonzero(np.diff(held.astype(np.int8))) + 1:
        near = slice(max(edge - overlap, 0), edge + overlap)
        role[near] = np.where(held[near], role[near], 2)
    return role

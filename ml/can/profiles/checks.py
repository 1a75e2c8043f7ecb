"""Checksums and other relations that all payloads of an id keep."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from numpy.typing import NDArray

from ml.can.features.payloads import CHECKSUMS, Bytes, Words, checksums
from ml.can.profiles.tables import IDS, table
from ml.can.profiles.traffic import EnrolledTraffic
from ml.can.runs import Ints

BITS = 64
LEAST_PAYLOADS = 24
MOST_PAYLOADS = 3000
LIVELY_VALUES = 4
KEPT = 0.999


@dataclass(frozen=True)
class Checks:
    """Relations within the payloads of I ids.

    Attributes:
        relations: (I,) how many parity relations an id keeps, 0 for none that is sure.
        masks: (I, 64) bits of each relation; `parities`: (I, 64) their parity in every payload.
        checksum: (I,) which rule of `checksums` always leaves `residue`, −1 for none.
        residue: (I,)
    """

    relations: Annotated[Ints, table(IDS, dtype="int64", low=0, high=BITS)]
    masks: Annotated[Words, table(IDS, BITS, dtype="uint64")]
    parities: Annotated[Bytes, table(IDS, BITS, dtype="uint8", low=0, high=1)]
    checksum: Annotated[Ints, table(IDS, dtype="int64", low=-1, high=CHECKSUMS - 1)]
    residue: Annotated[Bytes, table(IDS, dtype="uint8")]

    @staticmethod
    def learn(traffic: EnrolledTraffic, distinct: Ints) -> Checks:
        """Find the relations of each id that has at least `LEAST_PAYLOADS` distinct payloads.

        Args:
            traffic: to learn from.
            distinct: (I,) how many distinct payloads each id has.
        """
        ids = len(traffic.ids)
        checks = Checks(
            relations=np.zeros(ids, np.int64),
            masks=np.zeros((ids, BITS), np.uint64),
            parities=np.zeros((ids, BITS), np.uint8),
            checksum=np.full(ids, -1, np.int64),
            residue=np.zeros(ids, np.uint8),
        )
        for i in np.flatnonzero(distinct >= LEAST_PAYLOADS):
            rows = traffic.order[traffic.ptr[i] : traffic.ptr[i + 1]]
            masks, parities = _sure_relations(traffic.word[rows], int(distinct[i]))
            checks.relations[i] = len(masks)
            checks.masks[i, : len(masks)], checks.parities[i, : len(masks)] = masks, parities
            checks.checksum[i], checks.residue[i] = _checksum(traffic.payload[rows])
        return checks


def _sure_relations(word: Words, distinct: int) -> tuple[Words, Bytes]:
    """Relations of several bits that all payloads keep and that more payloads will not break.

    They are sure where the payloads are many more than the space they span needs, and where the
    second half of them breaks none that the first half alone would give.
    """
    if len(word) > MOST_PAYLOADS:
        word = word[np.linspace(0, len(word) - 1, MOST_PAYLOADS).astype(np.int64)]
    first, second = word[: len(word) // 2], word[len(word) // 2 :]
    masks, parities, rank = parity_relations(word)
    several = np.bitwise_count(masks) > 1
    none = masks[:0], parities[:0]
    if not several.any() or distinct < rank + LEAST_PAYLOADS:
        return none
    early_masks, early_parities, _ = parity_relations(first)
    compound = np.bitwise_count(early_masks) > 1
    odd = np.bitwise_count(early_masks[compound] & second[:, None]) & 1
    if (odd != early_parities[compound]).any():
        return none
    return masks[several], parities[several]


def parity_relations(word: Words) -> tuple[Words, Bytes, int]:
    """All linear relations over GF(2) that n ≥ 1 words keep, by Gaussian elimination.

    Returns:
        (r,) which bits each relation takes, (r,) the parity of those bits in every word, and the
        dimension of the affine space that the words span, 64 − r.
    """
    rows = np.unique(word ^ word[0])
    rows = rows[rows != 0]
    basis: list[np.uint64] = []
    pivots: list[int] = []
    for bit in range(BITS):
        mask = np.uint64(1) << np.uint64(bit)
        hit = (rows & mask) != 0
        if not hit.any():
            continue
        pivot = rows[np.argmax(hit)]
        rows = np.where(hit, rows ^ pivot, rows)
        rows = rows[rows != 0]
        basis = [(b ^ pivot) if (b & mask) else b for b in basis]
        basis.append(pivot)
        pivots.append(bit)
    free = [bit for bit in range(BITS) if bit not in pivots]
    masks = np.array([_relation(bit, basis, pivots) for bit in free], np.uint64)
    parities = (np.bitwise_count(masks & word[0]) & 1).astype(np.uint8)
    return masks, parities, len(basis)


def _relation(free: int, basis: list[np.uint64], pivots: list[int]) -> int:
    """The relation that ties a bit which is no pivot to the pivots that decide it."""
    mask = 1 << free
    for row, pivot in zip(basis, pivots, strict=True):
        if int(row) >> free & 1:
            mask |= 1 << pivot
    return mask


def _checksum(payload: NDArray[np.uint8]) -> tuple[int, int]:
    """Number of the first rule that leaves one residue, and that residue; (−1, 0) for none."""
    lively = sum(len(np.unique(payload[:, byte])) >= LIVELY_VALUES for byte in range(8))
    if lively < 2:
        return -1, 0
    residues = checksums(payload)
    kept = (residues == residues[0]).mean(axis=0) > KEPT
    if not kept.any():
        return -1, 0
    rule = int(np.argmax(kept))
    return rule, int(residues[0, rule])

"""Whether a payload keeps the checksums and bit relations that its id always kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ml.can.features.arrangement import Arrangement, Column, Floats
from ml.can.features.payloads import checksums

if TYPE_CHECKING:
    from ml.can.profiles.profile import VehicleProfile

ROWS = 100_000


@dataclass(frozen=True)
class Checks:
    """Of each of M entries.

    Attributes:
        parity: (M,) share of the id's known bit relations that are broken.
        checksum: (M,) 1 where the id's checksum is wrong.
    """

    parity: Floats
    checksum: Floats


def frame_checks(windows: Arrangement, profile: VehicleProfile) -> Checks:
    """Check every payload of an id that has anything to check."""
    table, place = profile.checks, windows.place
    parity, checksum = np.zeros((2, len(windows)), np.float32)
    checked = np.flatnonzero(windows.known & (table.relations[place] > 0))
    for start in range(0, len(checked), ROWS):
        at = checked[start : start + ROWS]
        where = place[at]
        width = int(table.relations[where].max())
        odd = np.bitwise_count(table.masks[where, :width] & windows.word[at, None]) & 1
        broken = (odd != table.parities[where, :width]).sum(axis=1)
        parity[at] = broken / table.relations[where]
    at = np.flatnonzero(windows.known & (table.checksum[place] >= 0))
    residues = checksums(windows.payload[at])[np.arange(len(at)), table.checksum[place[at]]]
    checksum[at] = residues != table.residue[place[at]]
    return Checks(parity, checksum)


def check_features(windows: Arrangement, checks: Checks) -> dict[str, Column]:
    """The family `checks` of each node."""
    return {
        "parity_violations": windows.most(checks.parity),
        "checksum_violation": windows.most(checks.checksum),
    }

"""How unlike its id's own values a payload is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ml.can.features.arrangement import Arrangement, Column, Floats, Mask
from ml.can.features.names import CAP
from ml.can.features.payloads import payload_keys, summed_over_bytes

if TYPE_CHECKING:
    from ml.can.profiles.profile import VehicleProfile

BYTES = np.arange(8)


@dataclass(frozen=True)
class Values:
    """What the payload of each of M entries says; all 0 for an unknown id.

    Attributes:
        changed_bits, changed_bytes: (M,) constant bits that differ, bytes that hold one.
        novelty: (M,) surprise of byte values never seen, summed; `novel_bytes`: (M,) how many.
        range_excess: (M,) farthest distance beyond a byte's range / 255.
        surprise: (M,) of all bytes beyond the id's usual.
        novel: (M,) whether the payload was never seen; `novel_surprise`: (M,) its surprise.
    """

    changed_bits: Floats
    changed_bytes: Floats
    novelty: Floats
    novel_bytes: Floats
    range_excess: Floats
    surprise: Floats
    novel: Mask
    novel_surprise: Floats


def frame_values(windows: Arrangement, profile: VehicleProfile) -> Values:
    """Judge every payload by the tables of its id's bytes, bits and payloads."""
    table, place, n = profile.values, windows.place, len(windows)
    total = summed_over_bytes(table.surprise, place, windows.payload)
    beyond = np.clip(total - table.usual_surprise[place], 0, 4 * CAP)
    novel = windows.known & ~table.has_seen(payload_keys(place, windows.word))
    # Only a payload never seen can hold a bit or a byte never seen.
    at = np.flatnonzero(novel)
    place, value = place[at], windows.payload[at]
    differ = (windows.word[at] ^ table.constant_value[place]) & table.constant_mask[place]
    new = ~table.seen[place[:, None], BYTES, value]
    wide = value.astype(np.int16)
    outside = np.maximum(table.low[place] - wide, wide - table.high[place])

    def spread(values: Column) -> Floats:
        out = np.zeros(n, np.float32)
        out[at] = values
        return out

    return Values(
        changed_bits=spread(np.bitwise_count(differ)),
        changed_bytes=spread((differ.view(np.uint8).reshape(-1, 8) != 0).sum(axis=1)),
        novelty=spread((new * table.new_value[place]).sum(axis=1)),
        novel_bytes=spread(np.count_nonzero(new, axis=1)),
        range_excess=spread(np.maximum(outside, 0).max(axis=1) / 255.0),
        surprise=np.where(windows.known, beyond, np.float32(0)),
        novel=novel,
        novel_surprise=spread(table.payload_novelty[place]),
    )


def value_features(windows: Arrangement, values: Values) -> dict[str, Column]:
    """The family `values` of each node."""
    most, least = windows.most(values.surprise), windows.least(values.surprise)
    novel = windows.total(values.novel.astype(np.float32))
    return {
        "changed_constant_bits": windows.most(values.changed_bits),
        "changed_constant_bytes": windows.most(values.changed_bytes),
        "novel_bytes_surprise": windows.most(values.novelty),
        "novel_bytes": windows.most(values.novel_bytes),
        "range_excess": windows.most(values.range_excess),
        "value_surprise": most,
        "novel_payload_surprise": windows.most(values.novel_surprise),
        "novel_payload_share": novel / windows.runs.count,
        "least_value_surprise": least,
        "value_surprise_spread": most - least,
    }

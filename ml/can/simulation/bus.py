"""The wire: one frame at a time, and the lowest identifier first."""

from __future__ import annotations

import heapq

import numpy as np
from numpy.typing import NDArray

from ml.can.frames import Frames

BITRATE = 500_000  # bits a second
BASE_BITS, EXTENDED_BITS = 47, 67  # of a data frame without payload, with its interframe space
STUFFABLE_BITS = 34  # of a frame without payload
BITS_PER_STUFF_BIT = 16  # typical of real payloads; 4 is the worst case
RESOLUTION = 6  # decimals of a second that a logger keeps


def wire_seconds(frames: Frames) -> NDArray[np.float64]:
    """(n,) how long each frame holds the bus, in seconds."""
    payload_bits = 8 * frames.length.astype(np.int64)
    stuff_bits = (STUFFABLE_BITS + payload_bits) // BITS_PER_STUFF_BIT
    header = np.where(frames.extended, EXTENDED_BITS, BASE_BITS)
    return (header + payload_bits + stuff_bits) / BITRATE


def arbitrate(requests: Frames) -> Frames:
    """Put requested frames on the wire, non-preemptively, by identifier.

    Args:
        requests: frames in time order; a timestamp is the moment the frame is ready to send.

    Returns:
        the same frames in the order sent; a timestamp is the moment the frame is complete,
        which is when a logger stamps it.
    """
    if len(requests) == 0:
        return requests
    order, done = _schedule(
        requests.timestamp.tolist(), _priority(requests).tolist(), wire_seconds(requests).tolist()
    )
    sent = requests[np.array(order, np.intp)]
    return Frames(
        timestamp=np.round(done, RESOLUTION),
        can_id=sent.can_id,
        flags=sent.flags,
        length=sent.length,
        payload=sent.payload,
        label=sent.label,
    )


def _priority(frames: Frames) -> NDArray[np.int64]:
    """(n,) lowest first: a 29-bit id competes by its top 11 bits and loses ties to 11-bit ids."""
    can_id = frames.can_id.astype(np.int64)
    return np.where(frames.extended, 2 * can_id + 1, can_id << 19)


def _schedule(
    release: list[float], priority: list[int], duration: list[float]
) -> tuple[list[int], list[float]]:
    """Order of sending and moments of completion, by heap: each choice depends on the last."""
    waiting: list[tuple[int, int]] = []
    order: list[int] = []
    done: list[float] = []
    now, arriving, n = 0.0, 0, len(release)
    while len(order) < n:
        if not waiting:
            now = max(now, release[arriving])
        while arriving < n and release[arriving] <= now:
            heapq.heappush(waiting, (priority[arriving], arriving))
            arriving += 1
        _, frame = heapq.heappop(waiting)
        now += duration[frame]
        order.append(frame)
        done.append(now)
    return order, done

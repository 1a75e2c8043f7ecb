"""What each node, edge and window is described by, all of it relative to the car's profile.

Surprises are in nats (−log of how often the profile saw the like), counts are counts, and 0 means
"as usual" except where a line says otherwise. Nothing here names an id or holds a raw value: two
cars that behave alike against their own profiles get the same features.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

CAP = 30.0
"""Nats; no single surprise is larger."""
MOST_UNHEARD = 10 * CAP
"""Nats; not even the surprise of many unknown ids together is larger."""

FAMILIES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "presence": (
            "unknown",  # 1 where the profile does not know the id
            "unheard_surprise",  # that the enrolment heard none of the window's unknown ids
            "frame_share",  # frames of the id / frames of the window
            "length_surprise",  # of the least usual payload length
        ),
        "timing": (
            "least_interval_ratio",  # shortest interval / usual period, 0 to 8; 1 is usual
            "early_surprise",  # of the shortest interval
            "least_two_step_ratio",  # the same over two intervals; 1 is usual
            "early_two_step_surprise",
            "frames_too_many",  # frames beyond what the id's own time span holds, −3 to 20
            "lateness",  # longest interval beyond the longest known, in periods, up to 8
            "surplus_frames",  # frames beyond what the window's duration holds, −5 to 30
        ),
        "companions": (
            "companion_surprise",  # of a companion that should have come and did not
            "missing_companions",  # how many strong companions did not come
        ),
        "values": (
            "changed_constant_bits",  # bits that never changed in the profile and differ now
            "changed_constant_bytes",
            "novel_bytes_surprise",  # of byte values never seen at their place, summed
            "novel_bytes",
            "range_excess",  # distance beyond the byte's known range / 255
            "value_surprise",  # of all eight bytes beyond the id's own 99.9 % quantile
            "novel_payload_surprise",
            "novel_payload_share",  # frames with a payload never seen / frames of the id
            "least_value_surprise",  # of the id's most usual frame: all frames odd, or one?
            "value_surprise_spread",  # most minus least
        ),
        "checks": (
            "parity_violations",  # broken linear relations between bits / those known
            "checksum_violation",
        ),
        "movement": (
            "step_surprise",  # of the byte differences to the id's frame before
            "glitch",  # a value that comes and goes again: the lesser of the steps in and out
            "flip_surprise",  # of that many bits flipping at once
            "excess_flips",  # bits beyond the most that ever flipped
            "stillness",  # surprise of so few bits flipping, summed
        ),
        "joint": (
            "early_plus_odd",  # in one frame: early surprise + value surprise
            "early_with_trace",  # in one frame: early and new, or early and alone, or a glitch
            "early_and_odd",  # early surprise of a frame whose values surprise too
        ),
        "events": (
            "early_unexplained",  # early surprise of frames that tell of no small, lasting change
            "frames_unexplained",  # frames too many, less those that do, −3 to 20
        ),
        "context": (
            "profile_frames",  # log(1 + frames of the id in the profile) / 8; not evidence
            "profile_seconds",  # log(1 + seconds of the profile) / 4
            "jitter",  # spread of the usual interval / period, up to 2
            "liveliness",  # distinct payloads / frames in the profile
            "novel_share",  # share of the window's ids whose values are odd
        ),
        "record": (  # what exceeds the most that the enrolment itself reached, held out
            "value_surprise_beyond_record",
            "changed_constant_bits_beyond_record",
            "step_surprise_beyond_record",
            "glitch_beyond_record",
            "early_surprise_beyond_record",
            "early_two_step_surprise_beyond_record",
            "early_plus_odd_beyond_record",
            "early_with_trace_beyond_record",
            "companion_surprise_beyond_record",
            "flip_surprise_beyond_record",
            "novel_bytes_surprise_beyond_record",
            "frames_unexplained_beyond_record",
        ),
    }
)
"""The node features by what they look at."""

NODE_FEATURES: tuple[str, ...] = tuple(name for names in FAMILIES.values() for name in names)
RECORDED: tuple[str, ...] = tuple(n.removesuffix("_beyond_record") for n in FAMILIES["record"])
"""The node features of which a profile keeps a record."""

EDGE_FEATURES = (
    "share",  # of the window's steps
    "unseen",  # 1 where the profile never saw this step
    "surprise",  # of an unseen step from this id; 0 for one from or to an unknown id
    "self_loop",
    "gap_ratio",  # mean gap of the step / mean gap between frames in the profile, up to 100
)
WINDOW_FEATURES = (
    "unknown_frames",
    "unknown_ids",
    "early_30",  # intervals shorter than 0.3 usual periods
    "early_60",
    "late_170",
    "least_ratio",  # shortest interval / its usual period, 0 to 8; 1 is usual
    "novel_bytes",
    "changed_constant_bits",
    "unseen_transitions",  # between known ids
    "transition_surprise",
    "bit_flips",  # beyond the most that the id ever flipped at once
    "length_changes",  # frames of an unusual payload length
    "relative_duration",  # seconds / those the profile's frame rate leads to, up to 100; 1 is usual
    "missing_companions",
    "novel_share",  # share of the ids whose values are odd
    "profile_seconds",  # log(1 + seconds of the profile); not evidence
)

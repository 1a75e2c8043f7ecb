"""How odd it is that the profile has never heard of ids that a window holds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ml.can.features.arrangement import Arrangement, Column
from ml.can.features.names import MOST_UNHEARD

if TYPE_CHECKING:
    from ml.can.profiles.profile import VehicleProfile

SHORTEST = 1e-3


def unheard_surprise(windows: Arrangement, profile: VehicleProfile) -> Column:
    """−log P(none of the window's unknown ids was heard in the enrolment), (R,), in nats.

    The first frame of an unknown id is as likely as Good and Turing estimate it, by how many ids
    the enrolment heard once only (Good, "The population frequencies of species", 1953). Every
    further one tells of a rate at which the whole enrolment should have heard the id, too: with a
    gamma posterior of the rate after `c` frames in `d` seconds, silence over `T` seconds has the
    probability `(d / (d + T))^(c − 1)`. All unknown ids of a window count together, at each of
    them; known ids have 0. At most `MOST_UNHEARD`.
    """
    runs = windows.runs
    unknown = ~windows.known[runs.first]
    once = np.count_nonzero(profile.frames_of_id == 1)
    new = np.log((profile.frames + 1) / (once + 1))
    seconds = np.maximum((windows.end - windows.begin)[runs.window[runs.first]], SHORTEST)
    silence = np.log1p(profile.seconds / seconds)
    nats = np.where(unknown, new + (runs.count - 1) * silence, 0)
    together = np.add.reduceat(nats, runs.ptr[:-1])
    return np.where(unknown, np.minimum(np.repeat(together, np.diff(runs.ptr)), MOST_UNHEARD), 0)

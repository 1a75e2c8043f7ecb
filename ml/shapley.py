"""Exact Shapley values by enumerating every coalition of a few players."""

from __future__ import annotations

from functools import cache
from math import factorial

import numpy as np
from numpy.typing import NDArray

MOST_PLAYERS = 10


def coalitions(players: int) -> NDArray[np.bool_]:
    """Who is in each coalition, (2^players, players); the first is empty, the last holds all."""
    if players > MOST_PLAYERS:
        raise ValueError(f"{players} players have too many coalitions to enumerate.")
    numbers = np.arange(2**players)
    members: NDArray[np.bool_] = (numbers[:, None] >> np.arange(players)) & 1 > 0
    return members


def shapley_values(worth: NDArray[np.floating], players: int) -> NDArray[np.float64]:
    """What each player brings on average over all orders of joining, (..., players).

    Shapley, "A value for n-person games", 1953. They sum to what all players together are worth
    beyond none.

    Args:
        worth: (..., 2^players) in the order of `coalitions`.
        players: how many there are.
    """
    values: NDArray[np.float64] = np.asarray(worth, np.float64) @ _shares(players)
    return values


@cache
def _shares(players: int) -> NDArray[np.float64]:
    """How much each coalition's worth counts for each player, (2^players, players)."""
    members = coalitions(players)
    size = members.sum(axis=1)
    joined = np.array(
        [factorial(n) * factorial(players - n - 1) / factorial(players) for n in range(players)]
    )
    gain = joined[np.maximum(size - 1, 0)][:, None]
    loss = joined[np.minimum(size, players - 1)][:, None]
    shares: NDArray[np.float64] = np.where(members, gain, -loss)
    return shares

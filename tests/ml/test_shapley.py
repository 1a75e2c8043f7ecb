import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml.shapley import coalitions, shapley_values

GAMES = st.integers(1, 5).flatmap(
    lambda n: st.lists(st.floats(-10, 10), min_size=2**n, max_size=2**n).map(np.array)
)


@given(GAMES)
def test_contributions_sum_to_what_all_players_bring_beyond_none(worth):
    players = int(math.log2(len(worth)))
    assert shapley_values(worth, players).sum() == pytest.approx(worth[-1] - worth[0], abs=1e-9)


@given(GAMES)
def test_they_are_the_mean_gain_over_all_orders_of_joining(worth):
    players = int(math.log2(len(worth)))
    gains = np.zeros(players)
    for order in itertools.permutations(range(players)):
        inside = 0
        for player in order:
            gains[player] += worth[inside | 1 << player] - worth[inside]
            inside |= 1 << player
    expected = gains / math.factorial(players)
    np.testing.assert_allclose(shapley_values(worth, players), expected, atol=1e-9)


def test_a_player_that_changes_nothing_gets_nothing():
    worth = coalitions(4)[:, [0, 1, 3]].sum(axis=1).astype(float)
    np.testing.assert_allclose(shapley_values(worth, 4), [1, 1, 0, 1])

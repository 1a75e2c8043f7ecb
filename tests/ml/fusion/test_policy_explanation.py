"""Which inputs moved a fused score: the sums are exact, and what is not looked at gets nothing."""

import numpy as np
import pytest
import torch
from cached_predictions import cached

from ml.can.features import WINDOW_FEATURES
from ml.fusion.belief import BeliefNetwork
from ml.fusion.config import FusionAgentConfig
from ml.fusion.explanation import INPUTS, explain_policy, policy_importance
from ml.fusion.policy import NetworkPolicy, TablePolicy, fuse
from ml.fusion.rewards import reward_function
from ml.fusion.state import states

CACHE = cached()
SEEN = CACHE.anomaly_score[::20], CACHE.gat_prob[::20], CACHE.context[::20]


def policy(state: str) -> NetworkPolicy:
    agent = FusionAgentConfig(method="regression", state=state)
    torch.manual_seed(0)
    network = BeliefNetwork(agent, len(WINDOW_FEATURES))
    state_ = states(CACHE.anomaly_score, CACHE.gat_prob, CACHE.context)
    label = torch.from_numpy(CACHE.label.astype("float32"))
    network.encoder.fit(state_, label)
    network.tabulate(reward_function(agent), state_, label)
    return NetworkPolicy(network, agent)


def test_every_window_feature_belongs_to_one_input():
    named = [name for features in INPUTS.values() for name in features]
    assert sorted(named) == sorted(WINDOW_FEATURES)


@pytest.mark.parametrize("state", ["continuous", "context"])
def test_contributions_sum_to_the_difference_from_usual_traffic(state):
    made = policy(state)
    found = explain_policy(made, *SEEN)
    np.testing.assert_allclose(
        found.contribution.sum(axis=1), found.fused_score - found.usual, atol=1e-9
    )
    expected = fuse(made.alpha(*SEEN), *SEEN[:2])
    np.testing.assert_allclose(found.fused_score, expected, atol=1e-6)


def test_a_policy_that_sees_scores_only_is_moved_by_scores_only():
    contribution = explain_policy(policy("continuous"), *SEEN).contribution
    assert np.abs(contribution[:, :2]).max() > 0.01
    np.testing.assert_allclose(contribution[:, 2:], 0, atol=1e-12)
    assert np.abs(explain_policy(policy("context"), *SEEN).contribution[:, 2:]).max() > 1e-6


def test_scores_given_without_context_are_explained_too():
    found = explain_policy(policy("context"), *SEEN[:2])
    assert np.isfinite(found.contribution).all()
    np.testing.assert_allclose(found.contribution[:, 2:], 0, atol=1e-12)


def test_a_plain_table_can_be_explained():
    table = TablePolicy(np.linspace(0, 1, 100, dtype=np.float32).reshape(10, 10))
    found = explain_policy(table, *SEEN[:2])
    np.testing.assert_allclose(found.contribution.sum(axis=1), found.fused_score - found.usual)


def test_the_expert_that_is_right_matters_most_over_a_cache():
    importance = policy_importance(policy("continuous"), CACHE)
    assert list(importance) == list(INPUTS)
    assert max(importance, key=importance.__getitem__) in {"anomaly_score", "gat_prob"}

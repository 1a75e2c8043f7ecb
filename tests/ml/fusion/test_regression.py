"""The full-information regression: its values, its invariants, its training."""

import copy
from functools import cache as cache_of_calls
from threading import Event
from typing import Any

import numpy as np
import pytest
import torch
from cached_predictions import cached
from hypothesis import given
from hypothesis import strategies as st

from ml.can.splits import Holdout
from ml.context import Context, Workspace
from ml.errors import Cancelled
from ml.evaluation.thresholds import tune_threshold
from ml.fusion.belief import BeliefNetwork
from ml.fusion.config import FusionAgentConfig, FusionTrainingConfig
from ml.fusion.policy import UNKNOWN_KIND, NetworkPolicy, fuse, load_policy, save_policy
from ml.fusion.rewards import REWARDS, reward_function
from ml.fusion.samples import FusionPredictionCache
from ml.fusion.state import states
from ml.fusion.training import train_fusion

LEARNT: dict[str, Any] = {"method": "regression", "reward": "likelihood"}
AGENT = FusionAgentConfig(**LEARNT, state="context")
UNIT = st.floats(0, 1, width=32)


@cache_of_calls
def network(agent: FusionAgentConfig = AGENT, columns: int = 3, seed: int = 0) -> BeliefNetwork:
    torch.manual_seed(seed)
    made = BeliefNetwork(agent, columns, ("flood", "spoof"))
    score = torch.rand(200, 2)
    made.tabulate(reward_function(agent), score, (score.mean(1) > 0.5).float())
    return made


def fit(folder, epochs, cancelled=None, after=10**9, agent=AGENT, cache=None):
    seen = []
    cancelled = cancelled or Event()

    def emit(event):
        seen.append(event)
        if event["event"] == "metrics" and event["step"] + 1 == after:
            cancelled.set()

    context = Context(folder, Workspace(folder, ()), emit, cancelled)
    rows = np.arange(600)
    trained = train_fusion(
        cache or cached(),
        Holdout(rows[rows % 300 < 240], rows[rows % 300 >= 240], "capture"),
        agent,
        FusionTrainingConfig(
            max_epochs=epochs, early_stopping_patience=epochs, checkpoint_metric="val_reward"
        ),
        reward_function(agent),
        folder=folder,
        name="fusion_test",
        progress=context.span(0, 1),
        seed=7,
    )
    return trained, seen


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    agent = FusionAgentConfig(**LEARNT, state="context", fusion_batch_size=4, fusion_lr=0.01)
    return fit(tmp_path_factory.mktemp("fit"), 25, agent=agent)[0]


@pytest.mark.parametrize("name", sorted(REWARDS))
def test_a_weights_value_is_what_its_fused_score_earns_in_expectation(name):
    agent = FusionAgentConfig(method="regression", reward=name, state="continuous")
    made = network(agent)
    state = torch.rand(50, 5)
    belief = made.belief(state)[:, None]
    benign, attack = made.rewards(state)
    torch.testing.assert_close(made(state), belief * attack + (1 - belief) * benign)
    if name in {"accuracy", "cost", "likelihood"}:  # the others look at the batch
        reward = reward_function(agent)
        exact = reward(made.fused(state).flatten(), torch.ones(50 * 21)).reshape(50, 21)
        away_from_the_step = (made.fused(state) - 0.5).abs() > 1e-3
        near = (attack - exact).abs() < 0.05
        assert near[away_from_the_step].all()


def test_the_belief_of_least_loss_gives_the_values_of_least_error():
    """Among beliefs for like windows, both the likelihood and the values' error pick the share."""
    benign, attack = (r[0] for r in network().rewards(torch.tensor([[0.1, 0.9]])))
    beliefs = torch.linspace(0.01, 0.99, 99)[:, None]
    values = beliefs * attack + (1 - beliefs) * benign
    share = 0.3
    error = share * (values - attack) ** 2 + (1 - share) * (values - benign) ** 2
    likelihood = share * beliefs.log() + (1 - share) * (1 - beliefs).log()
    assert error.mean(1).argmin() == likelihood.argmax()


@given(UNIT, UNIT, st.integers(0, 20))
def test_a_fused_score_lies_between_the_experts_scores(anomaly, gat, seed):
    policy = NetworkPolicy(network(seed=seed), AGENT)
    scores = np.array([anomaly], np.float32), np.array([gat], np.float32)
    context = np.random.default_rng(seed).normal(0, 9, (1, 3)).astype(np.float32)
    fused = fuse(policy.alpha(*scores, context), *scores)[0]
    assert min(anomaly, gat) - 1e-6 <= fused <= max(anomaly, gat) + 1e-6


@given(UNIT, UNIT, UNIT, st.booleans(), st.integers(0, 20))
def test_what_an_expert_finds_more_suspicious_is_never_believed_less(
    anomaly, gat, more, by_gat, seed
):
    """The belief rises strictly; the fused score may step back by one notch of alpha at most."""
    made = copy.deepcopy(network(seed=seed)).double()
    context = np.random.default_rng(seed).normal(0, 2, 3)
    before = np.array([anomaly, gat, *context])
    after = before.copy()
    after[int(by_gat)] = max(more, before[int(by_gat)])
    state = torch.from_numpy(np.stack([before, after]))
    low, high = made.belief(state)
    assert high >= low - 1e-12
    value = made(state).argmax(1, keepdim=True)
    first, second = made.fused(state).gather(1, value).squeeze(1)
    notch = float((state[:, 0] - state[:, 1]).abs().max()) / (AGENT.alpha_steps - 1)
    assert second >= first - notch - 1e-9


def test_the_likelihood_picks_the_weight_whose_fused_score_is_the_belief():
    made = network(FusionAgentConfig(**LEARNT, alpha_steps=101, state="continuous"), 0)
    state = torch.tensor([[0.02, 0.98]]).repeat(5, 1)
    fused = made.fused(state).gather(1, made(state).argmax(1, keepdim=True)).squeeze(1)
    believed = made.belief(state).clamp(0.02, 0.98)
    torch.testing.assert_close(fused, believed, atol=0.01, rtol=0)


def test_an_interrupted_training_ends_with_the_result_of_an_uninterrupted_one(tmp_path):
    agent = FusionAgentConfig(**LEARNT, state="context", fusion_batch_size=16)
    whole, _ = fit(tmp_path / "whole", 6, agent=agent)
    with pytest.raises(Cancelled):
        fit(tmp_path / "parts", 6, after=3, agent=agent)
    resumed, seen = fit(tmp_path / "parts", 6, agent=agent)
    assert next(e["step"] for e in seen if e["event"] == "metrics") == 3
    for name, weights in whole.state_dict().items():
        assert torch.equal(weights, resumed.state_dict()[name]), name


def test_the_agent_learns_to_trust_the_expert_that_is_right(trained):
    cache = cached(seed=1)
    scores = cache.anomaly_score, cache.gat_prob
    policy = NetworkPolicy(trained.q_network, trained.agent)
    fused = fuse(policy.alpha(*scores, cache.context), *scores)
    threshold = tune_threshold(cache.label, fused)
    assert ((fused >= threshold) == cache.label).mean() > 0.97


def test_it_tells_the_kind_of_attack_from_the_context_and_says_when_it_cannot(trained, tmp_path):
    save_policy(trained.q_network, trained.agent, tmp_path)
    policy = load_policy(trained.agent, tmp_path)
    cache = cached(seed=2)
    attack = cache.label > 0
    named = policy.attack_kind(cache.anomaly_score, cache.gat_prob, cache.context)[attack]
    assert (named == cache.column("attack")[attack]).mean() > 0.9
    blind = policy.attack_kind(cache.anomaly_score, cache.gat_prob)
    assert (blind == UNKNOWN_KIND).all()


def test_without_context_a_typical_one_stands_in(trained):
    cache = cached()
    policy = NetworkPolicy(trained.q_network, trained.agent)
    typical = np.tile(np.median(cache.context[cache.label == 0], axis=0), (600, 1))
    scores = cache.anomaly_score, cache.gat_prob
    guessed = policy.alpha(*scores)
    assert np.isfinite(guessed).all()
    assert (guessed == policy.alpha(*scores, typical.astype(np.float32))).mean() > 0.95


@pytest.mark.parametrize("state", ["discrete", "continuous", "context"])
def test_a_saved_policy_serves_what_the_agent_would_do(tmp_path, state):
    agent = FusionAgentConfig(**LEARNT, state=state)
    made = network(agent)
    save_policy(made, agent, tmp_path)
    draw = np.random.default_rng(0)
    seen = *draw.random((2, 300)).astype(np.float32), draw.random((300, 3)).astype(np.float32)
    served = load_policy(agent, tmp_path)
    np.testing.assert_array_equal(served.alpha(*seen), NetworkPolicy(made, agent).alpha(*seen))
    assert served.heat_map().shape == (10, 10)


def test_a_window_alone_gets_the_weight_it_gets_among_others():
    policy = NetworkPolicy(network(), AGENT)
    draw = np.random.default_rng(0)
    seen = *draw.random((2, 300)).astype(np.float32), draw.random((300, 3)).astype(np.float32)
    together = policy.alpha(*seen)
    alone = [policy.alpha(*(column[n : n + 1] for column in seen))[0] for n in range(300)]
    np.testing.assert_array_equal(together, alone)


def test_each_capture_counts_alike_within_its_class():
    label = np.array([0] * 90 + [1] * 10 + [0] * 5 + [1] * 5, np.uint8)
    part = np.array([0] * 100 + [1] * 10)
    score = np.zeros(110, np.float32)
    steps = FusionPredictionCache.of(score, score, label, part, 1)
    totals = [
        steps.weight[torch.from_numpy((part == p) & (label == y))].sum().item()
        for p in (0, 1)
        for y in (0, 1)
    ]
    assert totals[0] == pytest.approx(totals[2], rel=1e-4)
    assert totals[1] == pytest.approx(totals[3], rel=1e-4)


def test_states_are_the_two_scores_and_then_the_context():
    state = states(np.array([0.1], np.float32), np.array([0.2], np.float32), np.array([[3.0, 4.0]]))
    torch.testing.assert_close(state, torch.tensor([[0.1, 0.2, 3.0, 4.0]]))

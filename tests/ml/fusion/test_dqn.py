"""The agent: its arithmetic, its exploration, its memory and its resumption."""

from pathlib import Path
from threading import Event

import numpy as np
import pytest
import torch
from cached_predictions import cached
from torch.nn import functional

from ml.can.splits import Holdout
from ml.context import Context, Workspace
from ml.errors import Cancelled
from ml.fusion.config import FusionAgentConfig, FusionTrainingConfig
from ml.fusion.dqn import FusionLightningModule
from ml.fusion.policy import NetworkPolicy, QNetwork, TablePolicy, fuse, load_policy, save_policy
from ml.fusion.replay import ReplayBuffer, Transitions
from ml.fusion.rewards import reward_function
from ml.fusion.samples import FusionPredictionCache
from ml.fusion.training import train_fusion

PLAIN = {"method": "dqn", "state": "discrete", "reward": "accuracy"}
AGENT = FusionAgentConfig(**PLAIN)


def module(agent: FusionAgentConfig = AGENT, seed: int = 0) -> FusionLightningModule:
    torch.manual_seed(seed)
    return FusionLightningModule(agent, reward_function(agent), seed)


def transitions(n: int, *, done: float = 1.0) -> Transitions:
    draw = torch.Generator().manual_seed(n)
    return Transitions(
        torch.rand(n, 2, generator=draw),
        torch.randint(AGENT.alpha_steps, (n,), generator=draw),
        torch.rand(n, generator=draw),
        torch.rand(n, 2, generator=draw),
        torch.full((n,), done),
    )


def fit(folder: Path, epochs: int, cancelled: Event | None = None, after: int = 10**9, agent=AGENT):
    """Train for some epochs; `cancelled` is set once `after` epochs have been reported."""
    seen = []
    cancelled = cancelled or Event()

    def emit(event):
        seen.append(event)
        if event["event"] == "metrics" and event["step"] + 1 == after:
            cancelled.set()

    context = Context(folder, Workspace(folder, ()), emit, cancelled)
    rows = np.arange(600)
    trained = train_fusion(
        cached(),
        Holdout(rows[:480], rows[480:], "capture"),
        agent,
        FusionTrainingConfig(max_epochs=epochs, early_stopping_patience=epochs),
        reward_function(agent),
        folder=folder,
        name="fusion_test",
        progress=context.span(0, 1),
        seed=7,
    )
    return trained, seen


def test_the_q_update_is_the_one_of_the_paper():
    """Against the arithmetic written out sample by sample."""
    agent, steps = module(), transitions(5, done=0.0)
    expected = []
    for state, action, reward, following, done in zip(*steps, strict=True):
        target = reward + AGENT.gamma * (1 - done) * agent.target_network(following[None]).max()
        value = agent.q_network(state[None])[0, action]
        expected.append(functional.smooth_l1_loss(value, target.detach()))
    torch.testing.assert_close(agent.q_loss(steps), torch.stack(expected).mean())


def test_the_target_network_moves_only_every_so_many_steps():
    agent = module(FusionAgentConfig(**PLAIN, target_update_freq=3))
    with torch.no_grad():
        for weights in agent.q_network.parameters():
            weights.add_(1.0)
    moved = []
    for step in range(3):
        agent.on_train_batch_end(None, None, step)
        pairs = zip(agent.q_network.parameters(), agent.target_network.parameters(), strict=True)
        moved.append(all(torch.equal(a, b) for a, b in pairs))
    assert moved == [False, False, True]


def test_each_window_flips_its_own_coin_and_the_share_of_chance_falls_with_every_step():
    agent = module(
        FusionAgentConfig(
            **PLAIN, fusion_epsilon=0.5, fusion_epsilon_decay=0.9, fusion_min_epsilon=0.4
        )
    )
    state = torch.full((20_000, 2), 0.35)
    greedy = agent.q_network(state[:1]).argmax()
    explored = (agent.act(state) != greedy).float().mean().item()
    assert explored == pytest.approx(0.5 * 20 / 21, abs=0.02)
    shares = []
    for step in range(4):
        agent.on_train_batch_end(None, None, step)
        shares.append(agent.epsilon.item())
    assert shares == pytest.approx([0.45, 0.405, 0.4, 0.4])


def test_the_replay_buffer_keeps_the_newest_and_survives_a_checkpoint():
    buffer = ReplayBuffer(8)
    for start in (0, 6, 12):
        step = transitions(6)
        buffer.push(step._replace(reward=torch.arange(start, start + 6.0)))
    assert sorted(buffer.reward.tolist()) == list(range(10, 18))
    restored = ReplayBuffer(8)
    restored.load_state_dict(buffer.state_dict())
    draws = [b.sample(16, torch.Generator().manual_seed(1)).reward for b in (buffer, restored)]
    assert torch.equal(*draws)
    assert len(restored) == 8


def test_an_interrupted_training_ends_with_the_result_of_an_uninterrupted_one(tmp_path):
    whole, _ = fit(tmp_path / "whole", 8)
    with pytest.raises(Cancelled):
        fit(tmp_path / "parts", 8, after=3)
    resumed, seen = fit(tmp_path / "parts", 8)
    assert next(e["step"] for e in seen if e["event"] == "metrics") == 3
    for name, weights in whole.state_dict().items():
        assert torch.equal(weights, resumed.state_dict()[name]), name


def test_a_finished_training_is_not_done_again(tmp_path):
    first, _ = fit(tmp_path, 3)
    again, seen = fit(tmp_path, 3)
    assert not [e for e in seen if e["event"] == "metrics"]
    assert np.array_equal(first.get_policy(), again.get_policy())


def test_the_agent_learns_to_trust_the_expert_that_is_right(tmp_path):
    trained, seen = fit(tmp_path, 30, agent=FusionAgentConfig(**PLAIN, fusion_batch_size=64))
    cache = cached(seed=1)
    scores = cache.anomaly_score, cache.gat_prob
    fused = fuse(TablePolicy(trained.get_policy()).alpha(*scores), *scores)
    accuracy = ((fused >= 0.5) == cache.label).mean()
    mean = ((cache.anomaly_score + cache.gat_prob) / 2 >= 0.5) == cache.label
    assert accuracy > 0.97 > mean.mean()
    assert seen[-1]["values"]["q_spread"] > 0.5


def test_a_training_leaves_the_files_that_its_users_look_for(tmp_path):
    fit(tmp_path, 3)
    names = {p.relative_to(tmp_path).as_posix() for p in tmp_path.rglob("*") if p.is_file()}
    assert "checkpoints/last.ckpt" in names
    assert any("fusion_test_epoch0" in n and "_val_accuracy" in n for n in names)
    assert {
        "csv/version_0/metrics.csv",
        "csv/version_0/hparams.yaml",
        "trained.safetensors",
    } <= names
    assert any("tensorboard/events.out.tfevents" in n for n in names)


@pytest.mark.parametrize("state", ["discrete", "continuous", "context"])
def test_a_saved_policy_serves_what_the_agent_would_do(tmp_path, state):
    agent = FusionAgentConfig(method="dqn", state=state)
    network = QNetwork(agent, 3)
    save_policy(network, agent, tmp_path)
    draw = np.random.default_rng(0)
    seen = *draw.random((2, 500)).astype(np.float32), draw.random((500, 3)).astype(np.float32)
    expected = NetworkPolicy(network, agent).alpha(*seen)
    np.testing.assert_allclose(load_policy(agent, tmp_path).alpha(*seen), expected)


def test_the_heat_map_has_anomaly_scores_as_rows_and_gat_probabilities_as_columns():
    agent = FusionAgentConfig(state="discrete", state_bins=4)
    network = QNetwork(agent)
    alpha = TablePolicy(NetworkPolicy(network, agent).heat_map())
    continuous = NetworkPolicy(network, agent)
    low, high = np.array([0.1], np.float32), np.array([0.9], np.float32)
    assert alpha.table[0, 3] == alpha.alpha(low, high)[0] == continuous.alpha(low, high)[0]


def test_scores_of_exactly_one_fall_into_the_last_bin():
    table = np.arange(100, dtype=np.float32).reshape(10, 10)
    one = np.array([1.0], np.float32)
    assert TablePolicy(table).alpha(one, one) == 99


def test_episodes_end_with_their_capture_and_their_length():
    score = np.linspace(0, 1, 7, dtype=np.float32)
    samples = FusionPredictionCache.of(
        score, score, np.zeros(7, np.uint8), np.array(list("aaaaabb")), 3
    )
    assert samples.done.tolist() == [0, 0, 1, 0, 1, 0, 1]
    following = samples.next_state[samples.done == 0, 0]
    assert torch.equal(following, samples.state[1:, 0][samples.done[:-1] == 0])

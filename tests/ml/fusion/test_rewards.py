"""What a fused score is worth."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import f1_score, matthews_corrcoef

from ml.errors import InvalidInput, NotFound
from ml.fusion.config import FusionAgentConfig
from ml.fusion.rewards import REWARDS, reward_function

BATCHES = st.integers(2, 40).flatmap(
    lambda n: st.tuples(
        st.lists(st.floats(0, 1, width=32), min_size=n, max_size=n),
        st.lists(st.integers(0, 1), min_size=n, max_size=n),
    )
)


def reward(name: str, fused: list[float], label: list[int]) -> torch.Tensor:
    function = reward_function(FusionAgentConfig(reward=name))
    return function(torch.tensor(fused), torch.tensor(label, dtype=torch.float32))


@pytest.mark.parametrize("name", sorted(REWARDS))
@given(BATCHES)
def test_a_window_never_gains_by_a_wrong_verdict(name, batch):
    """Whatever the batch, turning one window's score to its label does not lower its reward."""
    fused, label = batch
    before = reward(name, fused, label)[0]
    assert torch.isfinite(before)
    assert reward(name, [float(label[0]), *fused[1:]], label)[0] >= before - 1e-6


@pytest.mark.parametrize("name", sorted(REWARDS))
@pytest.mark.parametrize(("anomaly", "gat", "label", "best"), [(0.9, 0.1, 1, 0), (0.1, 0.9, 1, 20)])
def test_the_best_weight_is_that_of_the_expert_who_is_right_and_never_the_middle(
    name, anomaly, gat, label, best
):
    alpha = torch.linspace(0, 1, 21)
    fused = alpha * gat + (1 - alpha) * anomaly
    others = [0.9, 0.1, 0.8, 0.2]
    worth = [reward(name, [float(f), *others], [label, 1, 0, 1, 0])[0].item() for f in fused]
    assert max(range(21), key=worth.__getitem__) == best


@pytest.mark.parametrize(("name", "metric"), [("f1", f1_score), ("mcc", matthews_corrcoef)])
def test_metric_rewards_are_the_difference_that_a_verdict_makes(name, metric):
    fused, label = [0.9, 0.8, 0.3, 0.2, 0.6], [1, 0, 1, 0, 1]
    verdict = [f >= 0.5 for f in fused]
    margin = [0.5 * (1 - 2 * abs(f - y)) for f, y in zip(fused, label, strict=True)]
    expected = []
    for i in range(5):
        flipped = [v != (i == j) for j, v in enumerate(verdict)]
        expected.append((metric(label, verdict) - metric(label, flipped)) * 2.5 + margin[i])
    assert reward(name, fused, label).tolist() == pytest.approx(expected, abs=1e-5)


def test_a_missed_attack_costs_more_than_a_false_alarm_where_told_so():
    missed, false_alarm = reward("cost", [0.1, 0.9], [1, 0]).tolist()
    right = reward("cost", [0.9], [1]).item()
    assert missed < false_alarm < right


def test_an_unknown_reward_is_refused_with_the_known_ones():
    with pytest.raises(NotFound, match="accuracy, cost, f1, likelihood, mcc"):
        reward_function(FusionAgentConfig(reward="speed"))


def test_a_reward_by_import_path_is_for_the_trusted_command_line_only():
    config = FusionAgentConfig(reward="torch:maximum")
    with pytest.raises(InvalidInput, match="command line only"):
        reward_function(config)
    imported = reward_function(config, trusted=True)
    worth = imported(torch.tensor([0.2, 0.9]), torch.tensor([1.0, 0.0]))
    assert worth.tolist() == pytest.approx([1, 0.9])


@pytest.mark.parametrize(
    "path", ["no.such.module:f", "torch:no_such_name", "torch:__version__", ":x"]
)
def test_an_import_path_that_leads_nowhere_says_so(path):
    with pytest.raises(InvalidInput, match=r"package\.module:function"):
        reward_function(FusionAgentConfig(reward=path), trusted=True)

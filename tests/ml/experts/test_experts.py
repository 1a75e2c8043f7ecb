"""The experts: batches, scores, memory, training samples, calibration."""

from dataclasses import replace
from typing import ClassVar

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ml.batches import EpochLoader
from ml.can.datasets import find_dataset
from ml.can.features import NODE_FEATURES, WINDOW_FEATURES
from ml.can.graphs import WindowGraphs
from ml.can.loading import LabelledCapture, enrol_all, label_all
from ml.can.profiles.enrolment import EnrolmentConfig
from ml.can.recordings import read_recordings
from ml.can.splits import Holdout
from ml.can.windows import WindowConfig
from ml.context import Context, Span, Workspace
from ml.errors import InvalidInput
from ml.experts.bank import EXPERTS, ExpertBank, ExpertsConfig, train_bank
from ml.experts.batch import GraphBatch
from ml.experts.calibration import Calibration
from ml.experts.channels import EVIDENCE, hiding_mask, usual
from ml.experts.inference import node_scores
from ml.experts.sampling import training_graphs
from ml.experts.surroundings import around
from ml.experts.tails import Tails
from ml.experts.training import ExpertTrainingConfig

DURATION = WINDOW_FEATURES.index("relative_duration")


@pytest.fixture(scope="module")
def span(tmp_path_factory) -> Span:
    folder = tmp_path_factory.mktemp("work")
    return Context(folder, Workspace(folder, ()), lambda _: None).span(0, 1)


@pytest.fixture(scope="module")
def captures(tiny_data_dir, span) -> list[LabelledCapture]:
    dataset = find_dataset("tiny", [tiny_data_dir])
    recordings = read_recordings(dataset.train, WindowConfig(), span)
    enrolments = enrol_all(recordings, EnrolmentConfig())
    return label_all(recordings, enrolments, WindowConfig(), EnrolmentConfig(), span)


@pytest.fixture(scope="module")
def bank(captures, span) -> ExpertBank:
    """Experts of one short training."""
    config = ExpertsConfig(training=ExpertTrainingConfig(max_epochs=3, nodes_per_capture=200))
    return train_bank(captures, config, WindowConfig(), span.context.workdir, span, seed=0)


@pytest.fixture(scope="module")
def graphs(captures) -> WindowGraphs:
    return captures[0].graphs


@pytest.mark.parametrize("batch_size", [1, 7, 64, 1000])
def test_a_windows_score_does_not_depend_on_its_company(bank, graphs, batch_size):
    together = bank.raw(graphs, batch_size=50)
    for name, scores in bank.raw(graphs, batch_size=batch_size).items():
        # Vectorised exponentials round the last bit by their place in the batch.
        np.testing.assert_allclose(scores, together[name], rtol=1e-6, err_msg=name)


def test_a_windows_score_is_that_of_its_oddest_node(bank, graphs):
    nodes, windows = bank.node_raw(graphs), bank.raw(graphs)
    for name, score in windows.items():
        parts = np.split(nodes[name], graphs.node_ptr[1:-1])
        np.testing.assert_array_equal(score, [part.max() for part in parts])
        batch = GraphBatch.of(graphs)
        with torch.inference_mode():
            np.testing.assert_array_equal(score, bank.experts[name].raw_score(batch))


def test_a_node_does_not_learn_what_it_is_called(bank, graphs):
    renamed = replace(graphs, arbitration=graphs.arbitration[::-1].copy())
    for name, scores in bank.node_raw(renamed).items():
        np.testing.assert_array_equal(scores, bank.node_raw(graphs)[name])


@pytest.mark.parametrize(
    ("feature", "nats"), [("unheard_surprise", 1.0), ("frames_unexplained_beyond_record", None)]
)
def test_the_auto_encoder_counts_every_frame_that_no_benign_traffic_has(
    bank, graphs, feature, nats
):
    first = graphs.node_ptr[:-1]
    node = graphs.node.copy()
    node[first, NODE_FEATURES.index(feature)] = 100
    log_frames = 8 * node[first, NODE_FEATURES.index("profile_frames")]
    some = bank.node_raw(replace(graphs, node=node))["vgae"][first]
    node[first, NODE_FEATURES.index(feature)] = 200
    more = bank.node_raw(replace(graphs, node=node.copy()))["vgae"][first]
    expected = 100 * (np.ones(len(first)) if nats else log_frames)
    np.testing.assert_allclose(more - some, expected, rtol=1e-3)


def test_the_experts_tell_attacks_of_a_capture_from_its_benign_windows(bank, captures):
    for capture in captures:
        if capture.label.any():
            for name, scores in bank.raw(capture.graphs).items():
                attack, benign = (np.median(scores[capture.label == n]) for n in (1, 0))
                assert attack > benign, (name, capture.capture.name)


def test_a_saved_bank_scores_as_before(bank, graphs, tmp_path):
    bank.save(tmp_path)
    loaded = ExpertBank.load(tmp_path)
    assert loaded.digest == bank.digest
    for name, scores in loaded.node_raw(graphs).items():
        np.testing.assert_array_equal(scores, bank.node_raw(graphs)[name])


@pytest.mark.parametrize("name", list(EXPERTS))
@pytest.mark.parametrize("size", ["small", "large"])
def test_every_size_of_an_expert_scores_every_node(graphs, name, size):
    expert = EXPERTS[name](EXPERTS[name].sizes[size], 0.01)
    batch = GraphBatch.of(graphs.take(np.arange(5)))
    expert.prepare(batch)
    expert.loss(batch).backward()
    assert np.isfinite(node_scores(expert, batch)).all()


@settings(max_examples=25)
@given(places=st.lists(st.floats(0, 0.999), min_size=1, max_size=9))
def test_taking_windows_takes_exactly_their_nodes_and_edges(graphs, places):
    batch = GraphBatch.of(graphs)
    chosen = [int(place * len(batch)) for place in places]
    taken = batch.take(torch.tensor(chosen))
    for n, w in enumerate(chosen):
        nodes = slice(taken.node_ptr[n], taken.node_ptr[n + 1])
        original = slice(batch.node_ptr[w], batch.node_ptr[w + 1])
        assert torch.equal(taken.node[nodes], batch.node[original])
        edges = slice(taken.edge_ptr[n], taken.edge_ptr[n + 1])
        source = slice(batch.edge_ptr[w], batch.edge_ptr[w + 1])
        local = taken.edge_index[:, edges] - taken.node_ptr[n]
        assert torch.equal(local, batch.edge_index[:, source] - batch.node_ptr[w])


def test_the_order_of_an_epoch_depends_on_seed_and_epoch_alone(graphs):
    batch = GraphBatch.of(graphs)

    def order(seed: int, epoch: int) -> list[float]:
        loader = EpochLoader(batch, 16, seed=seed)
        loader.epoch = epoch
        return torch.cat([b.window[:, DURATION] for b in loader]).tolist()

    assert order(0, 3) == order(0, 3)
    assert order(0, 3) != order(0, 4)
    assert sorted(order(0, 3)) == sorted(order(1, 0))


def test_a_device_that_runs_out_of_memory_gets_smaller_batches_and_the_same_scores(graphs):
    class Cramped(torch.nn.Module):
        """An expert whose device holds 5 windows at most."""

        device = torch.device("cpu")
        tried: ClassVar[list[int]] = []

        def node_score(self, batch):
            self.tried.append(len(batch))
            if len(batch) > 5:
                raise torch.OutOfMemoryError
            return batch.node.sum(1)

    batch = GraphBatch.of(graphs)
    scores = node_scores(Cramped(), batch, batch_size=32)
    np.testing.assert_allclose(scores, batch.node.sum(1), rtol=1e-5)
    assert Cramped.tried[:4] == [32, 16, 8, 4]


def sample(captures, most: int = 200) -> GraphBatch:
    windows = np.arange(sum(len(c.graphs) for c in captures))
    return training_graphs(captures, Holdout(windows, windows, "capture"), most)[0]


def test_attacks_weigh_as_much_however_many_there_are(captures):
    for chosen in (captures, captures * 2, [*captures[:2] * 3, *captures[2:]]):
        batch = sample(chosen)
        attack = batch.node_weight[batch.node_label == 1].sum() / batch.node_weight.sum()
        assert float(attack) == pytest.approx(1 / 6, abs=1e-4)


def test_only_a_node_itself_is_learnt_and_none_that_merely_stood_beside_an_attack(captures):
    batch = sample(captures)
    centre = batch.node_ptr[:-1]
    assert (batch.node_weight[centre] > 0).all()
    assert batch.node_weight.count_nonzero() == len(batch)
    assert torch.equal(batch.node_label[centre], batch.label)
    beside = [c for c in captures if c.label.any()]
    nothing_benign = [replace(c, graphs=c.graphs.take(c.label == 1), views=()) for c in beside]
    nothing_benign = [replace(c, enrolled=np.zeros(len(c.graphs), bool)) for c in nothing_benign]
    assert (sample(nothing_benign).label == 1).all()


def test_windows_of_the_enrolment_are_never_trained_on(captures):
    seen = [replace(c, enrolled=np.ones_like(c.enrolled)) for c in captures]
    with pytest.raises(InvalidInput, match="in an enrolment"):
        sample(seen)
    only = [replace(captures[0], enrolled=np.zeros_like(captures[0].enrolled)), *seen[1:]]
    nodes = {row.tobytes() for row in captures[0].graphs.node}
    batch = sample([replace(only[0], views=()), *only[1:]])
    assert {row.numpy().tobytes() for row in batch.node} <= nodes


@pytest.mark.parametrize("name", list(EXPERTS))
def test_a_node_with_its_neighbours_scores_as_in_its_window(graphs, name):
    torch.manual_seed(0)
    expert = EXPERTS[name](EXPERTS[name].sizes["large"], 0.01).eval()
    for place, weight in expert.named_parameters():
        if "bring" in place and place.endswith("weight"):
            torch.nn.init.normal_(weight)
    nodes = np.arange(0, len(graphs.node), 7)
    alone = GraphBatch.of(around(graphs, nodes))
    scores = node_scores(expert, alone)[alone.node_ptr[:-1]]
    whole = node_scores(expert, GraphBatch.of(graphs))[nodes]
    np.testing.assert_allclose(scores, whole, rtol=1e-4, atol=1e-4)


def test_as_usual_is_no_evidence_and_hiding_a_family_hides_what_is_made_from_it():
    assert usual()[NODE_FEATURES.index("least_interval_ratio")] > 0
    hidden = hiding_mask()
    early = hidden[:, NODE_FEATURES.index("early_with_trace_beyond_record")]
    assert early.sum() == 4
    context = hidden[:, NODE_FEATURES.index("novel_share")]
    assert context.sum() == 0
    assert all(hidden[:, NODE_FEATURES.index(name)].any() for name in EVIDENCE)


@given(st.integers(0, 2**32 - 1), st.integers(20, 400))
def test_rarer_values_are_never_less_surprising(seed, n):
    rng = np.random.default_rng(seed)
    benign = torch.from_numpy(rng.standard_cauchy((n, 2)).astype(np.float32))
    tails = Tails(2)
    tails.learn(benign, torch.ones(n))
    asked = torch.from_numpy(np.sort(rng.standard_cauchy((50, 2)).astype(np.float32) * 9, axis=0))
    rarity = tails(asked)
    assert (rarity.diff(dim=0) >= -1e-4).all()
    assert rarity.min() >= 0
    assert torch.isfinite(rarity).all()
    assert (tails(benign).min(dim=0).values < 0.1).all()


SCORES = st.lists(st.floats(-1e6, 1e6), min_size=4, max_size=80)


@given(SCORES, st.floats(0.05, 20), st.floats(-30, 30))
def test_a_calibration_keeps_the_order_and_the_range(raw, slope, offset):
    ordered = np.sort(np.array(raw))
    calibrated = Calibration(slope, offset)(ordered)
    assert (np.diff(calibrated) >= 0).all()
    assert ((calibrated >= 0) & (calibrated <= 1)).all()


@given(SCORES, st.integers(0, 2**32 - 1))
def test_a_fitted_calibration_rises_even_where_the_expert_is_worse_than_chance(raw, seed):
    label = (np.random.default_rng(seed).permutation(len(raw)) % 2).astype(np.uint8)
    assert Calibration.fit(np.array(raw), label).slope > 0


def test_a_calibration_without_both_classes_is_refused():
    with pytest.raises(InvalidInput, match="both benign and attack"):
        Calibration.fit(np.arange(5.0), np.zeros(5, np.uint8))

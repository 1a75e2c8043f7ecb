"""What alarmed an expert: the ids by their scores, and of the worst one the exact shares."""

import numpy as np
import pytest
import torch

from ml.can.datasets import find_dataset
from ml.can.features import FAMILIES
from ml.can.graphs import build_graphs
from ml.can.recordings import read_recording
from ml.experts.batch import GraphBatch
from ml.experts.explanation import explain_window, usual_node


@pytest.fixture(scope="module")
def scorer(tiny_release_store):
    return tiny_release_store.load("production")


@pytest.fixture(scope="module")
def graphs(scorer, tiny_data_dir):
    dataset = find_dataset("tiny", [tiny_data_dir])
    capture = next(c for c in dataset.train if c.attack is not None)
    frames = read_recording(capture, scorer.window).frames
    return build_graphs(frames, scorer.window, scorer.profiles[capture.vehicle])


@pytest.fixture(scope="module")
def window(graphs) -> int:
    return int(np.flatnonzero(graphs.label)[0])


@pytest.fixture(scope="module")
def found(scorer, graphs, window):
    return explain_window(scorer.bank.experts, graphs, window, usual_node([graphs]))


def test_the_worst_id_carries_the_windows_score_and_the_others_follow(
    scorer, graphs, window, found
):
    raw = scorer.bank.raw(graphs)
    for name, explained in found.items():
        assert len(explained.arbitration) == len(explained.score) == 3
        assert (np.diff(explained.score) <= 0).all()
        assert explained.score[0] == pytest.approx(raw[name][window], abs=1e-4)
        own = graphs.arbitration[graphs.node_ptr[window] : graphs.node_ptr[window + 1]]
        assert np.isin(explained.arbitration, own).all()


def test_the_shares_of_the_families_sum_to_what_sets_the_id_apart(found):
    for explained in found.values():
        assert explained.families == tuple(FAMILIES)
        difference = explained.score[0] - explained.usual
        assert explained.contribution.sum() == pytest.approx(difference, abs=1e-3)


def test_an_id_that_behaves_as_usual_has_nothing_to_explain(scorer, graphs, window):
    expert = next(iter(scorer.bank.experts.values()))
    one = GraphBatch.of(graphs.take(np.array([window])))
    with torch.inference_mode():
        worst = int(expert.node_score(one).argmax())
    usual = graphs.node[graphs.node_ptr[window] + worst]
    explained = explain_window({"it": expert}, graphs, window, usual)["it"]
    np.testing.assert_allclose(explained.contribution, 0, atol=1e-5)


def test_as_usual_is_learnt_from_benign_nodes_only(graphs):
    benign = graphs.node[graphs.attack_count == 0]
    np.testing.assert_allclose(usual_node([graphs]), np.median(benign, axis=0), atol=1e-6)

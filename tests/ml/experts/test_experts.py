"""The experts: batches, scores, memory, calibration."""

from dataclasses import replace
from typing import ClassVar

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ml.batches import EpochLoader
from ml.can.datasets import find_dataset
from ml.can.graphs import WindowGraphs
from ml.can.loading import load_labelled
from ml.can.windows import WindowConfig
from ml.errors import InvalidInput
from ml.experts.batch import GraphBatch
from ml.experts.calibration import Calibration
from ml.experts.inference import raw_scores


@pytest.fixture(scope="module")
def bank(tiny_release_store):
    return tiny_release_store.load("production").bank


@pytest.fixture(scope="module")
def graphs(tiny_job) -> WindowGraphs:
    dataset = find_dataset("tiny", tiny_job["workspace"].data_dirs)
    return load_labelled(dataset.test[0], WindowConfig()).graphs


@pytest.mark.parametrize("batch_size", [1, 7, 64, 1000])
def test_a_windows_score_does_not_depend_on_its_company(bank, graphs, batch_size):
    together = bank.raw(graphs, batch_size=64)
    for name, scores in bank.raw(graphs, batch_size=batch_size).items():
        np.testing.assert_allclose(scores, together[name], rtol=1e-5, atol=1e-5, err_msg=name)


@settings(max_examples=25)
@given(places=st.lists(st.floats(0, 0.999), min_size=1, max_size=9))
def test_taking_windows_takes_exactly_their_nodes_and_edges(bank, graphs, places):
    batch = GraphBatch.of(graphs, bank.vocabulary)
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


def test_the_order_of_an_epoch_depends_on_seed_and_epoch_alone(bank, graphs):
    batch = GraphBatch.of(graphs, bank.vocabulary)

    def order(seed: int, epoch: int) -> list[float]:
        loader = EpochLoader(batch, 16, seed=seed)
        loader.epoch = epoch
        return torch.cat([b.window[:, 0] for b in loader]).tolist()

    assert order(0, 3) == order(0, 3)
    assert order(0, 3) != order(0, 4)
    assert sorted(order(0, 3)) == sorted(order(1, 0))


def test_a_device_that_runs_out_of_memory_gets_smaller_batches_and_the_same_scores(bank, graphs):
    class Cramped(torch.nn.Module):
        """An expert whose device holds 5 windows at most."""

        device = torch.device("cpu")
        tried: ClassVar[list[int]] = []

        def raw_score(self, batch):
            self.tried.append(len(batch))
            if len(batch) > 5:
                raise torch.OutOfMemoryError
            return batch.window.sum(1)

    batch = GraphBatch.of(graphs, bank.vocabulary)
    scores = raw_scores(Cramped(), batch, batch_size=32)
    np.testing.assert_allclose(scores, batch.window.sum(1))
    assert Cramped.tried[:4] == [32, 16, 8, 4]


def test_an_unknown_id_is_an_anomaly_on_any_window(bank, graphs):
    odd = graphs.arbitration.copy()
    odd[graphs.node_ptr[0]] = 0x7FD
    usual = bank.raw(graphs)["vgae"]
    strange = bank.raw(replace(graphs, arbitration=odd))["vgae"]
    assert strange[0] > usual[0] + 1
    np.testing.assert_allclose(strange[1:], usual[1:])


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

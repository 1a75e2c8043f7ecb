import numpy as np
import pytest
from pydantic import TypeAdapter, ValidationError

from ml.evaluation.drift import Reference, references

RNG = np.random.default_rng(0)
TRAINING = RNG.beta(2, 20, 20_000).astype(np.float32)


def psi(scores):
    reference = Reference.of(TRAINING)
    return reference.psi(reference.counts(scores))


def test_scores_of_the_same_distribution_do_not_drift():
    assert psi(TRAINING) == pytest.approx(0, abs=1e-6)
    assert psi(RNG.beta(2, 20, 2_000)) < 0.02


def test_scores_of_another_distribution_drift_the_more_the_further_they_are():
    near, far = psi(RNG.beta(2.5, 20, 2_000)), psi(RNG.beta(6, 10, 2_000))
    assert 0.02 < near < 0.25 < far


def test_the_index_is_that_of_its_formula():
    reference = Reference(edges=(0.5,), shares=(0.5, 0.5))
    # 89.5 and 9.5 of 99 windows, and half a window in each bin, are 0.9 and 0.1.
    expected = (0.9 - 0.5) * np.log(0.9 / 0.5) + (0.1 - 0.5) * np.log(0.1 / 0.5)
    assert reference.psi(np.array([89.5, 9.5])) == pytest.approx(expected)


def test_scores_that_are_all_the_same_have_a_distribution_too():
    reference = Reference.of(np.zeros(1_000))
    assert reference.psi(reference.counts(np.zeros(500))) < 0.02
    assert reference.psi(reference.counts(np.full(500, -1.0))) > 0.25


def test_a_reference_is_read_back_from_a_card_and_a_broken_one_refused():
    adapter = TypeAdapter(dict[str, Reference])
    card = references({"gat_prob": TRAINING})
    assert adapter.validate_python(card)["gat_prob"] == Reference.of(TRAINING)
    card["gat_prob"]["shares"] = card["gat_prob"]["shares"][1:]
    with pytest.raises(ValidationError, match="one more bin"):
        adapter.validate_python(card)

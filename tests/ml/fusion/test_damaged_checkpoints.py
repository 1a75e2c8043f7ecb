"""A training whose checkpoints were damaged goes on from the one before, to the same result."""

import pytest
import torch
from test_dqn import fit

from ml.errors import Cancelled

EPOCHS = 6


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The weights of a training that nothing disturbed."""
    return fit(tmp_path_factory.mktemp("whole"), EPOCHS)[0].state_dict()


def flip(file):
    """Change a byte in the middle, as a bad disk does: nothing but a checksum tells."""
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 0xFF
    file.write_bytes(content)


def cut(file):
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def empty(file):
    file.write_bytes(b"")


def resumed(folder, whole):
    """Train to the end; gives the first epoch that was trained, and what was said of damage."""
    module, seen = fit(folder, EPOCHS)
    for name, weights in whole.items():
        assert torch.equal(weights, module.state_dict()[name]), name
    steps = [event["step"] for event in seen if event["event"] == "metrics"]
    said = " ".join(e["message"] for e in seen if e["event"] == "log" and e["level"] == "warning")
    return (steps[0] if steps else None), said


@pytest.fixture
def interrupted(tmp_path):
    """A folder in which four epochs were trained; gives its checkpoints."""
    with pytest.raises(Cancelled):
        fit(tmp_path, EPOCHS, after=4)
    return tmp_path / "checkpoints"


@pytest.mark.parametrize("damage", [flip, cut])
def test_a_damaged_checkpoint_falls_back_to_the_one_before(tmp_path, interrupted, whole, damage):
    """Guarantee: a corrupt checkpoint costs one epoch, neither the job nor its result."""
    damage(interrupted / "last.ckpt")
    first, said = resumed(tmp_path, whole)
    assert first == 3
    assert "last.ckpt is damaged" in said


def test_a_training_goes_on_from_its_last_epoch_whether_it_was_the_best_or_not(
    tmp_path, interrupted, whole
):
    """Guarantee: a new attempt resumes from the last checkpoint."""
    best = next(file for file in interrupted.iterdir() if "epoch" in file.name)
    assert "epoch03" not in best.name
    assert resumed(tmp_path, whole) == (4, "")


def test_with_all_checkpoints_damaged_the_training_starts_afresh(tmp_path, interrupted, whole):
    """Guarantee: no damage to checkpoints fails a job."""
    for file in interrupted.glob("*.ckpt"):
        flip(file)
    first, said = resumed(tmp_path, whole)
    assert first == 0
    assert "damaged" in said


def test_without_its_best_checkpoint_a_training_is_not_continued(tmp_path, interrupted, whole):
    """Guarantee: what a damaged training ends with is what an undamaged one ends with."""
    best = next(f for f in interrupted.glob("*.ckpt") if "epoch" in f.name)
    cut(best)
    resumed(tmp_path, whole)


@pytest.mark.parametrize("damage", [flip, empty])
def test_finished_weights_that_are_damaged_are_taken_from_the_checkpoint_again(
    tmp_path, whole, damage
):
    """Guarantee: weights that changed on disk are never served."""
    fit(tmp_path, EPOCHS)
    damage(tmp_path / "trained.safetensors")
    first, said = resumed(tmp_path, whole)
    assert first is None
    assert "trained.safetensors are damaged" in said

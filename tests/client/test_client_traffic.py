"""Scores by both clients, at a real service."""

import numpy as np
import pytest
from service_kit import OWN_CAR, as_columns, traffic

from ml.can.writers import write_log


@pytest.fixture
def log(tmp_path):
    return write_log(traffic(), tmp_path / "drive.log")


def test_the_three_forms_of_scoring_agree(client, log):
    whole = client.score_log(log, vehicle=OWN_CAR)
    assert client.score_log(str(log), vehicle=OWN_CAR) == whole
    assert client.score_log(log.read_bytes(), vehicle=OWN_CAR) == whole
    frames = client.score_frames(**as_columns(traffic()), vehicle=OWN_CAR, release="production")
    fused = client.score(whole.anomaly_score, whole.gat_prob)
    assert whole.fused_score == frames.fused_score == fused.fused_score
    assert (whole.log.format, frames.log, fused.vehicle) == ("candump", None, None)
    assert (whole.vehicle.id, whole.vehicle.enrolled) == (OWN_CAR, False)


def test_arrays_are_columns_too(client):
    frames = traffic()
    listed = client.score_frames(**as_columns(frames), vehicle=OWN_CAR)
    arrays = {"timestamp": frames.timestamp, "id": frames.can_id, "extended": frames.extended}
    assert client.score_frames(**arrays, data=frames.payload, vehicle=OWN_CAR) == listed
    rows = [row.tobytes() for row in frames.payload]
    assert client.score_frames(**arrays, data=rows, vehicle=OWN_CAR) == listed
    scores = client.score(np.array([0.25, 0.75]), np.array([0.5, 0.5], np.float32))
    assert scores.gat_prob == [0.5, 0.5]

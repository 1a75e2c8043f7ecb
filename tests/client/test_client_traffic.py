"""Scores, vehicles and releases by both clients, at a real service."""

import asyncio

import numpy as np
import pytest
from service_kit import OWN_CAR, as_columns, driving, traffic

from canfuse_client import Client, Problem, WrongUse
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


def test_flagged_windows_are_explained_on_request(client, log):
    assert client.score_log(log).explanations is None
    told = client.score_log(log, explain=True)
    assert len(told.explanations) == min(sum(told.is_attack), len(told.explanations))
    for one in told.explanations:
        assert one.usual + sum(one.inputs.values()) == pytest.approx(one.fused_score, abs=1e-5)


def test_a_bad_line_is_refused_or_dropped_as_was_said(client, log):
    log.write_text(log.read_text() + "(9.0) can0 123#0\n")
    with pytest.raises(Problem) as refused:
        client.score_log(log)
    assert refused.value.status == 422
    assert client.score_log(log, lenient=True).log.dropped == 1


def test_a_log_that_is_not_there_is_said_to_be_missing(client, tmp_path):
    with pytest.raises(WrongUse, match="There is no file"):
        client.score_log(tmp_path / "none.log")


def test_a_vehicle_is_enrolled_shown_used_and_deleted(client, tmp_path):
    drive = write_log(driving(), tmp_path / "drive.parquet")
    card = client.enrol_log("my-car", drive, source="a drive", seconds=4)
    assert (card.vehicle, card.source, round(card.seconds)) == ("my-car", "a drive", 4)
    assert [v.vehicle for v in client.vehicles().vehicles] == ["my-car"]
    assert client.score_log(drive, vehicle="my-car").vehicle.enrolled
    again = client.enrol_frames("my-car", **as_columns(driving()))
    shown = client.vehicle("my-car")
    assert [v.version for v in shown.versions] == [again.version, card.version]
    assert len(client.profile("my-car").ids) == shown.ids
    assert client.profile("my-car", card.version).version == card.version
    client.delete_vehicle("my-car")
    assert client.vehicles().vehicles == []


def test_traffic_that_will_not_do_is_refused_with_what_was_found(client):
    with pytest.raises(Problem) as refused:
        client.enrol_frames("car", **as_columns(driving(attack="DoS")[:900]))
    assert refused.value.extra["findings"]


def test_releases_are_listed_and_an_alias_is_moved(client):
    (release,) = client.releases()
    assert client.release("production").version == release.version
    assert client.point("candidate", release.version[:8]).aliases["candidate"] == release.version
    assert client.aliases().in_use == release.version


def test_readiness_is_told_part_by_part(client):
    checks = client.ready().checks
    assert (checks["database"].ok, checks["broker"].ok, checks["broker"].needed) == (
        True, False, False,
    )  # fmt: skip


def test_the_blocking_client_works_within_an_event_loop(service, log):
    """As in a notebook."""

    async def cell():
        with Client(str(service.client.base_url)) as client:
            return [client.score_log(log).release, next(client.jobs(), None)]

    assert asyncio.run(cell())[0]

import numpy as np
import pytest

from ml.can.simulation import ATTACKS, SimulationConfig, record, vehicle_of
from ml.can.simulation.vehicles import checksum

CONFIG = SimulationConfig(seconds=10)
LABELLED = [a for a in ATTACKS if a != "suppression"]
KINDS = pytest.mark.parametrize("attack", ATTACKS)


@pytest.fixture(scope="module")
def recordings():
    return {a: record(CONFIG, "test", "birch", a) for a in ATTACKS}


def design():
    return vehicle_of(CONFIG, "birch")


def within(times, intervals):
    return np.any([(times >= a) & (times <= b) for a, b in intervals], axis=0)


def attacked_message(frames):
    ids = np.unique(frames.can_id[frames.label == 1])
    assert len(ids) == 1
    return next(m for m in design().messages if m.can_id == ids[0])


@KINDS
def test_every_attack_has_its_bursts_and_benign_stretches_between(recordings, attack):
    intervals = recordings[attack].intervals
    edges = np.array([0, *np.ravel(intervals), CONFIG.seconds])
    assert len(intervals) == CONFIG.bursts
    assert np.all(np.diff(edges) > 0)
    assert edges[1] > 0.2 * CONFIG.seconds


@KINDS
def test_every_labelled_frame_lies_in_a_burst(recordings, attack):
    frames, intervals = recordings[attack].frames, recordings[attack].intervals
    assert np.all(within(frames.timestamp[frames.label == 1], intervals))


@pytest.mark.parametrize("attack", LABELLED)
def test_every_burst_holds_labelled_frames(recordings, attack):
    frames = recordings[attack].frames
    times = frames.timestamp[frames.label == 1]
    assert all(np.any((times >= a) & (times <= b)) for a, b in recordings[attack].intervals)


@KINDS
def test_an_attack_is_the_same_when_simulated_again(recordings, attack):
    again = record(CONFIG, "test", "birch", attack)
    assert again.intervals == recordings[attack].intervals
    assert again.frames.payload.tobytes() == recordings[attack].frames.payload.tobytes()
    assert again.frames.timestamp.tobytes() == recordings[attack].frames.timestamp.tobytes()


def test_a_dos_floods_the_bus_with_identifier_zero(recordings):
    frames = recordings["DoS"].frames
    attack = frames[frames.label == 1]
    under_attack = sum(b - a for a, b in recordings["DoS"].intervals)
    assert not attack.can_id.any()
    assert frames.can_id[frames.label == 0].all()
    assert len(attack) / under_attack > 2000


def test_a_dos_delays_the_vehicle_but_loses_none_of_its_frames(recordings):
    frames = recordings["DoS"].frames
    for message in design().messages:
        own = frames.can_id[frames.label == 0] == message.can_id
        assert own.sum() == pytest.approx(CONFIG.seconds / message.period, abs=2, rel=0.01)


def test_fuzzing_sends_random_identifiers_and_payloads(recordings):
    frames = recordings["fuzzing"].frames
    attack = frames[frames.label == 1]
    assert len(np.unique(attack.can_id)) > 500
    assert 120 < attack.payload.mean() < 135


def test_spoofing_sends_the_target_faster_and_with_values_it_never_has(recordings):
    frames = recordings["spoofing"].frames
    target = attacked_message(frames)
    own = frames[frames.can_id == target.can_id]
    under_attack = sum(b - a for a, b in recordings["spoofing"].intervals)
    assert own.label.sum() == pytest.approx(5 * under_attack / target.period, rel=0.05)
    byte = target.sensors[0].byte
    assert not set(own.payload[own.label == 1, byte]) & set(own.payload[own.label == 0, byte])


def test_a_replay_sends_an_earlier_benign_stretch_again(recordings):
    frames, intervals = recordings["replay"].frames, recordings["replay"].intervals
    start, stop = intervals[0]
    benign, attack = frames[frames.label == 0], frames[frames.label == 1]
    first = attack[attack.timestamp <= stop]
    margin = 0.01  # frames near the edges are reordered by arbitration
    recorded = benign[
        (benign.timestamp > start - (stop - start) - margin) & (benign.timestamp < start + margin)
    ]
    seen = {(int(i), p.tobytes()) for i, p in zip(recorded.can_id, recorded.payload, strict=True)}
    assert {(int(i), p.tobytes()) for i, p in zip(first.can_id, first.payload, strict=True)} <= seen


def test_suppression_labels_no_frame_and_removes_one_message_in_its_bursts(recordings):
    frames, intervals = recordings["suppression"].frames, recordings["suppression"].intervals
    assert not frames.label.any()
    inner = [(a + 0.01, b - 0.01) for a, b in intervals]
    inside = within(frames.timestamp, inner)
    silenced = [
        m
        for m in design().targets
        if not (frames.can_id[inside] == m.can_id).any()
        and (frames.can_id[~inside] == m.can_id).any()
    ]
    assert len(silenced) == 1


def test_a_masquerade_comes_at_the_right_time_with_valid_counter_and_checksum(recordings):
    frames = recordings["masquerade"].frames
    target = attacked_message(frames)
    own = frames[frames.can_id == target.can_id]
    assert np.diff(own.timestamp).min() > target.period / 2
    assert np.diff(own.timestamp).max() < target.period * 1.5
    assert np.all(np.diff((own.payload[:, target.counter] & 0x0F).astype(int)) % 16 == 1)
    assert np.array_equal(own.payload[:, target.checksum], checksum(target, own.payload))


def test_a_masquerade_reports_values_that_the_message_never_has(recordings):
    frames = recordings["masquerade"].frames
    target = attacked_message(frames)
    own = frames[frames.can_id == target.can_id]
    byte = target.sensors[0].byte
    assert not set(own.payload[own.label == 1, byte]) & set(own.payload[own.label == 0, byte])

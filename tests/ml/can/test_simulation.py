from dataclasses import fields

import numpy as np
import pytest

from ml.can.frames import Flag, Frames
from ml.can.simulation import SimulationConfig, record, vehicle_of
from ml.can.simulation.bus import BITRATE, arbitrate, wire_seconds
from ml.can.simulation.traffic import frames_of
from ml.can.simulation.vehicles import Message, checksum

CONFIG = SimulationConfig(seconds=6)
VEHICLES = pytest.mark.parametrize("vehicle", CONFIG.vehicles)


def benign(vehicle, config=CONFIG):
    return record(config, "train_01_attack_free", vehicle, None).frames


def only(frames, message):
    return frames[(frames.can_id == message.can_id) & (frames.extended == message.extended)]


def same(a, b):
    return all(np.array_equal(getattr(a, f.name), getattr(b, f.name)) for f in fields(Frames))


def plain(can_id, times, *, extended=False, length=8):
    message = Message(can_id=can_id, extended=extended, period=1, phase=0, base=(0,) * length)
    times = np.array(times, np.float64)
    return frames_of(message, times, np.zeros((len(times), 8), np.uint8), label=0)


@VEHICLES
def test_the_same_config_gives_the_same_frames(vehicle):
    assert same(benign(vehicle), benign(vehicle))


def test_another_seed_gives_another_vehicle_and_another_drive():
    other = SimulationConfig(seconds=6, seed=1)
    assert vehicle_of(CONFIG, "alder") != vehicle_of(other, "alder")
    assert not same(benign("alder"), benign("alder", other))


def test_each_split_sees_another_drive_of_the_same_vehicle():
    train = record(CONFIG, "train_01_attack_free", "alder", None).frames
    test = record(CONFIG, "test_01_known_vehicle_known_attack", "alder", None).frames
    assert np.array_equal(np.unique(train.arbitration), np.unique(test.arbitration))
    assert not np.array_equal(train.payload[:1000], test.payload[:1000])


def test_vehicles_differ_in_ids_and_periods():
    designs = [
        {(m.can_id, m.period, len(m.base)) for m in vehicle_of(CONFIG, v).messages}
        for v in CONFIG.vehicles
    ]
    overlap = designs[0] & designs[1] | designs[1] & designs[2] | designs[0] & designs[2]
    assert len(overlap) < 3


@VEHICLES
def test_a_vehicle_sends_a_thousand_to_two_thousand_frames_a_second(vehicle):
    assert 900 < len(benign(vehicle)) / CONFIG.seconds < 2000


@VEHICLES
def test_messages_keep_their_periods(vehicle):
    frames = benign(vehicle)
    for message in vehicle_of(CONFIG, vehicle).messages:
        gaps = np.diff(only(frames, message).timestamp)
        assert np.median(gaps) == pytest.approx(message.period, rel=0.05)
        assert np.mean(gaps) == pytest.approx(message.period, rel=0.05)


@VEHICLES
def test_frames_never_overlap_on_the_wire(vehicle):
    frames = record(CONFIG, "test", vehicle, "DoS").frames
    starts = frames.timestamp - wire_seconds(frames)
    assert np.all(starts[1:] - frames.timestamp[:-1] >= -1.1e-6)


@VEHICLES
def test_counters_count_by_one(vehicle):
    frames = benign(vehicle)
    counted = [m for m in vehicle_of(CONFIG, vehicle).messages if m.counter is not None]
    assert counted
    for message in counted:
        count = only(frames, message).payload[:, message.counter] & 0x0F
        assert np.all(np.diff(count.astype(int)) % 16 == 1)


@VEHICLES
def test_checksums_are_right(vehicle):
    frames = benign(vehicle)
    guarded = [m for m in vehicle_of(CONFIG, vehicle).messages if m.checksum is not None]
    assert guarded
    for message in guarded:
        payload = only(frames, message).payload
        assert np.array_equal(payload[:, message.checksum], checksum(message, payload))


@VEHICLES
def test_sensor_values_change_smoothly_and_do_change(vehicle):
    frames = benign(vehicle)
    for message in vehicle_of(CONFIG, vehicle).targets:
        payload = only(frames, message).payload.astype(int)
        for sensor in message.sensors:
            value = (payload[:, sensor.byte] * 256 + payload[:, sensor.byte + 1]) / 0xFFFF
            assert np.ptp(value) > 0.005
            assert np.abs(np.diff(value)).max() < 0.05


@VEHICLES
def test_payloads_are_as_long_as_their_message_and_zero_beyond(vehicle):
    frames = benign(vehicle)
    for message in vehicle_of(CONFIG, vehicle).messages:
        mine = only(frames, message)
        assert np.all(mine.length == len(message.base))
        assert not mine.payload[:, len(message.base) :].any()


def test_at_least_one_vehicle_uses_29_bit_identifiers():
    frames = benign("birch")
    wide = frames.can_id[frames.extended]
    assert len(wide) > 0
    assert wide.min() > 0x7FF
    assert frames.can_id[~frames.extended].max() <= 0x7FF


def test_the_lower_identifier_wins_when_both_wait():
    requests = Frames.concat(
        [plain(0x100, [0.0]), plain(0x300, [0.00001]), plain(0x200, [0.00002])]
    )
    assert arbitrate(requests).can_id.tolist() == [0x100, 0x200, 0x300]


def test_an_11_bit_identifier_wins_over_a_29_bit_one_with_the_same_start():
    requests = Frames.concat(
        [plain(0x001, [0.0]), plain(0x100 << 18, [0.00001], extended=True), plain(0x100, [0.00001])]
    )
    assert arbitrate(requests).flags.tolist() == [0, 0, Flag.EXTENDED]


def test_a_frame_on_an_idle_bus_is_stamped_when_it_is_complete():
    sent = arbitrate(plain(0x100, [1.0, 2.0], length=8))
    bits = 47 + 64 + (34 + 64) // 16
    assert sent.timestamp == pytest.approx([1 + bits / BITRATE, 2 + bits / BITRATE], abs=1e-6)


def test_no_requests_give_no_frames():
    assert len(arbitrate(Frames.empty(labelled=True))) == 0

"""Profiles of enrolled vehicles: whole or absent, checked when they are read, bounded."""

import fcntl
import json
import threading
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import save_file

from ml.can.profiles import Finding, VehicleProfile, learn_profile
from ml.can.profiles.card import NoVehicle, ProfileCorrupt
from ml.can.profiles.profile import SCHEMA
from ml.can.profiles.store import ProfileStore
from ml.can.simulation.capture import record
from ml.can.simulation.config import SimulationConfig
from ml.errors import Conflict, InvalidInput, NotFound

WARNING = Finding("warning", "too-short", "It is short.", "Send more.")


@pytest.fixture(scope="module")
def profiles() -> list[VehicleProfile]:
    """Three different profiles of one car."""
    frames = record(SimulationConfig(seconds=5), "train", "alder", None).frames
    return [learn_profile([frames[:n]]) for n in (1000, 1200, 1400)]


@pytest.fixture
def store(tmp_path) -> ProfileStore:
    return ProfileStore(tmp_path / "vehicles")


def arrays(profile: VehicleProfile) -> dict:
    return profile._arrays()


def test_what_was_put_is_loaded_and_its_card_tells_about_it(store, profiles):
    card, new = store.put("my-Car.2", profiles[0], [WARNING], "drive.log")
    assert new
    assert not store.put("my-Car.2", profiles[0], [WARNING], "drive.log")[1]
    card = store.card("my-Car.2")
    loaded = store.load("my-Car.2")
    known = arrays(profiles[0])
    assert loaded.version == card.version == profiles[0].version
    for name, array in arrays(loaded).items():
        np.testing.assert_array_equal(array, known[name])
    assert (card.frames, card.ids, card.source) == (1000, len(profiles[0].ids), "drive.log")
    assert card.frame_rate == pytest.approx(1000 / profiles[0].seconds)
    assert store.card("my-Car.2") == card
    assert card.findings == (WARNING,)


def test_a_new_profile_replaces_the_present_one_and_older_versions_stay(store, profiles):
    for profile in profiles:
        store.put("car", profile, [], "here")
    assert store.current("car") == profiles[-1].version
    assert [card.version for card in store.versions("car")] == [
        profile.version for profile in reversed(profiles)
    ]
    assert store.load("car", profiles[0].version).frames == 1000


def test_only_so_many_versions_are_kept_and_the_present_one_always(tmp_path, profiles):
    store = ProfileStore(tmp_path, keep=2)
    for profile in (*profiles, profiles[1]):
        store.put("car", profile, [], "here")
    assert [card.version for card in store.versions("car")] == [
        profiles[1].version,
        profiles[2].version,
    ]
    assert len(list((tmp_path / "car").iterdir())) == 2 * 2 + 1
    with pytest.raises(NotFound, match="has no version"):
        store.load("car", profiles[0].version)


def test_only_so_many_vehicles_are_taken(tmp_path, profiles):
    store = ProfileStore(tmp_path, most=1)
    store.put("one", profiles[0], [], "")
    with pytest.raises(Conflict, match="1 vehicles are enrolled"):
        store.put("two", profiles[0], [], "")
    store.put("one", profiles[1], [], "")
    assert store.names() == ["one"]


def test_a_deleted_vehicle_is_gone_with_all_its_versions(store, profiles):
    store.put("car", profiles[0], [], "")
    store.put("other", profiles[0], [], "")
    store.delete("car")
    assert "car" not in store
    assert sorted(path.name for path in store.root.iterdir()) == [".lock", "other"]
    for ask in (store.load, store.card, store.versions, store.delete):
        with pytest.raises(NoVehicle, match=r"there are other\. .*canfuse enrol car"):
            ask("car")


@given(name=st.text(max_size=80) | st.sampled_from(["..", "../x", "/etc", "a/b", ".a", "a\n", ""]))
def test_no_name_leads_out_of_the_store(tmp_path_factory, name):
    root = tmp_path_factory.getbasetemp() / "nowhere" / "vehicles"
    for ask in (ProfileStore(root).load, ProfileStore(root).card, ProfileStore(root).delete):
        with pytest.raises((InvalidInput, NoVehicle)):
            ask(name)
    assert not root.parent.exists()


@pytest.mark.parametrize("name", ["", "..", "a/b", "a\\b", "ä", "-a", "x" * 65, "car\n", "a b"])
def test_a_name_that_is_none_is_refused_and_nothing_is_written(store, profiles, name):
    with pytest.raises(InvalidInput, match="names no vehicle"):
        store.put(name, profiles[0], [], "")
    assert not store.root.exists()


@pytest.mark.parametrize("version", ["../other/current", "", "0" * 15, "G" * 16])
def test_a_version_that_is_none_leads_nowhere(store, profiles, version):
    store.put("car", profiles[0], [], "")
    with pytest.raises(InvalidInput, match="no version"):
        store.load("car", version)


def nonsense(folder, _):
    profile(folder).write_bytes(b"\xff" * 100)


def truncated(folder, _):
    profile(folder).write_bytes(profile(folder).read_bytes()[:-50])


def another_profile(folder, profiles):
    profiles[1].save(profile(folder))


def gone(folder, _):
    profile(folder).unlink()


def not_a_number(folder, profiles):
    """A profile that says what no learning could, under the name of a good one."""
    forged = {name: array.copy() for name, array in arrays(profiles[0]).items()}
    forged["span"][:] = np.nan
    save_file(forged, profile(folder), {"schema": SCHEMA})


def profile(folder):
    return next(folder.glob("*.safetensors"))


@pytest.mark.parametrize("damage", [nonsense, truncated, another_profile, gone, not_a_number])
def test_a_damaged_profile_is_named_and_nothing_else_breaks(store, profiles, damage):
    store.put("bad", profiles[0], [], "")
    store.put("good", profiles[0], [], "")
    damage(store.root / "bad", profiles)
    with pytest.raises(ProfileCorrupt, match=r"profile of 'bad' is corrupt.*Enrol"):
        store.load("bad")
    assert store.load("good").version == profiles[0].version
    store.put("bad", profiles[0], [], "")
    assert store.load("bad").version == profiles[0].version


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b'{"vehicle": "bad"}',
        b"\xff\xfe",
        lambda card: {**card, "vehicle": "good"},
        lambda card: {**card, "version": "0" * 16},
        lambda card: {**card, "seconds": float("nan")},
        lambda card: {**card, "novelty": 1},
        lambda card: {**card, "source": "x" * (1 << 20)},
    ],
)
def test_a_damaged_card_is_named_and_nothing_else_breaks(store, profiles, content):
    for vehicle in ("bad", "good"):
        store.put(vehicle, profiles[0], [], "")
    path = store.root / "bad" / f"{profiles[0].version}.json"
    if callable(content):
        content = json.dumps(content(json.loads(path.read_text()))).encode()
    path.write_bytes(content)
    with pytest.raises(ProfileCorrupt, match="'bad'"):
        store.card("bad")
    assert store.card("good").vehicle == "good"
    assert store.names() == ["bad", "good"]
    store.delete("bad")
    assert store.names() == ["good"]


def test_a_pointer_that_names_no_version_is_no_way_out(store, profiles):
    store.put("car", profiles[0], [], "")
    (store.root / "car" / "current").write_text("../../secret")
    with pytest.raises(ProfileCorrupt, match="names no version"):
        store.load("car")


def test_a_vehicle_that_is_deleted_while_it_is_read_is_not_called_corrupt(
    store, profiles, monkeypatch
):
    load = VehicleProfile.load

    def deleted_before(path):
        store.delete("car")
        return load(path)

    store.put("car", profiles[0], [], "")
    monkeypatch.setattr(VehicleProfile, "load", staticmethod(deleted_before))
    with pytest.raises(NoVehicle):
        store.load("car")


def test_a_version_that_is_pruned_while_it_is_read_is_not_called_corrupt(
    tmp_path, profiles, monkeypatch
):
    store, load = ProfileStore(tmp_path, keep=1), VehicleProfile.load

    def pruned_before(path):
        if path.exists():
            store.put("car", profiles[1], [], "")
        return load(path)

    store.put("car", profiles[0], [], "")
    with monkeypatch.context() as patched:
        patched.setattr(VehicleProfile, "load", staticmethod(pruned_before))
        assert store.load("car").version == profiles[1].version
    with pytest.raises(NotFound, match="has no version"):
        store.load("car", profiles[0].version)


def test_another_process_that_writes_is_waited_for(store, profiles):
    store.put("car", profiles[0], [], "")
    deleting = threading.Thread(target=store.delete, args=("car",))
    with (store.root / ".lock").open("ab") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        deleting.start()
        deleting.join(0.2)
        assert "car" in store
    deleting.join()
    assert "car" not in store


def test_enrolling_and_deleting_at_once_leaves_a_vehicle_or_none(store, profiles):
    def put():
        for _ in range(10):
            store.put("car", profiles[0], [], "")

    writers = [threading.Thread(target=put) for _ in range(3)]
    for writer in writers:
        writer.start()
    while any(writer.is_alive() for writer in writers):
        with suppress(NoVehicle):
            store.delete("car")
    if "car" in store:
        assert store.load("car").version == store.card("car").version

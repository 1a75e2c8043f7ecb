"""Vehicles from the command line: in the local store, or at a service."""

import json

import numpy as np
import pytest
from service_kit import driving, running

from ml.can.frames import Frames
from ml.can.profiles.store import ProfileStore
from ml.can.writers import write_log


@pytest.fixture
def log(tmp_path):
    return write_log(driving(), tmp_path / "drive.log")


@pytest.fixture
def store(cli):
    return ProfileStore(cli.home / "vehicles")


def test_a_vehicle_is_enrolled_listed_shown_and_deleted(cli, store, log):
    assert cli("enrol", "my-car", log) == 0, cli.err
    version = store.current("my-car")
    frames = driving()
    for told in (
        "my-car",
        version,
        "from drive.log",
        f"{len(frames)} frames",
        "only 5.0",
        "warning",
    ):
        assert told in cli.out
    assert cli("vehicles", "list") == 0
    assert "my-car" in cli.out
    assert version in cli.out
    assert cli("vehicles", "show", "my-car") == 0
    for can_id in np.unique(frames.can_id):
        assert f"{can_id:03X}" in cli.out
    assert "constant" in cli.out
    assert cli("vehicles", "delete", "my-car") == 0
    assert store.names() == []
    assert cli("vehicles", "show", "my-car") == 2
    assert "No vehicle 'my-car'" in cli.error


def test_json_is_the_services(cli, store, log):
    card = cli.json("enrol", "car", log, "--json")
    assert card["version"] == store.current("car")
    assert cli.json("vehicles", "list", "--json")["vehicles"][0]["version"] == card["version"]
    shown = cli.json("vehicles", "show", "car", "--json")
    assert len(shown["learnt"]["ids"]) == shown["ids"]


def test_a_service_learns_the_same_from_several_logs_as_the_local_store(cli, tmp_path, log):
    other = write_log(driving(split="test"), tmp_path / "other.parquet")
    words = ("enrol", "car", log, other, "--seconds", "4", "--json")
    here = cli.json(*words)
    with running(tmp_path / "service") as service:
        url = ("--url", str(service.client.base_url))
        there = cli.json(*words, *url)
        assert there["source"] == here["source"] == "drive.log, other.parquet"
        assert (there["frames"], there["ids"]) == (here["frames"], here["ids"])
        assert there["seconds"] == pytest.approx(here["seconds"])
        assert round(here["seconds"]) == 8
        assert cli("vehicles", "list", *url) == 0
        assert there["version"] in cli.out
        assert cli("vehicles", "show", "car", *url) == 0
        assert "constant" in cli.out
        assert cli("vehicles", "delete", "car", *url) == 0
        assert service.client.get("/vehicles").json()["vehicles"] == []


@pytest.mark.parametrize("remote", [False, True])
def test_traffic_that_will_not_do_is_refused_with_what_was_found(cli, store, tmp_path, remote):
    short = write_log(driving()[:900], tmp_path / "short.parquet")
    attacked = write_log(driving(attack="DoS"), tmp_path / "attacked.parquet")
    with running(tmp_path / "service") as service:
        url = ("--url", str(service.client.base_url)) if remote else ()
        for log, wrong in ((short, "seconds of traffic"), (attacked, "labelled as attacks")):
            assert cli("enrol", "car", log, "--accept-findings", *url) == 2
            assert wrong in cli.error
            assert "refusal" in cli.out
        assert service.client.get("/vehicles").json()["vehicles"] == []
    assert store.names() == []


def test_traffic_that_looks_attacked_is_taken_if_the_operator_insists(cli, store, tmp_path):
    attacked = driving(attack="DoS")
    columns = (attacked.timestamp, attacked.can_id, attacked.flags, attacked.length)
    log = write_log(Frames(*columns, attacked.payload), tmp_path / "odd.parquet")
    assert cli("enrol", "car", log) == 2
    assert "accept the findings" in cli.error
    assert cli("enrol", "car", log, "--accept-findings") == 0
    assert "refusal" in cli.out
    assert store.names() == ["car"]


@pytest.mark.parametrize(
    ("words", "wrong", "remedy"),
    [
        ("enrol ../car LOG", "names no vehicle", "letters"),
        ("enrol car nowhere.log", "no file nowhere.log", "path"),
        ("enrol car LOG --seconds 0.1", "200 frames", "30 seconds"),
        ("enrol car LOG --url http://127.0.0.1:9", "No service answers", "canfuse up"),
        ("vehicles show boat", "No vehicle 'boat'", "canfuse enrol boat"),
        ("vehicles show ../boat", "names no vehicle", "letters"),
        ("vehicles delete boat", "No vehicle 'boat'", "canfuse enrol boat"),
        ("vehicles delete ../boat", "names no vehicle", "letters"),
        ("vehicles list --url nonsense", "no address", "http://"),
    ],
)
def test_it_is_refused(cli, log, words, wrong, remedy):
    assert cli(*(log if word == "LOG" else word for word in words.split())) in (1, 2)
    assert wrong in cli.error
    assert remedy in cli.error
    assert not cli.home.exists() or not list(cli.home.rglob("*"))


def test_a_damaged_vehicle_is_told_in_the_list(cli, store, log):
    for name in ("good", "bad"):
        assert cli("enrol", name, log) == 0
    card = next((store.root / "bad").glob("*.json"))
    card.write_text(json.dumps({"vehicle": "bad"}))
    assert cli("vehicles", "list") == 0
    assert "good" in cli.out
    assert "'bad' is corrupt" in cli.err
    assert "Enrol it again" in cli.err

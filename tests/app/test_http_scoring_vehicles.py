"""Traffic is seen relative to the profile of its vehicle, and the answer says of which."""

import numpy as np
import pytest
from service_kit import OWN_CAR as OWN
from service_kit import as_columns, driving, publish, running, until

from ml.can.frames import Frames
from ml.can.profiles import learn_profile
from ml.releases import ReleaseStore


@pytest.fixture(scope="module")
def serving(tmp_path_factory):
    """A service with a release in production and one vehicle enrolled."""
    home = tmp_path_factory.mktemp("home")
    publish_half_alarmed(ReleaseStore(home / "releases"), tmp_path_factory.mktemp("bundles"))
    with running(home, data_dirs=()) as service:
        until(lambda: service.client.get("/aliases").json()["in_use"])
        enrol(service, "mine", driving()).raise_for_status()
        yield service


def publish_half_alarmed(store, folder):
    """Publish a release that, whatever it scores, flags about half of the attacked traffic."""
    scorer = store.load(publish(store, folder / "any", alias=None))
    scores = scorer.score_frames(attacked(), learn_profile([driving()]))
    publish(store, folder / "half", threshold=float(np.median(scores.fused_score)))


def attacked():
    return driving(split="test", attack="fuzzing")


def enrol(service, vehicle, frames, query=""):
    return service.client.put(f"/vehicles/{vehicle}/profile{query}", json=as_columns(frames))


def score(service, query="", frames: Frames | None = None):
    body = as_columns(driving(split="test") if frames is None else frames)
    return service.client.post(f"/score{query}", json=body)


def seen(service, query="", frames: Frames | None = None):
    answer = score(service, query, frames)
    assert answer.status_code == 200, answer.text
    return answer.json()["vehicle"]


def test_the_traffic_of_an_enrolled_vehicle_is_seen_relative_to_its_profile(serving):
    version = serving.client.get("/vehicles/mine").json()["version"]
    assert seen(serving, "?vehicle=mine") == {
        "id": "mine",
        "profile": version,
        "enrolled": True,
        "known_frames": 1.0,
        "note": None,
    }
    birch = seen(serving, f"?vehicle={OWN}")
    assert birch["profile"] != version
    mine, other = (score(serving, f"?vehicle={v}").json() for v in ("mine", OWN))
    assert mine["anomaly_score"] != other["anomaly_score"]


def test_the_releases_own_cars_need_no_enrolment(serving):
    told = seen(serving, f"?vehicle={OWN}", driving(split="test", vehicle=OWN))
    assert (told["id"], told["enrolled"], told["known_frames"]) == (OWN, False, 1.0)
    assert "not enrolled here" in told["note"]
    assert serving.store.resolve("production") in told["note"]
    listed = serving.client.get("/vehicles").json()
    assert listed["release"] == {
        "release": serving.store.resolve("production"),
        "vehicles": [OWN],
    }


def test_an_enrolled_vehicle_comes_before_the_releases_own_of_that_name(serving):
    own = seen(serving, f"?vehicle={OWN}")
    enrol(serving, OWN, driving()).raise_for_status()
    told = seen(serving, f"?vehicle={OWN}")
    assert told["profile"] != own["profile"]
    assert (told["enrolled"], told["note"]) == (True, None)
    serving.client.delete(f"/vehicles/{OWN}").raise_for_status()
    assert seen(serving, f"?vehicle={OWN}") == own


def test_traffic_that_hardly_fits_the_named_vehicle_is_noted(serving):
    told = seen(serving, "?vehicle=mine", driving(vehicle=OWN))
    assert told["enrolled"]
    assert told["known_frames"] < 0.9
    assert f"Only {told['known_frames']:.0%}" in told["note"]
    assert "enrol the car" in told["note"]


def test_an_unenrolled_car_is_never_silently_scored_as_if_it_were(serving):
    told = seen(serving)
    assert (told["id"], told["enrolled"]) == (OWN, False)
    assert told["known_frames"] < 1
    assert "No vehicle was named" in told["note"]
    assert "enrol the car" in told["note"]


def test_an_operator_may_refuse_unenrolled_cars(tmp_path):
    publish(ReleaseStore(tmp_path / "releases"), tmp_path / "bundles")
    with running(tmp_path, unenrolled="refuse") as service:
        until(lambda: service.client.get("/aliases").json()["in_use"])
        refused = score(service)
        assert (refused.status_code, refused.json()["type"]) == (422, "/problems/vehicle-needed")
        assert "canfuse enrol" in refused.json()["hint"]
        assert "not enrolled here" in seen(service, f"?vehicle={OWN}")["note"]
        ready = service.client.post("/score", json={"anomaly_score": [0.5], "gat_prob": [0.5]})
        assert ready.json()["vehicle"] is None


@pytest.mark.parametrize("name", ["boat", "..", "../mine", "%2Fetc", "x" * 100, "", "mine%0A", "ä"])
def test_an_unknown_vehicle_is_refused_with_the_known_ones(serving, name):
    answer = score(serving, f"?vehicle={name}")
    assert (answer.status_code, answer.json()["type"]) == (404, "/problems/no-vehicle")
    assert answer.json()["known"] == [OWN, "mine"]
    assert "birch, mine" in answer.json()["hint"]
    assert "canfuse enrol" in answer.json()["hint"]


def test_enrolling_again_is_felt_at_once_whoever_does_it(serving):
    before = seen(serving, "?vehicle=mine")["profile"]
    shorter = enrol(serving, "mine", driving(), "?seconds=4").json()["version"]
    assert seen(serving, "?vehicle=mine")["profile"] == shorter != before
    folder = serving.settings.workspace.vehicles / "mine"
    (folder / "current").write_text(before)  # as another process would
    assert seen(serving, "?vehicle=mine")["profile"] == before


def test_a_forged_profile_spoils_no_other_vehicle(serving):
    enrol(serving, "bad", driving()).raise_for_status()
    folder = serving.settings.workspace.vehicles / "bad"
    next(folder.glob("*.safetensors")).write_bytes(b"\x00" * 1000)
    answer = score(serving, "?vehicle=bad")
    assert (answer.status_code, answer.json()["type"]) == (409, "/problems/profile-corrupt")
    assert seen(serving, "?vehicle=mine")["known_frames"] == 1.0
    serving.client.delete("/vehicles/bad").raise_for_status()
    assert score(serving, "?vehicle=bad").status_code == 404


def test_ready_made_scores_need_no_vehicle_and_have_no_explanation(serving):
    body = {"anomaly_score": [0.2, 0.9], "gat_prob": [0.1, 0.8]}
    answer = serving.client.post("/score", json=body).json()
    assert answer["vehicle"] is None
    assert answer["explanations"] is None
    refused = serving.client.post("/score?explain=true", json=body)
    assert refused.status_code == 422
    assert "Send the frames" in refused.json()["hint"]


def test_the_strongest_flagged_windows_are_explained_on_request(serving):
    plain = score(serving, "?vehicle=mine", attacked()).json()
    told = score(serving, "?vehicle=mine&explain=true", attacked()).json()
    assert plain["explanations"] is None
    assert told["is_attack"] == plain["is_attack"]
    flagged = [w for w, attack in enumerate(told["is_attack"]) if attack]
    assert flagged
    explained = [e["window"] for e in told["explanations"]]
    strongest = sorted(flagged, key=lambda w: told["fused_score"][w], reverse=True)[:20]
    assert sorted(told["fused_score"][w] for w in explained) == sorted(
        told["fused_score"][w] for w in strongest
    )


def test_a_kind_of_attack_is_told_for_flagged_windows_only(serving):
    told = score(serving, "?vehicle=mine", attacked()).json()
    for kind, attack in zip(told["attack_kind"], told["is_attack"], strict=True):
        assert (kind is None) == (not attack)

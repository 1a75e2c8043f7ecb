"""Vehicles are enrolled, shown and forgotten; what will not do is refused with its reasons."""

from xml.etree import ElementTree as ET

import numpy as np
import pytest
from service_kit import as_columns, driving, running

from ml.can.frames import Frames
from ml.can.writers import write_log

PARQUET = {"Content-Type": "application/vnd.apache.parquet"}
TEXT = {"Content-Type": "text/plain"}
ARROW = {"Content-Type": "application/vnd.apache.arrow.file"}
NAN = '{"timestamp": [0.0, NaN], "id": [1, 1], "data": ["", ""]}'


@pytest.fixture(scope="module")
def log(tmp_path_factory):
    """Five seconds of driving, which is short but will do, in a file of each form."""
    folder = tmp_path_factory.mktemp("logs")
    return {
        suffix: write_log(driving(), folder / f"drive{suffix}").read_bytes()
        for suffix in (".parquet", ".arrow", ".log")
    }


@pytest.fixture(autouse=True)
def _forgotten_afterwards(service):
    yield
    for vehicle in known(service):
        service.client.delete(f"/vehicles/{vehicle}")


@pytest.fixture
def enrolled(service, log):
    """The service with one vehicle."""
    put(service, "car", content=log[".parquet"], headers=PARQUET)
    return service


def put(service, vehicle="car", query="", **body):
    return service.client.put(f"/vehicles/{vehicle}/profile{query}", **body)


def known(service):
    return [card["vehicle"] for card in service.client.get("/vehicles").json()["vehicles"]]


def part(frames: Frames, seconds: float) -> Frames:
    return frames[: int(np.searchsorted(frames.timestamp, frames.timestamp[0] + seconds))]


def test_a_vehicle_is_enrolled_with_traffic_in_any_form(enrolled, log):
    forms = [
        put(enrolled, "a", content=log[".parquet"], headers=PARQUET),
        put(enrolled, "b", content=log[".arrow"], headers=ARROW),
        put(enrolled, "c", content=log[".log"], headers=TEXT),
        put(enrolled, "d", json=as_columns(driving())),
    ]
    assert [answer.status_code for answer in forms] == [201] * 4
    cards = [answer.json() for answer in forms]
    assert len({card["version"] for card in cards}) == 1
    assert [card["log"] and card["log"]["format"] for card in cards] == [
        *("parquet", "arrow", "candump", None),
    ]
    assert known(enrolled) == ["a", "b", "c", "car", "d"]


def test_the_card_tells_what_was_learnt_from(enrolled):
    frames = driving()
    shown = enrolled.client.get("/vehicles/car").json()
    assert shown["frames"] == len(frames)
    assert shown["ids"] == len(np.unique(frames.arbitration))
    assert shown["seconds"] == pytest.approx(5, abs=0.1)
    assert shown["frame_rate"] == pytest.approx(len(frames) / shown["seconds"])
    assert shown["source"] == "parquet log"
    assert "too-short" in {finding["code"] for finding in shown["findings"]}
    assert {finding["severity"] for finding in shown["findings"]} == {"warning"}
    assert [version["version"] for version in shown["versions"]] == [shown["version"]]
    assert enrolled.client.get(shown["links"]["profile"]).json()["version"] == shown["version"]


def test_enrolling_again_replaces_the_profile_and_keeps_the_old_one(enrolled):
    before = enrolled.client.get("/vehicles/car").json()["version"]
    again = put(enrolled, query="?seconds=3&source=a+shorter+drive", json=as_columns(driving()))
    assert again.status_code == 200
    shown = enrolled.client.get("/vehicles/car").json()
    assert shown["version"] == again.json()["version"] != before
    assert (shown["source"], round(shown["seconds"])) == ("a shorter drive", 3)
    assert [version["version"] for version in shown["versions"]] == [shown["version"], before]
    old = enrolled.client.get(f"/vehicles/car/profile?version={before}").json()
    assert round(old["seconds"]) == 5
    gone = enrolled.client.get(f"/vehicles/car/profile?version={'0' * 16}")
    assert gone.status_code == 404


def test_what_was_learnt_of_each_identifier_can_be_read(enrolled):
    learnt = enrolled.client.get("/vehicles/car/profile").json()
    frames = driving()
    assert sum(row["frames"] for row in learnt["ids"]) == len(frames)
    for row in learnt["ids"]:
        own = frames[frames.can_id == int(row["id"], 16)]
        assert row["period"] == pytest.approx(np.median(np.diff(own.timestamp)), rel=0.01)
        assert row["lengths"] == sorted(set(own.length.tolist()))
        assert len(row["bytes"]) == max(row["lengths"])
        for place, byte in enumerate(row["bytes"]):
            column = own.payload[:, place]
            assert (byte["low"], byte["high"]) == (column.min(), column.max())
            assert byte["values"] == len(np.unique(column))
            assert (byte["kind"] == "constant") == (byte["values"] == 1)
    kinds = {byte["kind"] for row in learnt["ids"] for byte in row["bytes"]}
    assert {"constant", "counter", "sensor"} <= kinds
    assert any(row["checksum"] for row in learnt["ids"])


def test_what_was_learnt_can_be_looked_at(enrolled):
    answer = enrolled.client.get(enrolled.client.get("/vehicles/car").json()["links"]["picture"])
    assert answer.headers["content-type"] == "image/svg+xml"
    described = enrolled.client.get("/openapi.json").json()["paths"]["/vehicles/{vehicle}/picture"]
    assert list(described["get"]["responses"]["200"]["content"]) == ["image/svg+xml"]
    drawn = ET.fromstring(answer.text)  # noqa: S314 - from our own service
    told = "".join(drawn.itertext())
    for row in enrolled.client.get("/vehicles/car/profile").json()["ids"]:
        assert row["id"] in told
    assert "script" not in answer.text


def test_traffic_that_is_too_short_is_refused_even_if_findings_are_accepted(service):
    short = as_columns(part(driving(), 0.8))
    for query in ("", "?accept_findings=true"):
        answer = put(service, query=query, json=short)
        assert (answer.status_code, answer.json()["type"]) == (422, "/problems/enrolment-refused")
        assert answer.json()["findings"][0]["code"] == "too-short"
        assert "0.8 seconds" in answer.json()["detail"]
        assert "accept" not in answer.json()["hint"]
    assert known(service) == []


def test_traffic_with_labelled_attacks_is_refused(service, tmp_path):
    frames = driving(attack="DoS")
    body = write_log(frames, tmp_path / "attacked.parquet").read_bytes()
    answer = put(service, query="?accept_findings=true", content=body, headers=PARQUET)
    assert answer.status_code == 422
    assert f"{frames.label.sum()} frames are labelled as attacks" in answer.json()["detail"]
    assert known(service) == []


def test_traffic_that_looks_attacked_is_refused_unless_the_findings_are_accepted(service):
    attacked = as_columns(driving(attack="DoS"))  # columns carry no labels
    refused = put(service, json=attacked)
    assert (refused.status_code, refused.json()["type"]) == (422, "/problems/enrolment-refused")
    assert "`accept_findings`, `--accept-findings`" in refused.json()["hint"]
    assert known(service) == []
    accepted = put(service, query="?accept_findings=true", json=attacked)
    assert accepted.status_code == 201
    assert "refusal" in {finding["severity"] for finding in accepted.json()["findings"]}


@pytest.mark.parametrize(
    ("body", "status", "told"),
    [
        ({"content": b"", "headers": PARQUET}, 422, "empty"),
        ({"content": b"", "headers": {"Content-Type": "application/json"}}, 422, "body"),
        ({"content": b"PAR1xx", "headers": PARQUET}, 422, "Parquet"),
        ({"content": b"hello\nworld\n", "headers": TEXT}, 422, "no known log format"),
        ({"content": b"x", "headers": {"Content-Type": "image/png"}}, 415, "image/png"),
        ({"content": b"x"}, 415, "missing"),
        ({"content": NAN, "headers": {"Content-Type": "application/json"}}, 422, "timestamp.1"),
        ({"json": {"anomaly_score": [0.5], "gat_prob": [0.5]}}, 422, "timestamp"),
        ({"json": {"timestamp": [], "id": [], "data": []}}, 422, "empty"),
        ({"json": {"timestamp": [0.0], "id": [1], "data": ["00"]}}, 422, "only 1"),
        ({"json": {"timestamp": [0.0], "id": [1, 2], "data": ["00"]}}, 422, "differ in length"),
        ({"json": []}, 422, "body"),
    ],
)
def test_a_body_that_holds_no_traffic_is_refused_with_the_reason(service, body, status, told):
    answer = put(service, **body)
    assert (answer.status_code, answer.json()["status"]) == (status, status)
    assert told in answer.json()["detail"]
    assert known(service) == []


@pytest.mark.parametrize("name", ["..%2Fx", "%2E%2E", "-a", "ä", "x" * 65, "a%20b", ".a", "a%0A"])
def test_a_name_that_is_none_is_refused(service, log, name):
    answers = [
        put(service, name, content=log[".parquet"], headers=PARQUET),
        service.client.get(f"/vehicles/{name}"),
        service.client.get(f"/vehicles/{name}/profile"),
        service.client.delete(f"/vehicles/{name}"),
    ]
    assert {answer.status_code for answer in answers} <= {404, 405, 422}
    assert known(service) == []


def test_an_unknown_vehicle_is_not_found_and_the_known_ones_are_named(enrolled):
    for method, path in (("GET", ""), ("GET", "/profile"), ("DELETE", "")):
        answer = enrolled.client.request(method, f"/vehicles/boat{path}")
        assert (answer.status_code, answer.json()["type"]) == (404, "/problems/no-vehicle")
        assert "there are car" in answer.json()["detail"]
        assert "PUT /vehicles/boat/profile" in answer.json()["hint"]


def test_a_deleted_vehicle_is_forgotten_with_all_its_versions(enrolled):
    assert enrolled.client.delete("/vehicles/car").status_code == 204
    assert known(enrolled) == []
    assert enrolled.client.get("/vehicles/car").status_code == 404
    assert [p.name for p in enrolled.settings.workspace.vehicles.iterdir()] == [".lock"]


def test_a_forged_profile_is_told_and_nothing_else_breaks(enrolled, log):
    put(enrolled, "bad", content=log[".parquet"], headers=PARQUET)
    folder = enrolled.settings.workspace.vehicles / "bad"
    for file in folder.glob("*.*"):
        file.write_bytes(b"\x00forged")
    listed = enrolled.client.get("/vehicles").json()
    assert [card["vehicle"] for card in listed["vehicles"]] == ["car"]
    assert [card["vehicle"] for card in listed["unreadable"]] == ["bad"]
    for path in ("/vehicles/bad", "/vehicles/bad/profile"):
        answer = enrolled.client.get(path)
        assert (answer.status_code, answer.json()["type"]) == (409, "/problems/profile-corrupt")
        assert "Enrol the vehicle again" in answer.json()["hint"]
    assert enrolled.client.get("/vehicles/car/profile").status_code == 200
    assert put(enrolled, "bad", content=log[".parquet"], headers=PARQUET).status_code == 200
    assert enrolled.client.get("/vehicles/bad/profile").status_code == 200


def test_pauses_of_the_bus_separate_recordings(service):
    """Two drives in one body, long apart: nothing is learnt across."""
    frames = driving()
    later = Frames.concat([frames, driving(split="test")])
    later.timestamp[len(frames) :] += 1000
    put(service, json=as_columns(later)).raise_for_status()
    shown = service.client.get("/vehicles/car").json()
    assert round(shown["seconds"]) == 10


def test_vehicles_outlive_the_service_and_a_bad_line_can_be_dropped(tmp_path, log):
    body = log[".log"] + b"(9999.0) can0 what is this\n"
    with running(tmp_path) as service:
        assert put(service, content=body, headers=TEXT).status_code == 422
        answer = put(service, query="?lenient=true", content=body, headers=TEXT)
        assert (answer.status_code, answer.json()["log"]["dropped"]) == (201, 1)
    with running(tmp_path) as service:
        assert known(service) == ["car"]

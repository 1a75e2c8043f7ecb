"""Whatever is sent, the answer is an answer, and the service lives on."""

import json
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from service_kit import until

NAMES = ["anomaly_score", "gat_prob", "timestamp", "id", "data", "extended", "steps", "labels", "x"]
ATOMS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9)
VALUES = st.recursive(
    ATOMS, lambda v: st.lists(v, max_size=4) | st.dictionaries(st.text(max_size=3), v, max_size=3)
)
BODIES = st.dictionaries(st.sampled_from(NAMES), VALUES | st.lists(ATOMS, max_size=25)) | VALUES
FRAME = {"timestamp": [0.0], "id": [1], "data": ["00"]}
FEW = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.fixture(autouse=True)
def _release_in_use(scoring_service):
    until(lambda: scoring_service.client.get("/aliases").json()["in_use"])


def check(answer):
    assert answer.status_code < 500, answer.text
    if answer.status_code >= 400:
        problem = answer.json()
        assert problem["status"] == answer.status_code
        assert problem["detail"]


@FEW
@given(body=BODIES, path=st.sampled_from(["/score", "/jobs/rehearse", "/jobs/fusion"]))
def test_any_json_is_answered(scoring_service, body, path):
    headers = {"Content-Type": "application/json"}
    check(scoring_service.client.post(path, content=json.dumps(body), headers=headers))
    vehicle = "/vehicles/car/profile"
    check(scoring_service.client.put(vehicle, content=json.dumps(body), headers=headers))


@FEW
@given(body=st.binary(max_size=200), media=st.sampled_from(["text/csv", "application/json"]))
def test_any_bytes_are_answered(scoring_service, body, media):
    headers = {"Content-Type": media}
    check(scoring_service.client.post("/score", content=body, headers=headers))
    check(scoring_service.client.put("/vehicles/car/profile", content=body, headers=headers))


@FEW
@given(text=st.text(min_size=1, max_size=30))
def test_any_name_is_answered(scoring_service, text):
    client = scoring_service.client
    for path in (
        "/jobs/{}",
        "/releases/{}",
        "/datasets/{}",
        "/presets/{}",
        "/problems/{}",
        "/vehicles/{}",
    ):
        check(client.get(path.format(quote(text, safe="")), follow_redirects=True))
    check(client.delete(f"/vehicles/{quote(text, safe='')}"))
    check(client.post("/score", params={"vehicle": text}, json=FRAME))
    check(client.get("/jobs", params={"label": text, "kind": text, "cursor": text}))

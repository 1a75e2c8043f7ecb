import json
import threading
import time

import numpy as np
import pytest
from service_kit import as_columns, publish, running, traffic, until

SCORES = {"anomaly_score": [0.2, 0.9], "gat_prob": [0.1, 0.8]}


@pytest.fixture
def running_service(tmp_path):
    with running(tmp_path / "home") as service:
        yield service


def in_use(service):
    return service.client.get("/aliases").json()["in_use"]


def test_releases_come_and_go_while_requests_flow_and_no_request_fails(running_service, tmp_path):
    service = running_service
    first = publish(service.store, tmp_path, seed=1)
    until(lambda: in_use(service) == first)
    enough, answers, body = threading.Event(), [], as_columns(traffic())

    def ask():
        while not enough.is_set():
            began = time.monotonic()
            answer = service.client.post("/score", json=body)
            answers.append((began, answer.status_code, answer.json().get("release")))

    def until_answered_by(release):
        until(lambda: release in {r for _, _, r in answers[-3:]})

    askers = [threading.Thread(target=ask) for _ in range(3)]
    for asker in askers:
        asker.start()
    try:
        until_answered_by(first)
        others = [publish(service.store, tmp_path, seed=seed) for seed in (2, 3)]
        until_answered_by(others[-1])
        service.client.put("/aliases/production", json={"release": first}).raise_for_status()
        a_second_later = time.monotonic() + 1
        until(lambda: sum(began > a_second_later for began, _, _ in answers) >= 6)
    finally:
        enough.set()
        for asker in askers:
            asker.join()
    assert {status for _, status, _ in answers} == {200}
    assert {release for _, _, release in answers} <= {first, *others}
    assert {release for began, _, release in answers if began > a_second_later} == {first}


def test_a_corrupt_release_is_refused_and_the_old_one_serves_on(running_service, tmp_path):
    """Guarantee: a corrupt release is refused, and the one in use keeps serving."""
    service = running_service
    good = publish(service.store, tmp_path, seed=1)
    until(lambda: in_use(service) == good)
    bad = publish(service.store, tmp_path, seed=2, alias=None)
    (service.store.path(bad) / "gat.safetensors").write_bytes(b"rotten")
    refused = service.client.put("/aliases/production", json={"release": bad})
    assert refused.status_code == 409
    assert refused.json()["type"] == "/problems/release-corrupt"
    service.store.point("production", bad)
    told = until(lambda: service.client.get("/aliases").json()["refused"])
    assert "corrupt" in told
    assert service.client.post("/score", json=SCORES).json()["release"] == good
    assert bad in service.client.get("/readyz").json()["checks"]["release"]["detail"]


def test_a_release_that_cannot_score_does_not_get_into_production(running_service, tmp_path):
    service = running_service
    good = publish(service.store, tmp_path, seed=1)
    until(lambda: in_use(service) == good)
    experts = publish(service.store, tmp_path, seed=2, alias=None, kind="experts")
    refused = service.client.put("/aliases/production", json={"release": experts})
    assert refused.status_code == 409
    assert "experts only" in refused.json()["detail"]
    assert service.client.put("/aliases/experts", json={"release": experts}).status_code == 200
    assert service.store.resolve("production") == in_use(service) == good


def test_a_release_made_by_a_newer_version_is_refused(running_service, tmp_path):
    service = running_service
    version = publish(service.store, tmp_path, alias=None)
    manifest = service.store.path(version) / "manifest.json"
    manifest.write_text(json.dumps({**json.loads(manifest.read_text()), "schema_version": 99}))
    answer = service.client.put("/aliases/production", json={"release": version})
    assert answer.status_code == 422
    assert answer.json()["type"] == "/problems/release-too-new"
    service.store.point("production", version)
    problem = until(
        lambda: (a := service.client.post("/score", json=SCORES)).status_code == 404 and a.json()
    )
    assert problem["type"] == "/problems/no-release"
    until(lambda: "layout 99" in service.client.post("/score", json=SCORES).json()["detail"])


def test_a_request_may_name_a_release_by_version_or_alias(running_service, tmp_path):
    service = running_service
    publish(service.store, tmp_path, seed=1)
    other = publish(service.store, tmp_path, seed=2, alias="candidate")
    for reference in (other, other[:8], "candidate"):
        answer = service.client.post(f"/score?release={reference}", json=SCORES)
        assert answer.json()["release"] == other


def test_scoring_ends_when_the_alias_is_gone(running_service, tmp_path):
    service = running_service
    publish(service.store, tmp_path)
    until(lambda: in_use(service))
    (service.store.root / "aliases" / "production").unlink()
    until(lambda: service.client.post("/score", json=SCORES).status_code == 404)
    assert in_use(service) is None


def test_releases_are_listed_with_their_aliases_and_reports(scoring_service):
    version = scoring_service.store.resolve("production")
    listed = scoring_service.client.get("/releases").json()
    assert [(r["version"], r["aliases"], r["kind"]) for r in listed] == [
        (version, ["production"], "fusion")
    ]
    report = scoring_service.client.get(listed[0]["links"]["report"])
    assert report.text.startswith("<h1>Report</h1>")
    assert "img-src 'self'" in report.headers["Content-Security-Policy"]
    assert "script-src" not in report.headers["Content-Security-Policy"]


def test_a_card_holds_the_manifest_and_the_policys_heat_map(scoring_service):
    card = scoring_service.client.get("/releases/production").json()
    bundle = scoring_service.store.path("production")
    manifest = json.loads((bundle / "manifest.json").read_text())
    assert {name: card[name] for name in ("version", "files", "window", "threshold")} == {
        name: manifest[name] for name in ("version", "files", "window", "threshold")
    }
    heat_map = np.load(bundle / "policy.npy", allow_pickle=False)
    np.testing.assert_array_equal(np.array(card["policy"]["alpha"], np.float32), heat_map)


def test_a_report_gives_its_pictures_and_nothing_from_outside(scoring_service):
    client = scoring_service.client
    here = client.get("/releases/production").json()["links"]["self"]
    assert client.get(f"{here}/report/policy.png").content == b"picture"
    assert client.get(f"{here}/report").headers["Location"] == f"{here}/report/"
    for path in (
        "../secret",
        "..%2f..%2fcanfuse.db",
        "%2e%2e/%2e%2e/canfuse.db",
        "/etc/passwd",
        "%00",
    ):
        assert client.get(f"{here}/report/{path}").status_code == 404


def test_an_unknown_release_or_a_bad_name_is_a_problem(scoring_service):
    client = scoring_service.client
    assert client.get("/releases/0123456789abcdef").status_code == 404
    assert client.get("/releases/No Such!").status_code == 422
    assert client.put("/aliases/production", json={"release": "nowhere"}).status_code == 404
    assert client.put("/aliases/beef", json={"release": "production"}).status_code == 422
    assert client.put("/aliases/UPPER", json={"release": "production"}).status_code == 422
    assert client.put("/aliases/candidate", json={}).json()["errors"][0]["field"] == "release"

"""Paths that lead out, bombs, pickles and numbers that are none: each answered by a problem."""

import gzip
import http.client
import pickle

import pytest
from service_kit import publish, running, until

from app.problems import PROBLEM_JSON
from ml.releases import ReleaseStore

JSON, LOG = {"Content-Type": "application/json"}, {"Content-Type": "application/octet-stream"}
GZIP = {"Content-Encoding": "gzip"}
OUTSIDE = (
    "../../service.log",
    "%2e%2e/%2e%2e/x",
    "..%2f..%2fx",
    "/etc/passwd",
    "..%5c..%5cx",
    "%00",
)
PLACES = (
    "/jobs/{job}/artifacts/{out}", "/releases/production/report/{out}", "/releases/{out}",
    "/vehicles/{out}/profile", "/datasets/{out}", "/presets/{out}",
)  # fmt: skip
SCORES = b'{"anomaly_score": [%b], "gat_prob": [0.5]}'


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    home = tmp_path_factory.mktemp("home")
    publish(ReleaseStore(home / "releases"), tmp_path_factory.mktemp("bundles"), report=True)
    (home / "service.log").write_text("secret")
    with running(home, data_dirs=(), max_log_bytes=1 << 20, max_columns_bytes=1 << 20) as service:
        until(lambda: service.client.get("/aliases").json()["in_use"])
        yield service


@pytest.fixture(scope="module")
def job(service):
    return service.client.post("/jobs/rehearse", json={}).json()["id"]


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("out", OUTSIDE)
def test_no_path_leads_out(service, job, place, out):
    url = service.client.base_url
    connection = http.client.HTTPConnection(url.host, url.port, timeout=20)  # mends no path
    connection.request("GET", place.format(job=job, out=out))
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    assert answer.status in {307, 404, 422}
    assert b"secret" not in body
    assert b"root:" not in body
    assert answer.status == 307 or answer.headers["Content-Type"] == PROBLEM_JSON


@pytest.mark.parametrize(
    ("content", "headers", "status"),
    [
        (gzip.compress(b"0" * (64 << 20)), LOG | GZIP, 413),
        (gzip.compress(b" " * (64 << 20)), JSON | GZIP, 413),
        (gzip.compress(b"(1.0) can0 123#00\n" * 100)[:-20], LOG | GZIP, 400),
        (pickle.dumps({"anomaly_score": [0.5]}), LOG, 422),
        (b"\x80\x04\x95cos\nsystem\n(S'id'\ntR.", JSON, 422),
        (b"PK\3\4" + b"\0" * 100, LOG, 422),
        (b"\x93NUMPY\1\0" + b"\0" * 100, LOG, 422),
        (b"[" * 100_000, JSON, 422),
        (b'{"a":' * 100_000, JSON, 422),
        (SCORES % b"NaN", JSON, 422),
        (SCORES % b"Infinity", JSON, 422),
        (SCORES % b"1e999", JSON, 422),
        (SCORES % (b"9" * 5000), JSON, 422),
        (b'{"timestamp": [1e308], "id": [1], "data": ["00"]}', JSON, 422),
        (b'{"timestamp": [0], "id": [%b], "data": ["00"]}' % (b"9" * 400), JSON, 422),
        (b'{"timestamp": [0], "id": [1], "data": ["%b"]}' % (b"00" * 10_000), JSON, 422),
        (b'{"timestamp": [0], "id": ["\\ud800"], "data": ["00"]}', JSON, 422),
    ],
)
@pytest.mark.timeout(30)
def test_a_body_made_to_do_harm_is_refused(service, content, headers, status):
    for method, path in (("POST", "/score"), ("PUT", "/vehicles/car/profile")):
        answer = service.client.request(method, path, content=content, headers=headers)
        assert answer.headers["Content-Type"] == PROBLEM_JSON
        assert answer.status_code == status, answer.text
        assert answer.json()["detail"]

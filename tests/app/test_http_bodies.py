"""Bodies that are too large, too many, too slow, or never come to their end."""

import json
import socket

import httpx
import pytest
from service_kit import publish, running, until

from app.keys import ApiKey

SCORES = {"anomaly_score": [0.2, 0.9], "gat_prob": [0.1, 0.8]}
JSON = {"Content-Type": "application/json"}
TEXT = {"Content-Type": "text/plain"}
HEAD = b"POST /jobs/rehearse HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"


def connect(service):
    address = (service.client.base_url.host, service.client.base_url.port)
    return socket.create_connection(address, timeout=20)


def rest(sock):
    return b"".join(iter(lambda: sock.recv(4096), b""))


def test_a_body_over_the_limit_is_refused_whether_it_says_so_or_not(tmp_path):
    def chunks():
        for _ in range(100):
            yield b"x" * 100

    with running(tmp_path, max_body_bytes=1000, max_columns_bytes=2000) as service:
        client, kind = service.client, {"Content-Type": "application/json"}
        assert client.post("/jobs/rehearse", json={"steps": 1}).status_code == 202
        for path, content in (
            ("/jobs/rehearse", b"x" * 1001),
            ("/jobs/rehearse", chunks()),
            ("/score", b"x" * 2001),
            ("/score", chunks()),
            ("/aliases/production", chunks()),
        ):
            method = "PUT" if path.startswith("/aliases") else "POST"
            answer = client.request(method, path, content=content, headers=kind)
            assert (answer.status_code, answer.json()["type"]) == (413, "/problems/body-too-large")
            assert answer.json()["request_id"] == answer.headers["X-Request-ID"]


def test_a_body_that_stops_coming_is_not_waited_for(service, monkeypatch):
    monkeypatch.setattr("app.middleware.body_limit.PAUSE_SECONDS", 0.05)
    with connect(service) as sock:
        sock.sendall(HEAD + b"Content-Length: 100\r\n\r\n{")
        answer = rest(sock)
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b"/problems/body-too-slow" in answer


def test_a_body_that_trickles_in_is_not_waited_for_for_ever(tmp_path):
    with running(tmp_path, body_seconds=0.2) as service, connect(service) as sock:
        sock.sendall(HEAD + b"Content-Length: 100000\r\n\r\n")
        sock.settimeout(0.02)
        answer = b""
        for _ in range(200):
            sock.sendall(b" ")
            try:
                answer = sock.recv(4096)
                break
            except TimeoutError:
                continue
    assert answer.startswith(b"HTTP/1.1 408 ")


def test_bodies_that_are_held_have_a_limit_together_and_give_back_what_they_took(tmp_path):
    with running(tmp_path, max_held_bytes=1000) as service:

        def refused():
            with connect(service) as sock:
                # Should one of ours be held when these arrive, they are refused, and we try again.
                sock.sendall(HEAD + b"Content-Length: 950\r\n\r\n" + b" " * 900)
                for _ in range(20):
                    answer = service.client.post("/jobs/rehearse", content=blank, headers=JSON)
                    if answer.status_code == 429:
                        return answer
            return None

        blank = b" " * 200
        answer = until(refused)
        assert answer.json()["type"] == "/problems/busy"
        assert answer.headers["Retry-After"]
        # The first has gone away, so there is room again.
        until(lambda: service.client.post("/jobs/rehearse", json={}).status_code == 202)


def test_columns_have_a_limit_of_their_own_below_a_logs(tmp_path):
    with running(tmp_path, max_columns_bytes=100, max_log_bytes=1000) as service:
        client, body = service.client, b"x" * 101
        assert client.post("/score", content=body, headers=JSON).status_code == 413
        vehicle = "/vehicles/car/profile"
        assert client.put(vehicle, content=body, headers=JSON).status_code == 413
        assert client.put(vehicle, content=body * 10, headers=TEXT).status_code == 413
        log = client.post("/score", content=body, headers=TEXT)
        assert log.status_code == 404  # there is no release, which is looked for later


def test_more_rows_than_allowed_are_refused_before_they_are_parsed(tmp_path):
    with running(tmp_path / "home", max_rows=3) as service:
        publish(service.store, tmp_path)
        until(lambda: service.client.get("/aliases").json()["in_use"])
        rows = {"anomaly_score": [0.5] * 4, "gat_prob": [0.5] * 4}
        by_count = service.client.post("/score", json=rows)
        unparsed = service.client.post("/score", content=b"," * 24, headers=JSON)
        frames = {"timestamp": [0.5] * 4, "id": [1] * 4, "data": [""] * 4}
        profile = service.client.put("/vehicles/car/profile", json=frames)
    for answer in (by_count, unparsed, profile):
        assert answer.status_code == 422
        assert "over 3 rows" in answer.json()["detail"]


@pytest.mark.parametrize("given", ["nonsense", ";;", "text", "text/plain/x"])
def test_a_content_type_that_is_none_is_refused(service, given):
    answer = service.client.post("/score", content=b"x", headers={"Content-Type": given})
    assert (answer.status_code, answer.json()["type"]) == (415, "/problems/unsupported-media-type")


def test_a_client_that_goes_away_is_no_crash(service, caplog):
    def answered():
        told = service.client.get("/metrics").text
        return [line for line in told.splitlines() if 'status="500"' in line]

    with caplog.at_level("INFO"):
        with connect(service) as sock:
            sock.sendall(HEAD + b"Content-Length: 100\r\n\r\n{")
        until(lambda: "went away" in caplog.text)
    assert "crashed" not in caplog.text
    assert answered() == []


def test_headers_without_end_are_refused(service):
    with connect(service) as sock:
        sock.sendall(b"GET /livez HTTP/1.1\r\nHost: localhost\r\nX-Long: " + b"x" * (80 << 10))
        assert rest(sock).startswith(b"HTTP/1.1 4")


@pytest.mark.parametrize("begun", [b"", HEAD, HEAD + b"Content-Length: 9000\r\n\r\n"])
def test_a_request_that_does_not_come_to_its_end_does_not_keep_a_connection(
    tmp_path, monkeypatch, begun
):
    monkeypatch.setattr("app.protocol.REQUEST_SECONDS", 0.2)
    keys = (ApiKey("nobody", frozenset({"read"}), b"0" * 32),)
    with running(tmp_path, api_keys=keys) as service, connect(service) as sock:
        sock.sendall(begun)
        sock.settimeout(0.02)
        until(lambda: is_over(sock, b"x: y\r\n" if begun else b""))


def is_over(sock, trickle):
    """Whether the other side has closed a connection, asked with some more bytes."""
    try:
        sock.sendall(trickle)
        return not sock.recv(4096)
    except TimeoutError:
        return False
    except OSError:
        return True


def test_what_is_no_http_is_a_problem_with_a_request_id(service):
    with connect(service) as sock:
        sock.sendall(b"HELLO\r\n\r\n")
        head, _, body = rest(sock).partition(b"\r\n\r\n")
    problem = json.loads(body)
    assert head.startswith(b"HTTP/1.1 400 ")
    assert b"application/problem+json" in head
    assert problem["type"] == "/problems/not-http"
    assert f"x-request-id: {problem['request_id']}".encode() in head.lower()


def test_one_connection_too_many_is_a_problem_that_says_when_to_come_back(tmp_path):
    with running(tmp_path, max_connections=2) as service:
        assert service.client.get("/livez").status_code == 200
        with connect(service), httpx.Client(base_url=service.client.base_url) as third:
            answer = until(lambda: (a := third.get("/livez")).status_code == 503 and a)
            assert answer.json()["type"] == "/problems/too-many-connections"
            assert answer.json()["request_id"] == answer.headers["X-Request-ID"]
            assert answer.headers["Retry-After"]
            assert service.client.get("/livez").status_code == 200
        until(lambda: httpx.get(f"{service.client.base_url}/livez").status_code == 200)

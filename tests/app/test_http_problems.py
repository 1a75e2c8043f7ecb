import json
import sqlite3

import httpx
import pytest
from pydantic import ValidationError
from service_kit import running

from app.settings import Settings

PROBLEM = "application/problem+json"


@pytest.mark.parametrize(
    ("method", "path", "status", "slug"),
    [
        ("GET", "/nowhere", 404, "no-such-route"),
        ("GET", "/jobs/x/nowhere", 404, "no-such-route"),
        ("DELETE", "/jobs", 405, "method-not-allowed"),
        ("POST", "/score", 415, "unsupported-media-type"),
        ("GET", "/jobs?limit=x", 422, "invalid-request"),
        ("GET", "/releases/nothing", 404, "no-release"),
        ("GET", "/datasets/nothing", 404, "not-found"),
        ("GET", "/datasets/..%2F..", 404, "no-such-route"),
        ("GET", "/presets/nothing", 404, "not-found"),
        ("GET", "/problems/nothing", 404, "not-found"),
    ],
)
def test_every_error_is_a_problem_whose_type_is_explained(service, method, path, status, slug):
    answer = service.client.request(method, path)
    problem = answer.json()
    assert answer.headers["Content-Type"] == PROBLEM
    assert (answer.status_code, problem["status"], problem["type"]) == (
        status,
        status,
        f"/problems/{slug}",
    )
    assert problem["request_id"] == answer.headers["X-Request-ID"]
    assert problem["instance"] == answer.request.url.path
    explained = service.client.get(problem["type"]).json()
    assert (explained["title"], explained["status"]) == (problem["title"], status)


def test_a_wrong_method_is_told_the_right_ones(service):
    answer = service.client.delete("/livez")
    assert answer.status_code == 405
    assert "GET" in answer.headers["Allow"]


def test_several_wrong_fields_are_all_named(service):
    problem = service.client.get("/jobs?limit=0&status=lost").json()
    assert {error["field"] for error in problem["errors"]} == {"query.limit", "query.status"}


def test_a_crash_tells_its_request_id_and_nothing_internal(tmp_path, caplog):
    def crash():
        raise RuntimeError("the secret of the house")

    with running(tmp_path, extend=lambda app: app.add_api_route("/crash", crash)) as service:
        answer = service.client.get("/crash", headers={"X-Request-ID": "mine-1"})
        assert answer.status_code == 500
        assert answer.headers["Content-Type"] == PROBLEM
        assert "secret" not in answer.text
        assert answer.json()["request_id"] == "mine-1"
        assert "mine-1" in caplog.text
        assert "the secret of the house" in caplog.text


@pytest.mark.parametrize("given", ["abc-123_x.y", "A" * 64])
def test_a_short_and_safe_request_id_is_kept(service, given):
    assert (
        service.client.get("/livez", headers={"X-Request-ID": given}).headers["X-Request-ID"]
        == given
    )


@pytest.mark.parametrize("given", ["A" * 65, "with space", "<script>", "é".encode("latin-1"), ""])
def test_any_other_request_id_is_replaced(service, given):
    own = service.client.get("/livez", headers={"X-Request-ID": given}).headers["X-Request-ID"]
    assert own != given
    assert len(own) == 32


def test_every_answer_carries_security_headers(service):
    for path in ("/livez", "/nowhere", "/jobs", "/docs"):
        headers = service.client.get(path).headers
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert "default-src 'none'" in headers["Content-Security-Policy"]
        assert headers["X-Frame-Options"] == "DENY"
        assert headers["Cache-Control"] == "no-store"
        assert "Strict-Transport-Security" not in headers  # it came in the clear


def test_who_comes_through_tls_is_told_to_keep_to_it(service):
    answer = service.client.get("/livez", headers={"X-Forwarded-Proto": "https"})
    assert "max-age" in answer.headers["Strict-Transport-Security"]


PREFLIGHT = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "X-API-Key"}


def test_pages_elsewhere_are_not_let_in_by_themselves(service):
    origin = {"Origin": "https://fleet.example"}
    assert service.client.options("/score", headers={**origin, **PREFLIGHT}).status_code == 405
    for answer in (service.client.get("/livez", headers=origin), service.client.get("/nowhere")):
        assert not [name for name in answer.headers if name.startswith("access-control")]


def test_pages_of_an_origin_that_is_allowed_are_let_in_and_others_are_not(tmp_path):
    with running(tmp_path, cors_origins="https://fleet.example, http://localhost:3000") as service:
        for origin in ("https://fleet.example", "http://localhost:3000"):
            asked = service.client.options("/score", headers={"Origin": origin, **PREFLIGHT})
            assert asked.headers["Access-Control-Allow-Origin"] == origin
            assert "X-API-Key" in asked.headers["Access-Control-Allow-Headers"]
            told = service.client.get("/nowhere", headers={"Origin": origin})
            assert told.headers["Access-Control-Allow-Origin"] == origin
            assert "Retry-After" in told.headers["Access-Control-Expose-Headers"]
            assert "Access-Control-Allow-Credentials" not in told.headers
        other = {"Origin": "https://evil.example"}
        refused = service.client.options("/score", headers={**other, **PREFLIGHT})
        assert (refused.status_code, refused.headers["Content-Type"]) == (400, PROBLEM)
        assert (
            "Access-Control-Allow-Origin" not in service.client.get("/livez", headers=other).headers
        )


@pytest.mark.parametrize("origin", ["*", "fleet.example", "https://fleet.example/page", "null"])
def test_an_origin_that_is_none_or_any_is_refused(origin):
    with pytest.raises(ValidationError, match="cors_origins"):
        Settings(cors_origins=origin)


def test_a_database_that_cannot_be_used_is_told_as_such(tmp_path):
    with running(tmp_path) as service:
        with sqlite3.connect(tmp_path / "canfuse.db") as database:
            database.execute("ALTER TABLE jobs RENAME TO lost")
        database.close()
        answer = service.client.get("/jobs")
        assert (answer.status_code, answer.json()["type"]) == (
            503,
            "/problems/database-unavailable",
        )
        assert answer.headers["Retry-After"]
        assert service.client.get("/readyz").json()["checks"]["database"]["ok"] is False


def test_a_name_that_someone_else_points_at_loopback_is_refused(service):
    answer = service.client.get("/jobs", headers={"Host": "evil.example"})
    assert answer.headers["Content-Type"] == PROBLEM
    assert (answer.status_code, answer.json()["type"]) == (400, "/problems/unknown-host")
    assert "CANFUSE_ALLOWED_HOSTS" in answer.json()["hint"]


def test_openapi_describes_every_kind_and_every_problem(service):
    schema = service.client.get("/openapi.json").json()
    kinds = service.client.get("/kinds").json()
    assert {"fusion", "experts", "cache", "evaluate", "simulate"} <= {
        kind["name"] for kind in kinds
    }
    for kind in kinds:
        body = schema["paths"][kind["submit"]]["post"]["requestBody"]["content"]["application/json"]
        name = body["schema"]["$ref"].rsplit("/", 1)[-1]
        assert {"preset", "labels"} < set(schema["components"]["schemas"][name]["properties"])
    text = json.dumps(schema)
    assert "HTTPValidationError" not in text
    for reference in {part.split('"')[0] for part in text.split('"#/components/schemas/')[1:]}:
        assert reference in schema["components"]["schemas"]
    for path, methods in schema["paths"].items():
        for method, operation in methods.items():
            assert operation["summary"], (path, method)
            assert operation["description"], (path, method)


def test_the_documentation_page_opens(service):
    answer = httpx.get(service.client.base_url, follow_redirects=True)
    assert answer.status_code == 200
    for told in ("/score", "/jobs/fusion", "anomaly_score", 'href="/openapi.json"'):
        assert told in answer.text
    for outside in ("<script", "http://", "https://"):
        assert outside not in answer.text


def test_a_method_that_is_not_taken_is_told_all_that_are(service):
    taken = {"/jobs/x": "GET, PATCH", "/jobs/fusion": "POST", "/vehicles/x": "DELETE, GET"}
    for path, methods in taken.items():
        answer = service.client.options(path)
        assert answer.status_code == 405
        assert answer.headers["Allow"] == methods
    assert service.client.get("/score").headers["Allow"] == "POST"
    assert service.client.delete("/docs").headers["Allow"] == "GET"

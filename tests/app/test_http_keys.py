import hashlib

import pytest
from pydantic import ValidationError
from service_kit import running

from app.keys import ApiKey, find_key
from app.settings import Settings
from workers.jobs import open_store


def entry(name, scopes, key):
    return f"{name}:{scopes}:{hashlib.sha256(key.encode()).hexdigest()}"


KEYS = ",".join(
    entry(*parts)
    for parts in (
        ("looker", "read", "k-read"),
        ("gateway", "score+read", "k-score"),
        ("trainer", "jobs", "k-jobs"),
        ("garage", "vehicles", "k-vehicles"),
        ("boss", "admin", "k-admin"),
    )
)


@pytest.fixture(scope="module")
def guarded(tmp_path_factory):
    with running(tmp_path_factory.mktemp("home"), api_keys=KEYS) as service:
        yield service


def ask(service, method, path, key=None, **kwargs):
    headers = {"X-API-Key": key} if key else {}
    return service.client.request(method, path, headers=headers, **kwargs)


def cancelled(service, job):
    """A job's id, once it is cancelled."""
    return open_store(service.settings).request_cancel(job.id).id


@pytest.mark.parametrize("key", [None, "wrong", "k-rea", "k-read2"])
def test_without_a_valid_key_nothing_but_health_and_documentation_is_told(guarded, key):
    described = guarded.client.get("/openapi.json").json()["paths"]
    paths = {path for path in described if "{" not in path}
    public = {"/livez", "/readyz", "/problems"}
    assert ask(guarded, "PUT", "/aliases/x", key, content=b"{").status_code == 401
    for path in paths - public - {"/score"}:
        statuses = {ask(guarded, method, path, key).status_code for method in ("GET", "POST")}
        assert statuses <= {401, 405}
        assert 401 in statuses
    assert ask(guarded, "POST", "/score", key, json={}).status_code == 401
    for path in public:
        assert ask(guarded, "GET", path, key).status_code != 401


def test_the_description_tells_what_needs_no_key(guarded):
    described = guarded.client.get("/openapi.json").json()["paths"]
    assert {
        path
        for path, operations in described.items()
        for operation in operations.values()
        if {} in operation.get("security", [{}])
    } == {"/livez", "/readyz", "/problems", "/problems/{slug}"}


def test_a_key_opens_what_its_scopes_allow(guarded):
    assert ask(guarded, "GET", "/jobs", "k-read").status_code == 200
    refused = ask(guarded, "POST", "/jobs/rehearse", "k-read", json={})
    assert (refused.status_code, refused.json()["type"]) == (403, "/problems/forbidden")
    assert "'jobs'" in refused.json()["detail"]
    assert ask(guarded, "POST", "/score", "k-read", json={}).status_code == 403
    assert ask(guarded, "POST", "/score", "k-score", json={}).status_code == 404
    put = {"json": {"release": "x"}}
    assert ask(guarded, "PUT", "/aliases/production", "k-score", **put).status_code == 403
    assert ask(guarded, "PUT", "/aliases/production", "k-admin", **put).status_code == 404
    assert ask(guarded, "POST", "/jobs/rehearse", "k-admin", json={}).status_code == 202


def test_enrolling_vehicles_needs_a_scope_of_its_own_and_looking_at_them_does_not(guarded):
    body = {"timestamp": [0.0], "id": [1], "data": ["00"]}

    def statuses(key):
        return [
            ask(guarded, "PUT", "/vehicles/car/profile", key, json=body).status_code,
            ask(guarded, "DELETE", "/vehicles/car", key).status_code,
            ask(guarded, "GET", "/vehicles/car", key).status_code,
        ]

    assert statuses(None) == [401, 401, 401]
    assert statuses("k-read") == statuses("k-score") == [403, 403, 404]
    assert statuses("k-vehicles") == [422, 404, 403]
    assert statuses("k-admin") == [422, 404, 404]


@pytest.mark.parametrize("kind", ["fusion", "experts"])
def test_a_job_that_moves_an_alias_needs_what_moving_an_alias_needs(guarded, kind):
    def status(key, **body):
        answer = ask(guarded, "POST", f"/jobs/{kind}", key, json={"dataset": "none", **body})
        return answer.status_code, answer.json()["hint"]

    for named in ({}, {"alias": "candidate"}):
        code, hint = status("k-jobs", **named)
        assert code == 403
        assert '"alias": null' in hint
        assert status("k-admin", **named)[0] == 404  # there is no such dataset
    assert status("k-jobs", alias=None)[0] == 404
    submit = open_store(guarded.settings).submit
    config = {"dataset": "none", "alias": "production"}
    retry = f"/jobs/{cancelled(guarded, submit(kind, config)[0])}/retry"
    assert ask(guarded, "POST", retry, "k-jobs").status_code == 403
    assert ask(guarded, "POST", retry, "k-admin").status_code == 404
    described = guarded.client.get("/openapi.json").json()["paths"][f"/jobs/{kind}"]["post"]
    assert '"alias": null' in described["description"]


def test_readiness_tells_details_to_who_may_read_only(guarded):
    def details(key):
        told = ask(guarded, "GET", "/readyz", key).json()
        return {check["detail"] for check in told["checks"].values()}

    assert details(None) == details("wrong") == details("k-jobs")
    assert len(details(None)) == 1
    assert any("No release" in detail for detail in details("k-read"))


def test_an_unknown_kind_tells_nothing_to_who_may_not_ask(guarded):
    assert ask(guarded, "POST", "/jobs/levitate").status_code == 401


def test_a_guarded_service_may_be_called_by_any_name(guarded):
    assert guarded.client.get("/livez", headers={"Host": "ids.example"}).status_code == 200


def test_keys_are_found_by_what_they_hash_to():
    keys = [ApiKey.parse(part) for part in KEYS.split(",")]
    found = [
        find_key(keys, key) for key in ("k-read", "k-score", "k-jobs", "k-vehicles", "k-admin")
    ]
    assert found == keys
    assert find_key(keys, "") is None


@pytest.mark.parametrize(
    "text",
    [
        "nonsense",
        "name:read",
        "name:fly:" + "0" * 64,
        "name:read:" + "g" * 64,
        ":read:" + "0" * 64,
        "name::" + "0" * 64,
    ],
)
def test_a_key_entry_that_does_not_fit_is_refused(text):
    with pytest.raises(ValidationError, match="API key"):
        Settings(api_keys=text)

"""By which names the service may be called."""

import pytest
from service_kit import running
from test_http_keys import KEYS

OWN = ("localhost", "127.0.0.1:8000", "[::1]:8000", "[::1]", "LOCALHOST:1")


def status(service, host):
    return service.client.get("/livez", headers={"Host": host}).status_code


def test_loopbacks_names_are_known_and_others_are_not(service):
    assert [status(service, host) for host in OWN] == [200] * len(OWN)
    for host in ("ids.example", "localhost.evil.example", "[::2]", "[", ""):
        assert status(service, host) == 400


@pytest.mark.parametrize("keys", ["", KEYS])
def test_loopbacks_names_stay_known_where_others_are_allowed(tmp_path, keys):
    with running(tmp_path, allowed_hosts="ids.example, *.fleet.example", api_keys=keys) as service:
        allowed = (*OWN, "ids.example:443", "a.fleet.example")
        assert [status(service, host) for host in allowed] == [200] * len(allowed)
        for host in ("other.example", "fleet.example", "xids.example"):
            assert status(service, host) == 400


def test_the_service_answers_at_the_ipv6_loopback(tmp_path):
    with running(tmp_path, host="::1") as service:
        assert str(service.client.base_url).startswith("http://[::1]:")
        assert service.client.get("/livez").status_code == 200

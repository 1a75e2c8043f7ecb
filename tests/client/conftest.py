import both_clients
import pytest
from flaky_proxy import flaky
from service_kit import publish, running

from ml.releases import ReleaseStore


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    """A service without a worker, with a release in production."""
    home = tmp_path_factory.mktemp("home")
    publish(ReleaseStore(home / "releases"), tmp_path_factory.mktemp("bundles"))
    with running(home, data_dirs=()) as service:
        yield service


@pytest.fixture(params=["blocking", "asynchronous"])
def connect(request):
    """Makes a client of either sort."""
    return getattr(both_clients, request.param)


@pytest.fixture
def client(connect, service):
    with connect(service.client.base_url) as client:
        yield client


@pytest.fixture
def proxy(service):
    with flaky(service.client.base_url) as proxy:
        yield proxy


@pytest.fixture
def far_client(connect, proxy):
    """A client that reaches the service over a bad network."""
    with connect(proxy.url) as client:
        yield client

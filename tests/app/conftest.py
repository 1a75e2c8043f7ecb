import pytest
from service_kit import publish, running

from ml.releases import ReleaseStore


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    """A service without any release."""
    with running(tmp_path_factory.mktemp("home"), data_dirs=()) as service:
        yield service


@pytest.fixture(scope="module")
def scoring_service(tmp_path_factory):
    """A service with one release in production."""
    home = tmp_path_factory.mktemp("home")
    publish(ReleaseStore(home / "releases"), tmp_path_factory.mktemp("bundles"), report=True)
    with running(home, data_dirs=()) as service:
        yield service

"""The client against the service's own description: neither knows what the other lacks."""

import inspect
import subprocess
import sys

import pytest
from pydantic import BaseModel

from app.main import create_app
from app.settings import Settings
from canfuse_client import AsyncClient, Client
from canfuse_client.models import health, jobs, releases, scores, vehicles
from canfuse_client.models.base import Answer
from canfuse_client.operations import Operations

OTHER_NAMES = {
    "Artifact": "Artifact",
    "Event": None,  # its fields depend on the event
    "EnrolledVehicle": "EnrolledVehicle",
    "Finding": "FindingView",
    "Job": "JobView",
    "Release": "ReleaseCard",
    "Scores": "ScoreAnswer",
    "Vehicle": "VehicleCard",
}
MODELS = [
    model
    for module in (health, jobs, releases, scores, vehicles)
    for model in vars(module).values()
    if inspect.isclass(model)
    and issubclass(model, Answer)
    and model.__module__ == module.__name__
    and OTHER_NAMES.get(model.__name__, model.__name__)
]


@pytest.fixture(scope="module")
def described(tmp_path_factory):
    app = create_app(Settings(home=tmp_path_factory.mktemp("home")))
    return app.openapi()["components"]["schemas"]


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_each_answer_has_the_fields_that_the_service_describes(model: type[BaseModel], described):
    schema = described[OTHER_NAMES.get(model.__name__, model.__name__)]
    assert set(model.model_fields) == set(schema["properties"])
    needed = {name for name, field in model.model_fields.items() if field.is_required()}
    assert needed <= set(schema.get("required", ()))


def public(kind):
    return {name for name in dir(kind) if not name.startswith("_")}


def test_both_clients_have_the_same_operations_and_words():
    operations = public(Operations)
    assert operations <= public(Client)
    assert public(Client) - {"close"} == public(AsyncClient) - {"aclose"} == operations
    for name in operations:
        assert inspect.signature(getattr(Client, name)) == inspect.signature(
            getattr(Operations, name)
        )
        assert getattr(Client, name).__doc__


def test_the_client_loads_nothing_heavy():
    code = "import sys, canfuse_client; print(*(m for m in sys.argv[1:] if m in sys.modules))"
    heavy = ["torch", "numpy", "app", "workers", "ml", "fastapi", "polars", "sqlalchemy"]
    done = subprocess.run(
        [sys.executable, "-c", code, *heavy], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == ""

import json
import os
import shutil
import subprocess
from itertools import pairwise

import pytest
from house_files import ROOT, compose, compose_variables, dockerfile, text

from app.settings import Settings

SERVICES = compose()["services"]
OURS = ("api", "worker", "worker-gpu")
each_service = pytest.mark.parametrize("name", SERVICES)


def instructions(name):
    return [arguments for instruction, arguments in dockerfile() if instruction == name]


def image_environment():
    words = instructions("ENV")[-1].replace("\\\n", " ").split()
    return dict(word.split("=", 1) for word in words)


def has_compose():
    docker = shutil.which("docker")
    return (
        bool(docker)
        and subprocess.run(
            [docker, "compose", "version"], check=False, capture_output=True
        ).returncode
        == 0
    )


def test_the_services_are_ours_a_broker_a_database_and_what_watches_them():
    assert set(SERVICES) == {*OURS, "valkey", "postgres", "prometheus", "grafana"}


@each_service
def test_every_service_can_be_told_healthy(name):
    assert "healthcheck" in SERVICES[name] or (name == "api" and instructions("HEALTHCHECK"))


@each_service
def test_no_service_keeps_privileges_it_does_not_need(name):
    assert SERVICES[name]["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in SERVICES[name]["security_opt"]


@each_service
def test_every_service_has_a_memory_limit_and_comes_back_after_a_crash(name):
    assert SERVICES[name]["deploy"]["resources"]["limits"]["memory"]
    assert SERVICES[name]["restart"] == "unless-stopped"


@each_service
def test_what_a_service_needs_is_waited_for_until_it_is_healthy(name):
    needs = SERVICES[name].get("depends_on", {})
    assert set(needs) <= set(SERVICES)
    assert {n["condition"] for n in needs.values()} <= {"service_healthy"}
    assert name not in OURS or {"postgres", "valkey"} <= set(needs)


@each_service
def test_images_are_pinned(name):
    tag = SERVICES[name]["image"].partition(":")[2]
    assert tag not in ("", "latest")


@each_service
def test_nothing_but_the_api_and_the_dashboard_is_published(name):
    published = name in ("api", "grafana")
    assert ("ports" in SERVICES[name]) == published
    assert ("outside" in SERVICES[name]["networks"]) == published
    defaults = {n: d for n, (_, d) in compose_variables().items() if n.endswith("_AT")}
    assert all(address.startswith("127.0.0.1:") for address in defaults.values())


@pytest.mark.parametrize("name", OURS)
def test_our_services_share_the_home_volume_and_write_nowhere_else(name):
    service = SERVICES[name]
    assert service["read_only"] is True
    assert f"home:{image_environment()['CANFUSE_HOME']}" in service["volumes"]
    assert all(v.startswith("home:") or v.endswith(":ro") for v in service["volumes"])


@pytest.mark.parametrize("name", OURS)
def test_simulated_data_has_a_writable_place_to_go(name):
    environment = SERVICES[name]["environment"]
    assert environment["CANFUSE_DATA_DIRS"].startswith(environment["CANFUSE_HOME"])


def test_every_declared_volume_is_used_and_every_used_one_declared():
    used = {v.partition(":")[0] for s in SERVICES.values() for v in s["volumes"]}
    assert {v for v in used if v.isalpha()} == set(compose()["volumes"])


def test_the_gpu_worker_runs_under_its_profile_only():
    assert [n for n, s in SERVICES.items() if "profiles" in s] == ["worker-gpu"]
    assert SERVICES["worker-gpu"]["profiles"] == ["gpu"]
    assert SERVICES["worker-gpu"]["build"]["args"]["TORCH_BACKEND"].startswith(
        "${TORCH_BACKEND:-cu"
    )


def test_the_broker_keeps_its_messages_on_disk():
    command = SERVICES["valkey"]["command"]
    assert ("--appendonly", "yes") in pairwise(command)
    assert "broker:/data" in SERVICES["valkey"]["volumes"]


def test_secrets_have_no_default():
    variables = compose_variables()
    secrets = {n for n in variables if "PASSWORD" in n or "KEY" in n}
    assert secrets == {"POSTGRES_PASSWORD", "CANFUSE_API_KEYS", "GRAFANA_PASSWORD"}
    assert all(variables[n][0] == "?" for n in secrets)


@pytest.mark.parametrize("name", OURS)
def test_services_and_image_set_only_settings_that_exist(name):
    names = {*SERVICES[name]["environment"], *image_environment()}
    ours = {n.removeprefix("CANFUSE_").lower() for n in names if n.startswith("CANFUSE_")}
    assert ours <= set(Settings.model_fields)


def test_the_image_runs_as_nobody_special():
    user = instructions("USER")[-1].partition(":")[0]
    assert int(user) > 0


def test_the_image_checks_its_health_at_livez():
    assert "/livez" in instructions("HEALTHCHECK")[0]


def test_the_image_is_for_cpus_unless_told_otherwise():
    assert "TORCH_BACKEND=cpu" in instructions("ARG")


def test_the_image_is_built_in_stages_and_keeps_the_last_one_slim():
    assert len(instructions("FROM")) == 2
    assert "slim" in instructions("FROM")[-1]


def test_everything_copied_into_the_image_exists_and_reaches_the_builder():
    copied = {s for a in instructions("COPY") if "--from" not in a for s in a.split()[:-1]}
    allowed = {line[1:] for line in text(".dockerignore").splitlines() if line.startswith("!")}
    assert copied == allowed
    assert all((ROOT / source).exists() for source in copied)


@pytest.mark.skipif(not has_compose(), reason="needs docker with its compose plugin")
def test_docker_compose_accepts_the_file():
    environment = os.environ | dict.fromkeys(compose_variables(), "x")
    command = ["docker", "compose", "--profile", "gpu", "config", "--format", "json"]
    done = subprocess.run(
        command, check=False, cwd=ROOT, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert set(json.loads(done.stdout)["services"]) == set(SERVICES)

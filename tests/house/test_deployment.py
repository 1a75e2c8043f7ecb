"""What is deployed fits together: charts, scrapes, alerts and dashboards name what there is."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import kubernetes_validate
import promql_parser
import pytest
import yaml
from house_files import ROOT, compose, dockerfile, text

from app.health import gauges
from app.health.metrics import Metrics
from app.health.readings import Gauge
from app.settings import Settings
from workers.telemetry import registry

CHART = ROOT / "deploy" / "helm" / "canfuse"
ALL = (
    "autoscaling.enabled=true",
    "monitoring.podMonitor=true",
    "api.ingress.enabled=true",
    "api.ingress.tlsSecret=tls",
    "api.ingress.className=nginx",
    "data.existingClaim=datasets",
    "home.existingClaim=home",
)
WORKERS = ("t-worker-cpu", "t-worker-gpu")
CUSTOM = {"PodMonitor", "ScaledObject"}


def helm(*arguments):
    program = Path(sys.executable).with_name("helm")
    return subprocess.run([program, *arguments], check=False, capture_output=True, text=True)


def rendered(*values):
    done = helm("template", "t", str(CHART), "--set", ",".join(values))
    assert done.returncode == 0, done.stderr
    return [found for found in yaml.safe_load_all(done.stdout) if found]


def named(resources, kind):
    return {r["metadata"]["name"]: r["spec"] for r in resources if r["kind"] == kind}


@pytest.fixture(scope="module")
def everything():
    return rendered(*ALL)


@pytest.fixture(scope="module")
def deployments(everything):
    return named(everything, "Deployment")


def container(deployment):
    return deployment["template"]["spec"]["containers"][0]


def test_helm_finds_nothing_to_complain_about():
    done = helm("lint", "--strict", str(CHART))
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("values", [(), ALL])
def test_kubernetes_takes_every_resource(values):
    resources = [r for r in rendered(*values) if r["kind"] not in CUSTOM]
    assert len(resources) >= 9
    for resource in resources:
        kubernetes_validate.validate(resource, "1.33", strict=True)


def test_kubernetes_would_refuse_a_wrong_resource(deployments):
    spec = {**deployments["t-api"], "replica": 2}
    wrong = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "x"}, "spec": spec}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, "1.33", strict=True)


@pytest.mark.parametrize("name", ["t-api", *WORKERS])
def test_every_pod_is_probed_bounded_and_unprivileged(deployments, name):
    pod, box = deployments[name]["template"]["spec"], container(deployments[name])
    assert {"startupProbe", "livenessProbe"} <= set(box)
    assert box["resources"]["limits"]["memory"]
    assert box["resources"]["requests"]["cpu"]
    assert box["securityContext"]["capabilities"]["drop"] == ["ALL"]
    assert box["securityContext"]["readOnlyRootFilesystem"] is True
    assert pod["securityContext"]["runAsNonRoot"] is True
    user = next(a for instruction, a in dockerfile() if instruction == "USER")
    assert user == f"{pod['securityContext']['runAsUser']}:{pod['securityContext']['runAsGroup']}"


def test_the_api_is_asked_whether_it_lives_and_whether_it_is_ready(deployments):
    box = container(deployments["t-api"])
    probes = {name: box[f"{name}Probe"]["httpGet"]["path"] for name in ("liveness", "readiness")}
    assert probes == {"liveness": "/livez", "readiness": "/readyz"}


@pytest.mark.parametrize("name", WORKERS)
def test_a_worker_is_felt_as_the_compose_file_does(deployments, name):
    _, *command = compose()["services"]["worker"]["healthcheck"]["test"]
    assert container(deployments[name])["livenessProbe"]["exec"]["command"] == command


def test_only_the_gpu_worker_takes_a_gpu(deployments):
    takes = {
        n: "nvidia.com/gpu" in container(d)["resources"]["limits"] for n, d in deployments.items()
    }
    assert takes == {"t-api": False, "t-worker-cpu": False, "t-worker-gpu": True}
    assert container(deployments["t-worker-gpu"])["image"].endswith(":gpu")


def test_the_chart_sets_only_settings_that_exist(everything):
    (settings,) = (r["data"] for r in everything if r["kind"] == "ConfigMap")
    assert {n.removeprefix("CANFUSE_").lower() for n in settings} <= set(Settings.model_fields)


def test_workers_are_scaled_by_their_queues(everything, deployments):
    scaled = named(everything, "ScaledObject")
    assert set(scaled) == set(WORKERS)
    for name, spec in scaled.items():
        assert spec["scaleTargetRef"]["name"] == name
        assert "replicas" not in deployments[name]
        assert 1 <= spec["minReplicaCount"] <= spec["maxReplicaCount"]
        (trigger,) = spec["triggers"]
        assert trigger["type"] == "prometheus"
        check_query(trigger["metadata"]["query"])
        assert f'"{name.rpartition("-")[2]}"' in trigger["metadata"]["query"]
    assert named(rendered(), "ScaledObject") == {}


def told():
    """The names of all series that an API or a worker tells."""
    listed = [v for v in vars(gauges).values() if isinstance(v, Gauge | tuple)]
    flat = [g for v in listed for g in (v if isinstance(v, tuple) else (v,))]
    names = {g.name for g in flat}
    for metric in [*Metrics().registry.collect(), *registry.collect()]:
        if metric.type == "counter":
            names.add(f"{metric.name}_total")
        elif metric.type == "histogram":
            names |= {f"{metric.name}_{part}" for part in ("bucket", "sum", "count")}
        else:
            names.add(metric.name)
    return names


def check_query(query):
    promql_parser.parse(query.replace("$__rate_interval", "5m"))
    used = set(re.findall(r"\bcanfuse_\w+", query))
    assert used <= told()
    assert used or "up{" in query


def dashboard():
    return json.loads(text("deploy/grafana/dashboards/canfuse.json"))


@pytest.mark.parametrize("panel", dashboard()["panels"], ids=lambda panel: panel["title"])
def test_every_panel_asks_for_series_that_there_are(panel):
    source = yaml.safe_load(text("deploy/grafana/provisioning/datasources/prometheus.yml"))
    assert panel["datasource"]["uid"] == source["datasources"][0]["uid"]
    for target in panel["targets"]:
        check_query(target["expr"])


def test_no_panel_covers_another():
    cells = [
        (x, y)
        for place in (panel["gridPos"] for panel in dashboard()["panels"])
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]
    assert len(set(cells)) == len(cells)


def test_the_dashboard_is_where_it_is_looked_for():
    provider = yaml.safe_load(text("deploy/grafana/provisioning/dashboards/canfuse.yml"))
    path = provider["providers"][0]["options"]["path"]
    assert f"./deploy/grafana/dashboards:{path}:ro" in compose()["services"]["grafana"]["volumes"]


def rules():
    return yaml.safe_load(text("deploy/prometheus/alerts.yml"))["groups"][0]["rules"]


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule["alert"])
def test_every_alert_asks_for_series_that_there_are_and_is_explained(rule):
    check_query(rule["expr"])
    assert rule["labels"]["severity"] in ("page", "look")
    assert rule["annotations"]["summary"]
    assert f"`{rule['alert']}`" in text("docs/operations.md")


def test_every_metric_is_explained():
    page = text("docs/operations.md")
    bases = {re.sub(r"_(bucket|sum|count)$", "", name) for name in told()}
    assert sorted(base for base in bases if f"`{base}`" not in page) == []


def test_prometheus_asks_our_services_at_the_ports_that_they_listen_at():
    services = compose()["services"]
    jobs = yaml.safe_load(text("deploy/prometheus/prometheus.yml"))["scrape_configs"]
    asked = {(n, d["port"]) for j in jobs for d in j["dns_sd_configs"] for n in d["names"]}
    api = int(services["api"]["environment"]["CANFUSE_METRICS_PORT"])
    worker = int(services["worker"]["environment"]["CANFUSE_WORKER_METRICS_PORT"])
    assert asked == {("api", api), ("worker", worker), ("worker-gpu", worker)}
    for name in ("prometheus", *(name for name, _ in asked)):
        assert "inside" in services[name]["networks"]


@pytest.mark.skipif(not shutil.which("promtool"), reason="needs promtool, which prometheus brings")
def test_promtool_takes_the_configuration():
    file = ROOT / "deploy" / "prometheus" / "prometheus.yml"
    done = subprocess.run(
        ["promtool", "check", "config", file], check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr

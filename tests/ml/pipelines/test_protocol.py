"""The protocol: each car left out once, trained without it, and measured on it."""

import json

import pytest

from ml.can.datasets import find_dataset
from ml.context import Context, Workspace
from ml.errors import InvalidInput
from ml.pipelines.registry import pipeline
from tests.tiny import TRAINING


@pytest.fixture(scope="module")
def workspace(tiny_data_dir, tmp_path_factory):
    return Workspace(tmp_path_factory.mktemp("protocol"), (tiny_data_dir,))


@pytest.fixture(scope="module")
def result(workspace):
    kind = pipeline("protocol")
    # In-sample caches keep this fast; cross-fitting has tests of its own.
    config = {**TRAINING, "data": {"in_sample": True}, "families": ["unseen vehicle"]}
    context = Context(workspace.home / "job", workspace, lambda _: None)
    return kind.run(kind.parse(config), context)


def test_every_capture_is_measured_once_by_a_fusion_that_never_saw_its_car(result, workspace):
    dataset = find_dataset("tiny", workspace.data_dirs)
    (family,) = result["comparison"]["families"]
    assert sorted(c["path"] for c in family["captures"]) == sorted(c.name for c in dataset.captures)
    by_car = {}
    for capture in family["captures"]:
        lines = tuple(sorted(capture["thresholds"].items()))
        by_car.setdefault(capture["vehicle"], set()).add(lines)
    assert len(by_car) == 3
    assert all(len(thresholds) == 1 for thresholds in by_car.values())
    assert len(set.union(*by_car.values())) == 3


def test_windows_that_a_car_was_enrolled_with_are_not_measured(result):
    (family,) = result["comparison"]["families"]
    assert sum(c["masked_windows"] for c in family["captures"]) > 0
    cars = {car["vehicle"]: car["seconds"] for car in result["comparison"]["enrolled"]}
    assert len(cars) == 3
    assert all(0 < seconds <= 30 for seconds in cars.values())


def test_the_report_is_one_page_with_its_figures_beside_it(result, workspace):
    report = workspace.home / "job" / "artifacts" / "report"
    assert "Leave out: vehicle" in (report / "index.html").read_text()
    figures = json.loads((report / "comparison.json").read_text())
    assert (
        figures["families"][0]["macro"]["fused"]
        == result["comparison"]["families"][0]["macro"]["fused"]
    )


def test_a_protocol_with_ready_made_experts_is_refused(workspace):
    kind = pipeline("protocol")
    config = kind.parse({"dataset": "tiny", "experts": {"release": "production"}})
    with pytest.raises(InvalidInput, match="A protocol trains experts"):
        kind.check(config, workspace, False)

"""The main job on real traffic, as a user would run it."""

import pytest

from ml.context import Context, Workspace
from ml.pipelines.presets import resolve
from ml.pipelines.registry import pipeline


@pytest.mark.captures
@pytest.mark.timeout(600)
def test_known_attacks_on_known_cars_are_found(captures_dir, tmp_path):
    context = Context(
        workdir=tmp_path / "job",
        workspace=Workspace(tmp_path / "home", (captures_dir,)),
        emit=lambda _: None,
    )
    result = pipeline("fusion").run(resolve("fusion", "fusion_hcrl_sa", {}), context)
    known = [c for c in result["comparison"]["captures"] if c["split"].startswith("test_01")]
    assert len(known) == 2
    for capture in known:
        assert capture["detectors"]["fused"]["f1"] >= 0.995, capture["path"]

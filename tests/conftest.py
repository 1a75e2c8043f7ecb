"""What all tests share: the real captures, a tiny trained release, and skips that say why."""

from __future__ import annotations

import os

# Before torch is imported: two threads on a busy two-core machine are far slower than one.
os.environ.setdefault("OMP_NUM_THREADS", "1")

from pathlib import Path
from typing import Any

import hypothesis
import pytest
from captures import find_captures, why_absent
from tiny import simulate, train

from ml.context import Workspace
from ml.releases import ReleaseStore

# A busy machine makes any deadline flaky; a CI run must not depend on luck.
hypothesis.settings.register_profile("canfuse", deadline=None, derandomize="CI" in os.environ)
hypothesis.settings.load_profile("canfuse")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if find_captures() is not None:
        return
    for item in items:
        if item.get_closest_marker("captures"):
            item.add_marker(pytest.mark.skip(reason=why_absent()))


@pytest.fixture(scope="session")
def captures_dir() -> Path:
    folder = find_captures()
    if folder is None:
        pytest.skip(why_absent())
    return folder


@pytest.fixture(scope="session")
def tiny_data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory with the simulated dataset `tiny`."""
    return simulate(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="session")
def tiny_job(tiny_data_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A finished fusion job on it: its result, events, `workspace` and `workdir`."""
    home = tmp_path_factory.mktemp("home")
    workspace = Workspace(home=home, data_dirs=(tiny_data_dir,))
    workdir = home / "jobs" / "tiny"
    workdir.mkdir(parents=True)
    return {**train(workspace, workdir), "workspace": workspace, "workdir": workdir}


@pytest.fixture(scope="session")
def tiny_release_store(tiny_job: dict[str, Any]) -> ReleaseStore:
    """A store with that job's release as `production`. Read-only: copy it to change it."""
    return ReleaseStore(tiny_job["workspace"].releases)

"""What all tests share: the real captures, and skips that say why."""

from __future__ import annotations

from pathlib import Path

import pytest
from captures import find_captures, why_absent


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

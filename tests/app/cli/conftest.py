import pytest
from cli_kit import Cli


@pytest.fixture
def cli(capsys, monkeypatch, tmp_path):
    """Commands that work in an empty home."""
    return Cli(capsys, monkeypatch, tmp_path / "home")


@pytest.fixture
def trained(capsys, monkeypatch, tiny_job, tiny_data_dir):
    """Commands that work where a release has been trained."""
    return Cli(capsys, monkeypatch, tiny_job["workspace"].home, tiny_data_dir)

"""What the client's readme shows is run, from top to bottom, at a real service."""

import re
import threading
from pathlib import Path

import pytest
from both_clients import SOON
from service_kit import traffic, until

from ml.can.writers import write_log
from workers.jobs import open_store

README = Path(__file__).parents[2] / "client" / "README.md"


@pytest.fixture
def place(service, tmp_path, monkeypatch):
    """A folder with a log in it, and a service that runs each job at once."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CANFUSE_URL", str(service.client.base_url))
    write_log(traffic(), tmp_path / "drive.log")
    return tmp_path


def work_off(service):
    """Do a worker's part for the first job that waits."""
    store = open_store(service.settings)
    job = until(lambda: store.list(status="queued", limit=1)[0])[0]
    lease = store.lease(job.id, "test", SOON)
    lease.append([{"event": "progress", "phase": "steps", "fraction": 0.5, "message": ""}])
    folder = service.settings.workspace.jobs / job.id / "artifacts"
    folder.mkdir(parents=True)
    (folder / "metrics.csv").write_text("a,b\n")
    lease.succeed({})


def test_the_readmes_examples_run(service, place, capsys):
    examples = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
    assert len(examples) == 5
    worker = threading.Thread(target=work_off, args=(service,))
    worker.start()
    exec(compile("\n".join(examples), str(README), "exec"), {"__name__": "__main__"})  # noqa: S102
    worker.join(SOON)
    said = capsys.readouterr().out
    assert " 50% steps" in said
    assert "succeeded" in said
    assert "/problems/invalid-input" in said
    assert (place / "results" / "metrics.csv").read_text() == "a,b\n"

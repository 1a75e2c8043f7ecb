"""The processes of the service, in good times and bad."""

import os
import shutil
import sys

import httpx
import pytest
from cli_kit import SOON, family, service
from service_kit import until

from app.cli.work.children import Child
from ml.errors import EXIT_REFUSED, Unavailable


def ended(code, *, proven=False):
    """A child that has ended with this exit code right after its start."""
    child = Child("worker", [sys.executable, "-c", f"raise SystemExit({code})"], os.environ)
    child.proven = proven
    descriptor = child.start()
    until(lambda: child.hear(descriptor) is None)
    return child


def test_who_refuses_to_run_at_all_is_not_asked_again():
    with pytest.raises(Unavailable, match=f"exit code {EXIT_REFUSED}"):
        ended(EXIT_REFUSED).bury()


@pytest.mark.parametrize(("code", "proven"), [(1, False), (EXIT_REFUSED, True)])
def test_who_fails_for_the_moment_is_started_again(code, proven):
    child = ended(code, proven=proven)
    assert str(code) in child.bury()
    assert child.due is not None


def test_the_service_outlasts_an_outage_of_its_database(tmp_path):
    database, away = tmp_path / "canfuse.db", tmp_path / "away"
    with service(tmp_path, "--no-worker") as (process, url):
        assert httpx.post(f"{url}/jobs/rehearse", json={}).status_code == 202
        shutil.move(database, away)
        database.mkdir()
        next(p for p in family(process) if "app.cli.work.api" in p.cmdline()).kill()
        assert any("database cannot be used" in line for line in process.stderr)
        assert any("it is started again" in line for line in process.stderr)
        assert process.poll() is None
        database.rmdir()
        shutil.move(away, database)
        assert len(httpx.get(f"{url}/jobs", timeout=SOON).json()["jobs"]) == 1

"""Fetching a job's files: whole or not at all, and no byte twice that has arrived."""

import os
import random

import pytest
from both_clients import ONCE
from flaky_proxy import REFUSED

from canfuse_client import Problem, Retries, Unreachable, WrongUse
from canfuse_client.downloads import place_in

SIZE = 1 << 20


@pytest.fixture
def job(service):
    return service.client.post("/jobs/rehearse", json={}).json()["id"]


@pytest.fixture
def folder(service, job):
    folder = service.settings.workspace.jobs / job / "artifacts"
    (folder / "logs").mkdir(parents=True)
    return folder


@pytest.fixture
def large(folder):
    content = random.Random(0).randbytes(SIZE)
    (folder / "last.ckpt").write_bytes(content)
    return content


def test_files_are_listed_and_fetched_into_their_places(client, job, folder, tmp_path):
    (folder / "logs" / "a b#1.txt").write_text("hello")
    (folder / "empty").write_text("")
    (artifact, empty) = sorted(client.artifacts(job), key=lambda a: a.size, reverse=True)
    assert (artifact.path, artifact.size) == ("logs/a b#1.txt", 5)
    fetched = client.download(job, artifact.path, tmp_path / "got")
    assert fetched == tmp_path / "got" / "logs" / "a b#1.txt"
    assert fetched.read_text() == "hello"
    assert client.download(job, empty.path, tmp_path).read_bytes() == b""


@pytest.mark.parametrize(
    "plan", [[300_000], [REFUSED, 100_000, 0, 500_000], [100_000] * 8, [400_000, 50, 200_000]]
)
def test_a_download_goes_on_where_it_broke(far_client, proxy, job, large, tmp_path, plan):
    proxy.plan.extend(plan)
    assert far_client.download(job, "last.ckpt", tmp_path).read_bytes() == large
    assert proxy.lost == len(plan)
    assert proxy.carried < SIZE + 20_000


def test_a_file_that_changes_meanwhile_is_fetched_anew(
    connect, proxy, job, folder, large, tmp_path
):
    path, other = folder / "last.ckpt", large[::-1]
    proxy.plan.append(300_000)

    def change():
        path.write_bytes(other)
        os.utime(path, (1, 1))

    proxy.on_loss = change
    with connect(proxy.url) as client:
        assert client.download(job, "last.ckpt", tmp_path).read_bytes() == other


@pytest.mark.parametrize(("plan", "error"), [([200_000], Unreachable), ([], Problem)])
@pytest.mark.usefixtures("large")
def test_what_fails_leaves_nothing_behind_and_what_was_there_alone(
    connect, proxy, job, tmp_path, plan, error
):
    name = "last.ckpt" if plan else "missing.ckpt"
    (tmp_path / name).write_text("before")
    proxy.plan.extend(plan)
    with connect(proxy.url, retries=ONCE) as client, pytest.raises(error):
        client.download(job, name, tmp_path)
    assert [(p.name, p.read_text()) for p in tmp_path.iterdir()] == [(name, "before")]


@pytest.mark.usefixtures("large")
def test_a_link_that_brings_nothing_more_is_given_up(connect, proxy, job, tmp_path):
    proxy.plan.extend([100_000] + [0] * 500)
    brief = Retries(total=0.2, first=0.01, longest=0.02)
    with connect(proxy.url, retries=brief) as client, pytest.raises(Unreachable):
        client.download(job, "last.ckpt", tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "path", ["../x", "/etc/passwd", "a/../../x", "a//b", "", "..", "a\\..\\x", "c:x", "a\0b"]
)
def test_a_path_that_leads_out_of_the_folder_is_refused(client, job, tmp_path, path):
    with pytest.raises(WrongUse, match="leads out of the folder"):
        client.download(job, path, tmp_path)
    with pytest.raises(WrongUse):
        place_in(tmp_path, path)
    assert list(tmp_path.iterdir()) == []

import threading
from contextlib import contextmanager
from itertools import count

import pytest


@contextmanager
def meanwhile(act):
    """Do something again and again, with 0, 1, 2, … , while the body runs."""
    enough = threading.Event()

    def work():
        for turn in count():
            if enough.wait(0.0005):
                return
            act(turn)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        enough.set()
        thread.join()


@pytest.fixture
def job(service):
    return service.client.post("/jobs/rehearse", json={}).json()


@pytest.fixture
def folder(service, job):
    folder = service.settings.workspace.jobs / job["id"] / "artifacts"
    (folder / "logs").mkdir(parents=True)
    (folder / "metrics.csv").write_text("epoch,loss\n1,0.5\n")
    (folder / "logs" / "a b.txt").write_text("hello")
    (folder.parent / "secret.txt").write_text("confidential")
    return folder


def test_a_job_without_files_has_an_empty_list(service, job):
    assert service.client.get(job["links"]["artifacts"]).json() == []


def test_files_are_listed_with_addresses_that_work(service, job, folder):
    listed = service.client.get(job["links"]["artifacts"]).json()
    assert [(a["path"], a["size"]) for a in listed] == [("logs/a b.txt", 5), ("metrics.csv", 17)]
    texts = [service.client.get(a["url"]).text for a in listed]
    assert texts == ["hello", "epoch,loss\n1,0.5\n"]
    assert folder.is_dir()


def test_a_range_is_sent_alone_and_one_beyond_the_end_is_a_problem(service, job, folder):
    url = f"{job['links']['artifacts']}/metrics.csv"
    part = service.client.get(url, headers={"Range": "bytes=6-9"})
    assert (part.status_code, part.text) == (206, "loss")
    assert part.headers["Content-Range"] == f"bytes 6-9/{(folder / 'metrics.csv').stat().st_size}"
    beyond = service.client.get(url, headers={"Range": "bytes=999-"})
    assert (beyond.status_code, beyond.json()["type"]) == (416, "/problems/range-not-satisfiable")
    assert beyond.headers["Content-Range"] == "bytes */17"


def test_what_the_jobs_program_wrote_can_be_read(service, job, folder):
    assert service.client.get(job["links"]["log"]).status_code == 404
    (folder.parent / "stderr.log").write_text("Traceback …")
    answer = service.client.get(job["links"]["log"])
    assert answer.text == "Traceback …"
    assert answer.headers["Content-Type"].startswith("text/plain")


def test_files_are_listed_while_others_come_and_go(service, job, folder):
    def rotate(turn):
        (folder / f"{turn}.ckpt").write_text("")
        if turn >= 50:
            (folder / f"{turn - 50}.ckpt").unlink()

    with meanwhile(rotate):
        answers = [service.client.get(job["links"]["artifacts"]) for _ in range(60)]
    for answer in answers:
        assert answer.status_code == 200
        assert "metrics.csv" in {artifact["path"] for artifact in answer.json()}


def test_a_file_that_grows_is_sent_as_it_was_when_asked_for(service, job, folder):
    log = folder.parent / "stderr.log"
    log.write_text("begin\n")
    with log.open("ab", buffering=0) as stream, meanwhile(lambda _: stream.write(b"x" * 9999)):
        answers = [service.client.get(job["links"]["log"]) for _ in range(60)]
    for answer in answers:
        assert answer.status_code == 200
        assert len(answer.content) == int(answer.headers["Content-Length"])
    assert len({len(answer.content) for answer in answers}) > 1


@pytest.mark.usefixtures("folder")
def test_a_file_that_has_not_changed_is_not_sent_again(service, job):
    url = f"{job['links']['artifacts']}/metrics.csv"
    first = service.client.get(url)
    again = service.client.get(url, headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize(
    "path",
    [
        "../secret.txt",
        "%2e%2e/secret.txt",
        "..%2fsecret.txt",
        "logs/../../secret.txt",
        "logs/%2e%2e/%2e%2e/secret.txt",
        "/etc/passwd",
        "%2fetc%2fpasswd",
        "way-out/secret.txt",
        "link.txt",
        "logs",
        "",
        "%00",
        "a" * 300,
        "missing.txt",
    ],
)
def test_nothing_outside_the_jobs_files_is_ever_sent(service, job, folder, path):
    (folder / "way-out").symlink_to(folder.parent)
    (folder / "link.txt").symlink_to(folder.parent / "secret.txt")
    answer = service.client.get(f"{job['links']['artifacts']}/{path}")
    assert answer.status_code == 404
    assert "confidential" not in answer.text
    listed = service.client.get(job["links"]["artifacts"]).json()
    assert [a["path"] for a in listed] == ["logs/a b.txt", "metrics.csv"]

"""Compressed bodies are read piece by piece, and are no way around a limit."""

import gzip
import os
import zlib

import psutil
import pytest
from service_kit import as_columns, publish, running, traffic, until

from app.middleware.decoding import zstd

MEGABYTE = 1 << 20
CODINGS = {"gzip": gzip.compress, "zstd": zstd.compress}
every_coding = pytest.mark.parametrize("coding", CODINGS)


def post(service, body, coding, path="/jobs/rehearse", media="application/json"):
    headers = {"Content-Type": media, "Content-Encoding": coding}
    return service.client.post(path, content=body, headers=headers)


@every_coding
def test_a_compressed_body_is_read_like_a_plain_one(service, coding):
    body = b'{"steps": 3, "labels": ["squeezed"]}'
    answer = post(service, CODINGS[coding](body), coding)
    assert (answer.status_code, answer.json()["labels"]) == (202, ["squeezed"])


@every_coding
def test_a_body_of_several_members_is_read_to_its_end(service, coding):
    fold = CODINGS[coding]
    answer = post(service, fold(b'{"steps": 3,') + fold(b"") + fold(b' "labels": ["x"]}'), coding)
    assert (answer.status_code, answer.json()["labels"]) == (202, ["x"])


@every_coding
def test_a_compressed_log_gets_the_scores_of_the_plain_one(tmp_path, coding):
    columns = as_columns(traffic(20_000))
    rows = zip(*columns.values(), strict=True)
    log = "".join(f"({at:.6f}) can0 {can_id:03X}#{data}\n" for at, can_id, data in rows).encode()
    with running(tmp_path / "home") as service:
        publish(service.store, tmp_path)
        until(lambda: service.client.get("/aliases").json()["in_use"])
        plain = service.client.post("/score", content=log, headers={"Content-Type": "text/plain"})
        squeezed = post(service, CODINGS[coding](log), coding, "/score", "text/plain")
    assert len(log) > 10 * 65_536
    assert plain.status_code == squeezed.status_code == 200
    assert plain.json()["fused_score"] == squeezed.json()["fused_score"]


def bomb(coding):
    """4 GB of zeros, in a few bytes or kilobytes."""
    if coding == "zstd":
        return zstd.compress(bytes(16 * MEGABYTE)) * 256
    folder = zlib.compressobj(9, wbits=31)
    piece = bytes(16 * MEGABYTE)
    return b"".join(folder.compress(piece) for _ in range(16)) + folder.flush()


@every_coding
def test_a_bomb_is_refused_before_it_has_unfolded(tmp_path, coding):
    body = bomb(coding)
    with running(tmp_path, max_body_bytes=MEGABYTE) as service:
        before = psutil.Process(os.getpid()).memory_info().rss
        answer = post(service, body, coding)
        after = psutil.Process(os.getpid()).memory_info().rss
        assert (answer.status_code, answer.json()["type"]) == (413, "/problems/body-too-large")
        assert after - before < 32 * MEGABYTE
        assert post(service, CODINGS[coding](b"{}"), coding).status_code == 202


def test_a_frame_that_asks_for_a_large_memory_is_refused(service):
    options = {zstd.CompressionParameter.window_log: 27, zstd.CompressionParameter.checksum_flag: 1}
    folder = zstd.ZstdCompressor(options=options)
    body = folder.compress(b"{") + folder.flush()  # of unknown size, so the window counts
    assert post(service, body, "zstd").status_code == 400


@every_coding
def test_members_that_hold_nothing_do_not_come_for_ever(tmp_path, coding):
    with running(tmp_path, max_body_bytes=10_000) as service:
        answer = post(service, iter([CODINGS[coding](b"")] * 2000), coding)
    assert answer.status_code == 413


@every_coding
def test_a_body_of_very_many_members_is_refused_though_they_hold_little(service, coding):
    fold = CODINGS[coding]
    few, many = (fold(b" ") * count + fold(b'{"steps": 3}') for count in (100, 12_000))
    assert post(service, few, coding).status_code == 202
    refused = post(service, many, coding)
    assert (refused.status_code, refused.json()["type"]) == (413, "/problems/body-too-large")
    assert "members" in refused.json()["detail"]


@every_coding
@pytest.mark.parametrize(
    "harm", [lambda b: b[:-3], lambda b: b"x" + b[1:], lambda b: b + b"x", lambda _: b""]
)
def test_a_body_that_is_not_whole_is_a_problem(service, coding, harm):
    answer = post(service, harm(CODINGS[coding](b'{"steps": 3}')), coding)
    assert (answer.status_code, answer.json()["type"]) == (400, "/problems/bad-request")
    assert coding in answer.json()["detail"]


@pytest.mark.parametrize("path", ["/score", "/jobs/rehearse", "/captures/inspect"])
@pytest.mark.parametrize("coding", ["br", "gzip, gzip", "deflate", "x" * 99])
def test_another_coding_is_refused_with_those_that_are_read(service, path, coding):
    media = "text/plain" if path.startswith("/captures") else "application/json"
    answer = post(service, b"{}", coding, path, media)
    assert (answer.status_code, answer.json()["type"]) == (415, "/problems/unsupported-media-type")
    assert answer.headers["Accept-Encoding"] == "gzip, zstd"
    assert coding[:40] in answer.json()["detail"]

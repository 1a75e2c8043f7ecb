import math

import httpx
import pytest
from service_kit import WINDOW, as_columns, traffic, until

from ml.can.writers import write_log

LOG = {"Content-Type": "text/plain"}


@pytest.fixture(autouse=True)
def _release_in_use(scoring_service):
    until(lambda: scoring_service.client.get("/aliases").json()["in_use"])


@pytest.fixture
def candump(tmp_path):
    return write_log(traffic(), tmp_path / "drive.log").read_bytes()


def columns(answer: httpx.Response) -> dict:
    assert answer.status_code == 200, answer.text
    apart = {"log", "window_start", "window_end", "vehicle"}
    return {k: v for k, v in answer.json().items() if k not in apart}


def test_a_log_and_its_frames_and_its_expert_scores_get_identical_answers(scoring_service, candump):
    client = scoring_service.client
    by_log = client.post("/score", content=candump, headers=LOG)
    by_frames = client.post("/score", json=as_columns(traffic()))
    experts = {name: by_log.json()[name] for name in ("anomaly_score", "gat_prob")}
    by_scores = client.post("/score", json=experts)
    assert columns(by_log) == columns(by_frames)
    # Which kind of attack it may be is told by the frames alone.
    assert {**columns(by_log), "attack_kind": None} == {**columns(by_scores), "attack_kind": None}
    assert len(by_log.json()["fused_score"]) == 200 // WINDOW


@pytest.mark.parametrize(
    ("suffix", "media"),
    [
        (".parquet", "application/vnd.apache.parquet"),
        (".arrow", "application/vnd.apache.arrow.file"),
        (".log", "application/octet-stream"),
    ],
)
def test_a_log_in_binary_form_is_scored_like_any_other(
    scoring_service, candump, tmp_path, suffix, media
):
    body = write_log(traffic(), tmp_path / f"drive{suffix}").read_bytes()
    binary = scoring_service.client.post("/score", content=body, headers={"Content-Type": media})
    text = scoring_service.client.post("/score", content=candump, headers=LOG)
    assert columns(binary) == columns(text)


def test_the_answer_tells_each_window_and_once_who_answered(scoring_service, candump):
    answer = scoring_service.client.post("/score", content=candump, headers=LOG).json()
    assert answer["release"] == scoring_service.store.resolve("production")
    assert answer["threshold"] == 0.5
    assert answer["vehicle"]["enrolled"] is False
    assert answer["log"]["format"] == "candump"
    for fused, alpha, vgae, gat, verdict in zip(
        *(answer[n] for n in ("fused_score", "alpha", "anomaly_score", "gat_prob", "is_attack")),
        strict=True,
    ):
        assert math.isclose(fused, alpha * gat + (1 - alpha) * vgae, abs_tol=1e-6)
        assert verdict == (fused >= 0.5)
    assert answer["window_start"][0] == pytest.approx(traffic().timestamp[0])
    assert answer["window_end"][0] == pytest.approx(traffic().timestamp[WINDOW - 1])


def test_identifiers_may_be_hexadecimal_text(scoring_service):
    numbers = as_columns(traffic())
    text = {**numbers, "id": [f"{n:X}" for n in numbers["id"]]}
    client = scoring_service.client
    assert columns(client.post("/score", json=text)) == columns(client.post("/score", json=numbers))


def test_a_bad_line_is_refused_unless_asked_to_be_lenient(scoring_service, candump):
    body = candump + b"(1.0) can0 what is this\n"
    strict = scoring_service.client.post("/score", content=body, headers=LOG)
    lenient = scoring_service.client.post("/score?lenient=true", content=body, headers=LOG)
    assert strict.status_code == 422
    assert strict.json()["type"] == "/problems/invalid-log"
    assert strict.json()["line"] == 201
    assert lenient.json()["log"]["dropped"] == 1


@pytest.mark.parametrize(
    ("body", "status", "told"),
    [
        ({"anomaly_score": [0.5, 1.5], "gat_prob": [0.5, 0.5]}, 422, "outside [0, 1]"),
        ({"anomaly_score": [0.5], "gat_prob": [-0.1]}, 422, "outside [0, 1]"),
        ({"anomaly_score": [0.5, 0.5], "gat_prob": [0.5]}, 422, "differ in length"),
        ({"anomaly_score": [], "gat_prob": []}, 422, "empty"),
        ({"anomaly_score": [0.5]}, 422, "missing: gat_prob"),
        ({"anomaly_score": ["0.5"], "gat_prob": [0.5]}, 422, "anomaly_score.0"),
        ({"anomaly_score": [0.5], "gat_prob": [0.5], "timestamp": [1.0]}, 422, "either"),
        ({"gat_probability": [0.5]}, 422, "gat_probability"),
        ({}, 422, "missing: anomaly_score, gat_prob"),
        ([], 422, "body"),
        ({"timestamp": [0.0], "id": [1], "data": ["00"]}, 422, "A window takes 20 frames"),
        ({"timestamp": [0.0, 1.0], "id": [1], "data": ["00"]}, 422, "differ in length"),
        ({"timestamp": [1e300], "id": [1], "data": ["00"]}, 422, "timestamp.0: the timestamp"),
        ({"timestamp": [-1.0], "id": [1], "data": ["00"]}, 422, "timestamp.0: the timestamp"),
        ({"timestamp": [0.0], "id": ["zz"], "data": ["00"]}, 422, "id.0"),
        ({"timestamp": [0.0], "id": [1 << 29], "data": ["00"]}, 422, "id.0"),
        ({"timestamp": [0.0], "id": [1], "data": ["0"]}, 422, "data.0"),
        ({"timestamp": [0.0], "id": [1], "data": ["00" * 65]}, 422, "data.0 has 65 bytes"),
        ({"timestamp": [0.0], "id": [4096], "data": [""], "extended": [False]}, 422, "extended.0"),
    ],
)
def test_columns_that_cannot_be_scored_are_refused_with_the_reason(
    scoring_service, body, status, told
):
    answer = scoring_service.client.post("/score", json=body)
    problem = answer.json()
    assert (answer.status_code, problem["status"]) == (status, status)
    assert told in problem["detail"]
    assert problem["hint"]


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999"])
@pytest.mark.parametrize(
    ("column", "rest"),
    [
        ("anomaly_score", '"gat_prob": [0.5, 0.5]'),
        ("timestamp", '"id": [1, 2], "data": ["00", "00"]'),
    ],
)
def test_a_number_that_is_not_finite_is_refused(scoring_service, number, column, rest):
    body = f'{{"{column}": [0.5, {number}], {rest}}}'
    answer = scoring_service.client.post(
        "/score", content=body, headers={"Content-Type": "application/json"}
    )
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == f"{column}.1"


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b"", "empty"),
        (b"\x00\x01\x02" * 99, "binary"),
        (b"hello\nworld\n", "no known log format"),
        (b"PAR1xx", "Parquet"),
        (b"(1.0) can0 123#00\n(1.1) can0 123#0\n", "body:2: "),
        (b"(1.0) can0 123#00\n1.1,0x123,8,00,R\n", "body:2: "),
    ],
)
def test_a_body_that_is_no_log_is_refused(scoring_service, body, told):
    answer = scoring_service.client.post("/score", content=body, headers=LOG)
    assert answer.status_code == 422
    assert answer.json()["type"] == "/problems/invalid-log"
    assert told in answer.json()["detail"]


def test_an_unknown_content_type_is_refused_with_the_known_ones(scoring_service):
    answer = scoring_service.client.post(
        "/score", content=b"x", headers={"Content-Type": "image/png"}
    )
    assert answer.status_code == 415
    assert "text/csv" in answer.json()["supported"]
    assert "application/json" in answer.json()["hint"]


def test_an_unknown_release_is_not_found(scoring_service):
    answer = scoring_service.client.post(
        "/score?release=nowhere", json={"anomaly_score": [0], "gat_prob": [0]}
    )
    assert answer.status_code == 404


def test_scoring_before_any_release_says_what_to_do(service):
    answer = service.client.post("/score", json={"anomaly_score": [0.5], "gat_prob": [0.5]})
    assert answer.status_code == 404
    assert answer.json()["type"] == "/problems/no-release"
    assert "POST /jobs/fusion" in answer.json()["hint"]

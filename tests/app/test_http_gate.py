import threading

import anyio
import pytest
from service_kit import publish, running, until

from app.errors import Busy
from app.scoring.gate import Gate

SCORES = {"anomaly_score": [0.2, 0.9], "gat_prob": [0.1, 0.8]}


async def occupy(gate: Gate, release: threading.Event, outcomes: list[str]) -> None:
    try:
        await gate.run(lambda: release.wait(20))
        outcomes.append("done")
    except Busy:
        outcomes.append("busy")


def test_beyond_those_that_run_and_those_that_wait_work_is_turned_away_at_once():
    outcomes, release = [], threading.Event()

    async def scenario():
        gate = Gate(slots=1, waiting=1, seconds=20)
        async with anyio.create_task_group() as tasks:
            for _ in range(2):
                tasks.start_soon(occupy, gate, release, outcomes)
            await anyio.wait_all_tasks_blocked()
            with pytest.raises(Busy, match="1 requests are being worked on and 1 wait"):
                gate.check()
            with pytest.raises(Busy):
                await gate.run(lambda: None)
            release.set()

    anyio.run(scenario)
    assert outcomes == ["done", "done"]


def test_who_waits_too_long_is_turned_away():
    outcomes, release = [], threading.Event()

    async def scenario():
        gate = Gate(slots=1, waiting=5, seconds=0.05)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(occupy, gate, release, outcomes)
            await anyio.wait_all_tasks_blocked()
            with pytest.raises(Busy, match="became free within"):
                await gate.run(lambda: None)
            release.set()

    anyio.run(scenario)
    assert outcomes == ["done"]


def test_a_crash_frees_its_slot():
    async def scenario():
        gate = Gate(slots=1, waiting=0, seconds=1)
        for _ in range(3):
            with pytest.raises(ZeroDivisionError):
                await gate.run(lambda: 1 / 0)
        return await gate.run(lambda: "free")

    assert anyio.run(scenario) == "free"


def test_a_crowd_is_served_or_told_when_to_come_back(tmp_path):
    with running(tmp_path / "home", score_slots=1, score_waiting=0) as service:
        publish(service.store, tmp_path)
        until(lambda: service.client.get("/aliases").json()["in_use"])
        answers, rows = [], {name: values * 20_000 for name, values in SCORES.items()}

        def ask():
            answers.append(service.client.post("/score", json=rows))

        askers = [threading.Thread(target=ask) for _ in range(8)]
        for asker in askers:
            asker.start()
        for asker in askers:
            asker.join()
        assert {a.status_code for a in answers} <= {200, 429}
        assert any(a.status_code == 200 for a in answers)
        for answer in answers:
            if answer.status_code == 429:
                assert answer.json()["type"] == "/problems/busy"
                assert int(answer.headers["Retry-After"]) > 0

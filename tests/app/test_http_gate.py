import threading

import anyio
import pytest
from service_kit import publish, running, until

from app.errors import Busy
from app.scoring.gate import Gate
from app.state import TheServices

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
    release = threading.Event()
    with running(
        tmp_path / "home", score_slots=1, score_waiting=1, extend=slow(release)
    ) as service:
        publish(service.store, tmp_path)
        until(lambda: service.client.get("/aliases").json()["in_use"])
        answers = []

        def ask(method, path, **body):
            answers.append(service.client.request(method, path, **body))

        askers = [threading.Thread(target=ask, args=("GET", "/slow"))]
        askers[0].start()
        until(lambda: service.client.get("/holding").json())
        askers += [
            threading.Thread(target=ask, args=("POST", "/score"), kwargs={"json": SCORES})
            for _ in range(8)
        ]
        for asker in askers[1:]:
            asker.start()
        until(lambda: len(answers) == 7)
        release.set()
        for asker in askers:
            asker.join()
    assert sorted(a.status_code for a in answers) == [200] * 2 + [429] * 7
    for answer in answers:
        if answer.status_code == 429:
            assert answer.json()["type"] == "/problems/busy"
            assert int(answer.headers["Retry-After"]) > 0


def slow(release: threading.Event):
    """Adds an address whose work goes through the gate and lasts until it is released."""
    held = threading.Event()

    def work():
        held.set()
        return release.wait(20)

    async def endpoint(services: TheServices) -> bool:
        return await services.gate.run(work)

    def extend(app):
        app.add_api_route("/slow", endpoint)
        app.add_api_route("/holding", held.is_set)

    return extend

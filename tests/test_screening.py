"""The way from a question to its answer: bounded memory, evaluations that stop, and a history that survives kills."""

from __future__ import annotations

import asyncio
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path
from typing import Any

import httpx
import pytest
from screens_markets import invented
from serving import Server

from ralph import screens
from ralph.errors import Departed
from ralph.jobs import screening
from ralph.jobs.screening import Answers, Screening
from ralph.market.columns import BarColumns
from ralph.market.rules import simulated_bars
from ralph.store.database import Database
from ralph.store.ingest import import_bars
from ralph.store.markets import Markets
from ralph.store.panels import PanelStore
from ralph.store.screen_hits import Outcome, Range, hits_of, record_run, runs_of
from ralph.store.screens import make_screen

pytestmark = pytest.mark.anyio


def test_answers_are_bounded_and_the_least_used_goes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(screening, "ANSWERS_BYTES_MAX", 30)
    monkeypatch.setattr(screening, "ANSWER_BYTES_MAX", 12)
    answers = Answers()
    for name in "abc":
        answers.put((name,), b"x" * 10)
    assert answers.get(("a",)) == b"x" * 10
    answers.put(("d",), b"y" * 10)
    assert [answers.get((name,)) is not None for name in "abcd"] == [True, False, True, True]
    answers.put(("a",), b"z" * 5)
    answers.put(("e",), b"too large to be kept")
    answers.put(("f",), b"w" * 5)
    assert [answers.get((name,)) is not None for name in "acdef"] == [True, True, True, False, True]


async def filled(database_url: str, bars: BarColumns) -> Database:
    database = Database()
    await database.connect(database_url)
    async with database.acquire() as connection:
        await import_bars(connection, "demo", simulated_bars(bars, "test"))
    return database


async def test_an_evaluation_that_nobody_waits_for_stops(database_url: str, tmp_path: Path) -> None:
    """Cancelled in its queue it never begins; cancelled in the midst it ends after its slice, and nothing is kept."""
    database = await filled(database_url, invented(20, 80))
    markets = Markets(database, PanelStore(tmp_path / "panel"))
    await markets.refresh()
    seen: list[float] = []
    release = threading.Event()
    with ThreadPoolExecutor(1) as kernels:
        asked = Screening(database, markets, kernels, seen.append)
        request = screens.Request(expression="sma(5) > sma(20)")
        blocking = asyncio.get_running_loop().run_in_executor(kernels, release.wait)
        waiting = asyncio.create_task(asked.ask("demo", request))
        await asyncio.sleep(0.05)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        release.set()
        await blocking
        answered = await asked.ask("demo", request)
        assert not answered.is_cached
        assert len(seen) == 1
        assert (await asked.ask("demo", request)).is_cached
        panel = markets.panel("demo")

        def refuse() -> None:
            raise Departed("nobody waits")

        with pytest.raises(Departed):
            screens.run(panel, request, screens.Context(check=refuse))
    await database.close()


async def test_matches_are_written_whole_and_once(database_url: str) -> None:
    """Also when two write at the same time, and when one breaks off in the midst."""
    database = await filled(database_url, invented(6, 10))
    async with database.acquire() as connection:
        saved = await make_screen(connection, "demo", {"name": "a", "expression": "close > 0"})
    outcome = Outcome(1, date(2025, 1, 2), "1", 6, 1.0, ["000000", "000001"], [1.0, 2.0])

    async def write() -> bool:
        async with database.acquire() as connection:
            return await record_run(connection, saved.id, outcome)

    async with database.acquire() as connection, database.acquire() as other:
        broken = Outcome(1, date(2025, 1, 2), "1", 6, 1.0, ["000000"], [1.0, 2.0, 3.0])
        transaction = connection.transaction()
        await transaction.start()
        assert await record_run(connection, saved.id, broken)
        await transaction.rollback()
        assert await runs_of(other, saved, 10) == []
    wrote = await asyncio.gather(*(write() for _ in range(6)))
    assert sorted(wrote) == [False] * 5 + [True]
    async with database.acquire() as connection:
        assert [hit.symbol for hit in await hits_of(connection, saved, Range(), 10)] == ["000000", "000001"]
        assert len(await runs_of(connection, saved, 10)) == 6
    await database.close()


@pytest.mark.long
@pytest.mark.parametrize("kills", [1, 8])
def test_a_history_whose_filling_is_killed_goes_on_where_it_was(tmp_path: Path, kills: int) -> None:
    """kill -9 in the midst of a fill: each Session is in the log whole or not at all, and the same request ends it."""
    home = tmp_path / "home"
    server = Server(home, tmp_path / "log", "--demo")
    server.wait_ready()
    span = {"from": "2026-02-01", "to": "2026-05-31"}
    with server.client() as client:
        body = {"name": "a", "expression": "close > sma(20) and rsi(14) > 50"}
        where = f"/api/v1/screens/{client.post('/api/v1/screens', json=body).json()['screen']['id']}"
    for index in range(kills):
        client = server.client()
        filling = threading.Thread(target=_post, args=(client, f"{where}/runs", span))
        filling.start()
        time.sleep(0.3 + 0.1 * index)
        server.stop(signal.SIGKILL)
        filling.join()
        client.close()
        server = Server(home, tmp_path / "log", "--demo")
        server.wait_ready()
    try:
        with server.client() as client:
            filled = client.post(f"{where}/runs", json=span).json()
            assert filled["filled"] + filled["unchanged"] == filled["sessions"] > 60
            assert client.post(f"{where}/runs", json=span).json()["filled"] == 0
            hits = client.get(f"{where}/hits", params={"limit": 1000}).json()["hits"]
            assert len({(hit["as_of"], hit["symbol"]) for hit in hits}) == len(hits) == 1000
            for run in _runs(client, where)[::5]:
                at = {"from": run["as_of"], "to": run["as_of"], "limit": 1000}
                written = client.get(f"{where}/hits", params=at).json()["hits"]
                assert len(written) == run["total_matches"]
    finally:
        server.stop()


def _runs(client: httpx.Client, where: str) -> list[dict[str, Any]]:
    runs: list[dict[str, Any]] = client.get(f"{where}/runs", params={"limit": 1000}).json()["runs"]
    return runs


def _post(client: httpx.Client, path: str, body: dict[str, str]) -> None:
    try:
        client.post(path, json=body)
    except httpx.TransportError:
        return  # the server was killed

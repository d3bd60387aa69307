"""Signals over HTTP and on the command line: the same grade, levels and steps wherever one looks."""

from __future__ import annotations

import csv
import io
import json
import time
from collections.abc import Iterator
from datetime import date
from typing import Any

import httpx
import numpy as np
import pytest
from serving import Server, ralph, serving

from ralph.simulator.market import simulate

SESSIONS, COMPANIES = 40, 40


def bars_file() -> str:
    """A simulated market as a file of adjusted bars."""
    bars = simulate(7, date(2026, 5, 29), SESSIONS, COMPANIES)
    sink = io.StringIO()
    writer = csv.writer(sink)
    writer.writerow(("symbol", "date", "open", "high", "low", "close", "volume"))
    for at in np.flatnonzero(bars.volume > 0):
        prices = [getattr(bars, name)[at] for name in ("open", "high", "low", "close")]
        writer.writerow((bars.listings[bars.symbol[at]].symbol, bars.day[at], *prices, int(bars.volume[at])))
    return sink.getvalue()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("signals") / "home", "--no-demo") as running:
        with running.client() as client:
            params = {"filename": "file.csv", "kind": "bars"}
            response = client.post("/api/v1/imports", params=params, content=bars_file().encode())
            assert response.status_code == 201, response.text
            for _ in range(1_000):
                if client.post("/api/v1/screens/run", json={"expression": "close > 0"}).status_code == 200:
                    break
                time.sleep(0.01)
        yield running


def test_lists_details_and_the_command_line_agree(server: Server) -> None:
    with server.client() as client:
        days = sorted({row.split(",")[1] for row in bars_file().splitlines()[1:]})
        assert client.post("/api/v1/signals/run", json={"as_of": days[-8]}).status_code == 200
        ran = client.post("/api/v1/signals/run", json={}).json()
        assert ran["sessions"] == 7
        assert client.post("/api/v1/signals/run", json={}).json()["sessions"] == 0
        every = _pages(client)
        assert len(every) == len({each["id"] for each in every}) > 0
        shown = ralph(server.home, "signals", "ls", "--limit", "10000", "--json")
        assert json.loads(shown.stdout) == every
        for each in every[:20]:
            card = client.get(f"/api/v1/signals/{each['id']}").json()
            assert card["signal"] == each
            assert card["transitions"][-1]["state"] == each["state"]
            assert card["bars"][-1]["on"] == each["priced_on"]
            of_symbol = client.get(f"/api/v1/symbols/{each['symbol']}/signals").json()["signals"]
            assert each in of_symbol
        one = json.loads(ralph(server.home, "signals", "show", every[0]["id"], "--json").stdout)
        assert one["signal"] == every[0]
        report = client.get("/api/v1/signals/performance", params={"by": "grade", "draws": 20}).json()
        assert sum(each["count"] for name, each in report["groups"].items() if "/" not in name) > 0
        told = json.loads(
            ralph(server.home, "signals", "performance", "--by", "grade", "--draws", "20", "--json").stdout
        )
        assert told == report


def test_another_capital_sizes_anew(server: Server) -> None:
    """In lists, in the detail and on the command line: the risk of the grade between entry and stop."""
    with server.client() as client:
        client.post("/api/v1/signals/run", json={})
        capital = 250_000_000.0
        plain = client.get("/api/v1/signals", params={"limit": 1_000}).json()
        page = client.get("/api/v1/signals", params={"limit": 1_000, "capital": capital}).json()
        assert (plain["capital"], page["capital"]) == (100_000_000.0, capital)
        sized = [(own, other) for own, other in zip(plain["signals"], page["signals"], strict=True) if own["shares"]]
        assert sized
        for own, other in sized:
            entry, stop = other["levels"]["entry"], other["levels"]["stop"]
            risk = capital * 0.005 * {"S": 1.5, "A": 1.0, "B": 0.5}[own["grade"]] / (entry - stop)
            assert other["shares"] == int(min(risk, capital * 0.15 / entry))
            if own["outcome"] and other["shares"]:
                each = own["outcome"]["profit"] / own["shares"]
                assert other["outcome"]["profit"] == pytest.approx(each * other["shares"], abs=1 + other["shares"])
        assert all(not own["shares"] for own in plain["signals"] if own["grade"] == "C")
        chosen = sized[0][1]
        detail = client.get(f"/api/v1/signals/{chosen['id']}", params={"capital": capital}).json()
        assert (detail["capital"], detail["signal"]) == (capital, chosen)
        shown = json.loads(ralph(server.home, "signals", "show", chosen["id"], "--capital", "2.5e8", "--json").stdout)
        assert shown["signal"] == chosen
        for wrong in ("0", "-1", "inf", "nan"):
            refused = client.get("/api/v1/signals", params={"capital": wrong})
            assert (refused.status_code, refused.json()["field"]) == (422, "capital")


@pytest.mark.long
def test_a_backfill_as_a_job_is_made_once(server: Server) -> None:
    """Over HTTP it is a job; what it played, a run does not play again."""
    with server.client() as client:
        days = sorted({row.split(",")[1] for row in bars_file().splitlines()[1:]})
        body = {"from": days[-12], "to": days[-1], "rebuild": True}
        asked = client.post("/api/v1/signals/backfill", json=body)
        assert (asked.status_code, asked.json()["kind"]) == (202, "signals")
        where = asked.headers["Location"]
        for _ in range(600):
            job = client.get(where).json()
            if job["state"] not in ("queued", "running"):
                break
            time.sleep(0.1)
        assert job["state"] == "succeeded", job
        assert client.post("/api/v1/signals/run", json={}).json()["sessions"] == 0
        refused = client.post("/api/v1/signals/backfill", json={"from": days[-1], "to": days[0]})
        assert (refused.status_code, refused.json()["field"]) == (422, "from")


def test_one_is_closed_by_hand(server: Server) -> None:
    with server.client() as client:
        client.post("/api/v1/signals/run", json={})
        chosen = client.get("/api/v1/signals", params={"state": "armed"}).json()["signals"][0]
        closed = client.post(f"/api/v1/signals/{chosen['id']}/close", json={"price": 1_000.0}).json()
        assert closed["signal"]["reason"] == "manual"
        again = client.post(f"/api/v1/signals/{chosen['id']}/close", json={})
        assert (again.status_code, again.json()["field"]) == (422, "signal")


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/api/v1/signals/none", 404),
        ("/api/v1/signals?cursor=elsewhere", 422),
        ("/api/v1/signals?grade=X", 400),
        ("/api/v1/symbols/999999/signals", 404),
    ],
)
def test_what_is_not_there_is_a_problem(server: Server, path: str, status: int) -> None:
    with server.client() as client:
        response = client.get(path)
        assert response.status_code in (status, 422)
        assert response.json()["code"]


def _pages(client: httpx.Client) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    cursor = None
    while True:
        page = client.get("/api/v1/signals", params={"limit": 25, **({"cursor": cursor} if cursor else {})}).json()
        found += page["signals"]
        cursor = page["next"]
        if cursor is None:
            return found

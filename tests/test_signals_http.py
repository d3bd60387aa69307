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

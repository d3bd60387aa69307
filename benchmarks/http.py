"""H1 to H8: what answers cost and how long they take, and the time until a started server answers."""

from __future__ import annotations

import asyncio
import contextlib
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np

from benchmarks.goal import REPETITIONS, Goal
from benchmarks.market import embedded, random_bars
from benchmarks.presets import speed_of_screens
from benchmarks.stack import Server, cost_goals, latency_goal
from ralph.embedded.servers import EmbeddedServers
from ralph.market.rules import simulated_bars
from ralph.store.database import Database
from ralph.store.ingest import import_bars
from ralph.store.migrate import migrate

SYMBOLS, SESSIONS = 2_800, 500
PORT = 18_420
START_S = 60.0
SCREENS = (
    "rsi({n}) < 30 and close > sma({m})",
    "close > sma({n}) and close > sma({m}) and volume > 2 * sma(volume, 20)",
    "close crosses_above sma({m}) and adx({n}) > 20",
    "macd(12, 26, {n}).hist > 0 and close > ema({m})",
    "close > highest(high, {m})[1] and atr({n}) / close < 5%",
    "stoch({n}, 3, 3).k < 20 and bb({m}, 2).lower > close",
)
"""Up to four indicators each; the periods change with every call, so that nothing could be cached."""


async def measure() -> list[Goal]:
    """Over real HTTP, with each server in a process of its own."""
    async with embedded() as (folder, servers):
        await fill(servers)
        starts = [_start_time(folder, servers) for _ in range(REPETITIONS)]
        with serving(folder, servers) as (client, ours):
            wait_for(client, "/health/ready")
            _ask(client, len(SCREENS))  # the first calls touch memory for the first time
            milliseconds = _ask(client, 300)
            speed_of_screens(client)
            code = client.get("/api/v1/symbols?limit=1").json()["symbols"][0]["symbol"]
            latency = latency_goal(ours, list(SCREENS))
            with serving(folder, servers, PORT + 30, RALPH_TELEMETRY__ENABLED="false") as (other, silent):
                wait_for(other, "/health/ready")
                costs = cost_goals(ours, silent, code)
    return [
        *costs,
        latency,
        Goal("H6", float(np.percentile(milliseconds, 99)), 20, 8, "lower", "ms"),
        Goal("H8", statistics.median(starts), 1.5, 1.0, "lower", "s"),
    ]


async def fill(servers: EmbeddedServers, symbols: int = SYMBOLS) -> None:
    """Random bars of so many Symbols into the workspace `main`."""
    database = Database()
    await database.connect(servers.database_url)
    async with database.acquire() as connection:
        await migrate(connection)
        bars = await asyncio.to_thread(random_bars, symbols, SESSIONS)
        await import_bars(connection, "main", simulated_bars(bars, "benchmark"))
    await database.close()


@contextlib.contextmanager
def serving(
    folder: Path, servers: EmbeddedServers, port: int = PORT, **settings: str
) -> Iterator[tuple[httpx.Client, Server]]:
    """`ralph serve` on a home of its own, so that it holds nothing of ours."""
    home = folder / f"served-{port}"
    urls = surroundings(home, servers)
    command = [sys.executable, "-m", "ralph", "serve", "--port", str(port), "--no-open", "--no-demo"]
    process = subprocess.Popen(command, env={**os.environ, **urls, **settings}, stderr=subprocess.DEVNULL)
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
            wait_for(client, "/health/live")
            key = (home / "owner.key").read_text().strip()
            client.headers["Authorization"] = f"Bearer {key}"
            yield client, Server(process.pid, port, key)
    finally:
        process.terminate()
        process.wait()


def surroundings(home: Path, servers: EmbeddedServers) -> dict[str, str]:
    """What a process of ours is told by its environment."""
    return {"RALPH_DATABASE_URL": servers.database_url, "RALPH_REDIS_URL": servers.redis_url, "RALPH_HOME": str(home)}


def _start_time(folder: Path, servers: EmbeddedServers) -> float:
    started = time.perf_counter()
    with serving(folder, servers):
        return time.perf_counter() - started


def wait_for(client: httpx.Client, path: str) -> None:
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline:
        with contextlib.suppress(httpx.TransportError):
            if client.get(path).status_code == 200:
                return
        time.sleep(0.005)
    raise TimeoutError(f"{path} gave no 200 within {START_S} s")


def _ask(client: httpx.Client, count: int) -> list[float]:
    """The server's own milliseconds for each of many different screens."""
    taken = []
    for index in range(count):
        text = SCREENS[index % len(SCREENS)].format(n=5 + index % 37, m=20 + index % 181)
        response = client.post("/api/v1/screens/run", json={"expression": text, "limit": 100})
        response.raise_for_status()
        taken.append(response.json()["timing_ms"])
    return taken

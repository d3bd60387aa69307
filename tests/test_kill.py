"""kill -9 of Ralph, Postgres or Redis at any moment of an import: nothing acknowledged is lost, nothing doubled."""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from pathlib import Path

import httpx
import numpy as np
import polars as pl
import pytest
from serving import Server

SYMBOLS, DAYS = 400, 500
READY_S = 10.0
VICTIMS = ("ralph", "postgres", "redis")
KILLS = 12  # of each victim, in the long tier
LATEST_KILL_S = 2.5


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """200,000 bars, and the same with other closes: an import that stores and one that updates."""
    folder = tmp_path_factory.mktemp("kill")
    days = np.busday_offset("2024-01-02", np.arange(DAYS), roll="forward").astype("datetime64[D]")
    close = np.random.default_rng(1).integers(1_000, 90_000, SYMBOLS * DAYS).astype(np.float64)
    paths = []
    for index, shift in enumerate((0, 1)):
        frame = pl.DataFrame(
            {
                "symbol": np.repeat([f"K{number:05}" for number in range(SYMBOLS)], DAYS),
                "date": np.tile(days, SYMBOLS),
                "open": close,
                "high": close + 10,
                "low": close - 10,
                "close": close + shift,
                "volume": np.full(SYMBOLS * DAYS, 1_000.0),
            }
        )
        paths.append(folder / f"{index}.parquet")
        frame.write_parquet(paths[-1])
    return paths


class Upload(threading.Thread):
    """An import over HTTP; `report` stays None when it was not acknowledged."""

    def __init__(self, server: Server, path: Path) -> None:
        super().__init__()
        self._url, self._key, self._path = server.url, (server.home / "owner.key").read_text().strip(), path
        self.report: dict[str, int] | None = None

    def run(self) -> None:
        headers = {"Authorization": f"Bearer {self._key}"}
        with httpx.Client(base_url=self._url, headers=headers, timeout=60) as client:
            try:
                answer = client.post(
                    "/api/v1/imports", params={"filename": self._path.name}, content=self._path.read_bytes()
                )
            except httpx.TransportError:
                return
            if answer.status_code == 201:
                self.report = answer.json()


def kill(server: Server, victim: str) -> None:
    if victim == "ralph":
        server.process.kill()
        server.process.wait()
        return
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                words = (entry / "cmdline").read_text()
            except OSError:
                continue
            if (
                str(server.home) in words
                and (f"{victim}\0" in words or f"{victim}-server" in words)
                and "guard" not in words
            ):
                os.kill(int(entry.name), signal.SIGKILL)


def closes(server: Server) -> tuple[int, float]:
    """How many bars the first Symbol has, and its last close, as a client sees them; (0, 0) when there is none."""
    with server.client() as client:
        answer = client.get("/api/v1/symbols/K00000/bars", params={"workspace": "main"})
    bars = answer.json()["bars"] if answer.status_code == 200 else []
    return len(bars), bars[-1]["close"] if bars else 0.0


def ordeal(home: Path, files: list[Path], victim: str, moment_s: float) -> None:
    """Import the first file in peace, the second under fire; then look at what is there."""
    server = Server(home, home.with_name("log"), "--no-demo")
    try:
        server.wait_ready()
        first = Upload(server, files[0])
        first.run()
        assert first.report is not None
        _, before = closes(server)
        upload = Upload(server, files[1])
        upload.start()
        time.sleep(moment_s)
        kill(server, victim)
        upload.join()
        if victim == "ralph":
            server = Server(home, home.with_name("log"), "--no-demo")
        assert server.wait_ready() <= READY_S
        count, after = settled(server)
        assert count == DAYS, "every acknowledged bar is there, and none twice"
        assert after in (before, before + 1), "either file as a whole"
        if upload.report is not None:
            assert after == before + 1, "what was acknowledged is there"
        second = Upload(server, files[1])
        second.run()
        assert second.report is not None
        assert second.report["rows_read"] == second.report["updated"] + second.report["unchanged"]
        assert second.report["updated"] in (0, SYMBOLS * DAYS), "all of it or nothing"
        assert closes(server) == (DAYS, before + 1)
    finally:
        server.stop()


def settled(server: Server) -> tuple[int, float]:
    """What is there once the database answers again."""
    deadline = time.monotonic() + READY_S
    while True:
        found = closes(server)
        if found[0]:
            return found
        assert time.monotonic() < deadline, "the database did not come back"
        time.sleep(0.1)


@pytest.mark.alone
@pytest.mark.parametrize("victim", VICTIMS)
def test_a_kill_in_the_middle_of_an_import_loses_nothing(tmp_path: Path, files: list[Path], victim: str) -> None:
    ordeal(tmp_path / "home", files, victim, moment_s=0.7)


@pytest.mark.alone
@pytest.mark.long
@pytest.mark.parametrize("victim", VICTIMS)
def test_kills_at_random_moments_lose_nothing(tmp_path: Path, files: list[Path], victim: str) -> None:
    dice = random.Random(victim)
    for number in range(KILLS):
        ordeal(tmp_path / f"home{number}", files, victim, moment_s=dice.uniform(0, LATEST_KILL_S))

"""Three workers whose clocks are 90 s apart begin each tick once: the database's clock is the only one that counts."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from itertools import pairwise
from pathlib import Path
from typing import IO

import asyncpg
import pytest

from ralph.store.screens import make_screen

pytestmark = pytest.mark.anyio

TESTS = Path(__file__).parent
APART_S = 90
CRONS = ("* * * * *", "*/2 * * * *", "*/3 * * * *", "*/5 * * * *")
_LISTENING = (
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'ralph notices'"
)
_KNOWN = "SELECT count(*) FROM schedules"
_TURN_BACK = "UPDATE schedules SET paused_at = NULL, since = now() - interval '10 minutes'"
_TICKS = """
    SELECT t.schedule, t.tick, t.job_id, j.kind, t.tick <= now() AS is_past,
           now() - t.tick < interval '8 minutes' AS is_new
      FROM schedule_ticks t
      JOIN jobs j ON j.id = t.job_id
"""


@contextmanager
def worker(seconds: int, home: Path, *urls: str) -> Iterator[IO[str]]:
    """A worker whose clock is so many seconds ahead; what it says."""
    faketime = shutil.which("faketime")
    if faketime is None:
        pytest.skip("faketime is not installed: apt-get install faketime")
    process = subprocess.Popen(
        [faketime, "-f", f"{seconds:+}s", sys.executable, str(TESTS / "schedule_worker.py"), str(home), *urls],
        env={**os.environ, "PYTHONPATH": str(TESTS), "FAKETIME_DONT_FAKE_MONOTONIC": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    try:
        yield process.stdout
    finally:
        process.terminate()
        process.wait(30)
        process.stdout.close()


async def until(connection: asyncpg.Connection, query: str, holds: Callable[[int], bool]) -> None:
    async with asyncio.timeout(120):
        while not holds(await connection.fetchval(query)):  # noqa: ASYNC110  # the database is elsewhere
            await asyncio.sleep(0.05)


@pytest.mark.parametrize("minutes", [0, pytest.param(4, marks=pytest.mark.long)])
async def test_each_tick_is_begun_once(database_url: str, redis_url: str, tmp_path: Path, minutes: int) -> None:
    """Ticks that were missed, noticed by all three at once; ticks of the minutes that pass; and when somebody turns
    back what is over, those that were begun are not begun again."""
    connection = await asyncpg.connect(database_url)
    for place, cron in enumerate(CRONS):
        await make_screen(connection, "main", {"name": f"s{place}", "expression": "close > 1", "schedule": cron})
    with ExitStack() as stack:
        offsets = (-APART_S, 0, APART_S)
        workers = [stack.enter_context(worker(each, tmp_path, database_url, redis_url)) for each in offsets]
        clocks = [float(await asyncio.to_thread(each.readline)) - time.time() for each in workers]
        assert all(abs(clock - each) < 30 for clock, each in zip(clocks, offsets, strict=True)), clocks
        await until(connection, _LISTENING, lambda count: count == len(offsets))
        await until(connection, _KNOWN, lambda count: count == len(CRONS) + 1)
        for _ in range(3):
            await connection.execute(_TURN_BACK)
            await asyncio.sleep(1.0)  # five turns of each
        await asyncio.sleep(minutes * 60)
    begun = await connection.fetch(_TICKS)
    assert all(row["is_past"] and row["is_new"] for row in begun)
    assert {row["schedule"] for row in begun} == {"retention", *(f"screen-{place + 1}" for place in range(len(CRONS)))}
    jobs = await connection.fetchval("SELECT count(*) FROM jobs")
    assert jobs == len({row["job_id"] for row in begun})
    of_retention = sorted(row["tick"] for row in begun if row["schedule"] == "retention")
    assert len({row["job_id"] for row in begun if row["kind"] == "retention"}) == len(of_retention)
    assert len(of_retention) >= max(1, minutes)
    between = {(b - a).total_seconds() for a, b in pairwise(of_retention)}
    assert between <= {60.0}
    await connection.close()

"""A backfill whose process is killed, again and again: the next one goes on, and the rows are those of an undisturbed
one."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from test_signals_store import FIRST, opened

WORKER = Path(__file__).parent / "signals_worker.py"
SESSIONS = 20
KILLS = 6


def run_until(arguments: list[str], done: int | None) -> int | None:
    """Runs the worker, killed with no chance to say anything once so many Sessions were played; how many it had to
    play, None where there was nothing left to kill."""
    total: int | None = None
    with subprocess.Popen([sys.executable, str(WORKER), *arguments], stdout=subprocess.PIPE, text=True) as worker:
        assert worker.stdout is not None
        for line in worker.stdout:
            played, total = (int(each) for each in line.split())
            if done is not None and played >= min(done, total):
                os.kill(worker.pid, signal.SIGKILL)
                break
        worker.wait(timeout=120)
        assert worker.returncode in (0, -signal.SIGKILL)
    return total


@pytest.mark.long
def test_a_backfill_that_is_killed_ends_with_the_same_rows(database_url: str, tmp_path: Path) -> None:
    async def rows_of(*, afresh: bool) -> tuple[list[tuple[Any, ...]], list[str]]:
        async with opened(database_url, tmp_path) as bench:
            span = bench.day(FIRST), bench.day(FIRST + SESSIONS - 1)
            if afresh:
                async with bench.database.acquire() as connection:
                    await connection.execute("TRUNCATE signals, signal_transitions, signal_sessions")
                await bench.signalling.backfill("main", span)
            return await bench.rows(), [str(day) for day in span]

    expected, span = asyncio.run(rows_of(afresh=True))
    random = np.random.default_rng(5)
    arguments = [database_url, str(tmp_path), *span]
    for _ in range(KILLS):

        async def forget() -> None:
            async with opened(database_url, tmp_path) as bench, bench.database.acquire() as connection:
                await connection.execute("TRUNCATE signals, signal_transitions, signal_sessions")

        asyncio.run(forget())
        first = run_until(arguments, int(random.integers(1, SESSIONS + 1)))
        assert first == SESSIONS
        left = run_until(arguments, int(random.integers(1, SESSIONS + 1)))
        assert left is None or left <= SESSIONS
        run_until(arguments, None)
        found, _ = asyncio.run(rows_of(afresh=False))
        assert found == expected

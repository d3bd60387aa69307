"""How late the event loop is while scans run without pause in the kernels' thread, against an idle process."""

from __future__ import annotations

import asyncio
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from benchmarks.goal import Goal
from benchmarks.kernels import SYMBOLS, market, wanted
from ralph.indicators.plan import Plan

TICK_S = 0.001
MEASURED_S = 4.0
BARS = 260


async def measure() -> list[Goal]:
    """No goal of its own: the two 99th percentiles and their ratio are printed beside the others."""
    idle, busy = await ticks(wanted("tv"), MEASURED_S)
    print(
        f"loop: p99 {busy * 1e3:.2f} ms while scans run, {idle * 1e3:.2f} ms idle: {busy / idle:.2f}x", file=sys.stderr
    )
    return []


async def ticks(plan: Plan, seconds: float) -> tuple[float, float]:
    """The 99th percentile in seconds of the time between ticks meant to be 1 ms apart: (idle, while a plan is computed
    again and again over a whole market, all its rows and the newest in turn)."""
    fields = market(BARS)
    first = np.zeros(SYMBOLS, dtype=np.int32)
    plan.last(fields, first, 1)
    with ThreadPoolExecutor(max_workers=1) as kernels:
        idle = await _ticker(seconds)
        ends = time.perf_counter() + seconds

        def scans() -> int:
            count = 0
            while time.perf_counter() < ends:
                plan.last(fields, first, 1 if count % 2 else BARS)
                count += 1
            return count

        scanning = asyncio.get_running_loop().run_in_executor(kernels, scans)
        busy = await _ticker(seconds)
        assert await scanning > 0
    return idle, busy


async def _ticker(seconds: float) -> float:
    between = []
    before = time.perf_counter()
    ends = before + seconds
    while before < ends:
        await asyncio.sleep(TICK_S)
        now = time.perf_counter()
        between.append(now - before)
        before = now
    return float(np.percentile(between, 99))

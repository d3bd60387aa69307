"""How long presets, the checking of a text, and a year of daily runs take; printed as notes beside the goals."""

from __future__ import annotations

import statistics
import sys
import time

import httpx
import numpy as np

from benchmarks.goal import REPETITIONS
from benchmarks.market import random_bars
from ralph import screens
from ralph.market.columns import build_panel
from ralph.market.panel import Panel
from ralph.screens.presets import presets

SLOWEST_SHOWN = 5
YEAR = 250
YEAR_SCREENS = ("rsi(14) < 30 and close > sma(60)", "weekly.rsi(14) > 50 and close > sma(20)", "rs_rating() >= 90")
CHECKED = "rsi(14) < 30 and close > sma(60) and volume > 2 * sma(volume, 20) or cl"
SYMBOLS, SESSIONS = 2_800, 500


def speed_of_screens(client: httpx.Client) -> None:
    """Server time of every preset, each and together; the round trip of a check; CPU time of years in this process."""
    taken = {preset.id: [_run(client, preset.expression) for _ in range(REPETITIONS)] for preset in presets()}
    medians = {name: statistics.median(times) for name, times in taken.items()}
    every = list(medians.values())
    _note(f"presets: median {statistics.median(every):.1f} ms, all {len(every)} together {sum(every):.0f} ms")
    for name in sorted(medians, key=lambda one: -medians[one])[:SLOWEST_SHOWN]:
        _note(f"  {name}: {medians[name]:.1f} ms")
    checks = []
    for place in range(100):
        started = time.perf_counter()
        body = {"expression": CHECKED, "position": len(CHECKED) - place % 2}
        client.post("/api/v1/screens/validate", json=body).raise_for_status()
        checks.append((time.perf_counter() - started) * 1000)
    _note(f"check with completions, whole round trip: median {np.median(checks):.1f} ms, p99 {_p99(checks):.1f} ms")
    years(build_panel(random_bars(SYMBOLS, SESSIONS)))


def years(panel: Panel) -> list[float]:
    """Milliseconds of CPU of a year of daily runs of some screens, the first run of each."""
    dates = [day.astype(object) for day in panel.sessions[-YEAR:]]
    firsts = []
    for text in YEAR_SCREENS:
        screen = screens.parse(text)
        spent = []
        for _ in range(REPETITIONS):
            started = time.process_time()
            screens.run_dates(screen, panel, dates)
            spent.append((time.process_time() - started) * 1000)
        firsts.append(spent[0])
        _note(f"{YEAR} Sessions of {text}: first {spent[0]:.0f} ms, then {statistics.median(spent[1:]):.0f} ms CPU")
    return firsts


def _run(client: httpx.Client, text: str) -> float:
    response = client.post("/api/v1/screens/run", json={"expression": text, "limit": 100})
    response.raise_for_status()
    taken: float = response.json()["timing_ms"]
    return taken


def _p99(values: list[float]) -> float:
    return float(np.percentile(values, 99))


def _note(line: str) -> None:
    print(line, file=sys.stderr)

"""How long it takes at the close of a minute until it is known who entered and left fifty watched screens; a note."""

from __future__ import annotations

import statistics
import sys
import time
from datetime import date

import numpy as np

from benchmarks.goal import REPETITIONS
from benchmarks.market import random_bars
from ralph import screens
from ralph.market.columns import build_panel
from ralph.market.running import SoFar
from ralph.screens.presets import presets
from ralph.tape.watched import WatchedScreen, WatchedScreens

SYMBOLS, SESSIONS, SCREENS = 2_800, 1_250, 50
ON = date(2026, 6, 1)
MINUTE_NS = 60_000_000_000


def speed_of_watching() -> None:
    """Presets on a market in which every Symbol trades in every minute; the first look of a day, and what is made ready
    for it before the market opens, apart."""
    panel = build_panel(random_bars(SYMBOLS, SESSIONS))
    texts = [preset.expression for preset in presets()]
    wanted = [WatchedScreen(str(place), screens.parse(texts[place % len(texts)])) for place in range(SCREENS)]
    watched = WatchedScreens(panel, ON, panel.symbols, [None] * SYMBOLS)
    started = time.perf_counter()
    watched.watch(wanted)
    ready = time.perf_counter() - started
    close = panel.fields["close"][-1]
    random = np.random.default_rng(7)
    taken = []
    for minute in range(REPETITIONS + 1):
        now = close * random.uniform(0.95, 1.05, SYMBOLS)
        volume = np.full(SYMBOLS, 1_000.0 * (minute + 1))
        high, low = np.maximum(close, now), np.minimum(close, now)
        bars = SoFar(minute * MINUTE_NS, np.arange(SYMBOLS), close, high, low, now, volume, now * volume)
        started = time.perf_counter()
        watched.look(bars)
        taken.append((time.perf_counter() - started) * 1e3)
    print(
        f"{SCREENS} watched screens over {SYMBOLS:,} x {SESSIONS:,} at the close of a minute: "
        f"{statistics.median(taken[1:]):.0f} ms, {max(taken[1:]):.0f} at most, the first of a day {taken[0]:.0f} ms "
        f"after {ready:.1f} s before it opens",
        file=sys.stderr,
    )

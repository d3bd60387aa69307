"""How long screens, scanners and Signals of one Session take in this process; printed as notes, there is no peer."""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable

import numpy as np

from benchmarks.goal import REPETITIONS, Goal
from benchmarks.market import random_bars
from benchmarks.presets import CHECKED, SLOWEST_SHOWN, years
from ralph import scanners, screens
from ralph.config import SignalsConfig
from ralph.market.columns import build_panel
from ralph.market.panel import Panel
from ralph.scanners.around import Around
from ralph.scanners.running import Asked, run
from ralph.screens.presets import presets
from ralph.screens.tree import Reading, walk
from ralph.signals.history import Book, play
from ralph.signals.systems import build

SYMBOLS, SESSIONS = 2_800, 500
FEW_INDICATORS = 4
CHECKS = 50


async def measure() -> list[Goal]:
    """No goal has a peer here: everything is told on the way."""
    panel = build_panel(random_bars(SYMBOLS, SESSIONS))
    _presets(panel)
    _checks()
    years(panel)
    _scans(panel)
    return []


def _presets(panel: Panel) -> None:
    taken: dict[str, list[float]] = {}
    few: list[float] = []
    many: list[float] = []
    for preset in presets():
        asked = screens.Request(expression=preset.expression, limit=100)
        times = taken[preset.id] = _times(lambda asked=asked: screens.run(panel, asked))  # type: ignore[misc]
        indicators = {node for node in walk(screens.parse(preset.expression)) if isinstance(node, Reading)}
        (few if len(indicators) <= FEW_INDICATORS else many).extend(times)
    medians = {name: statistics.median(times) for name, times in taken.items()}
    _note(f"presets, {SYMBOLS} x {SESSIONS}: all {len(medians)} together {sum(medians.values()):.0f} ms")
    for name, times in ((f"up to {FEW_INDICATORS} indicators", few), ("more", many)):
        if times:
            _note(f"  {name}: median {statistics.median(times):.1f} ms, p99 {np.percentile(times, 99):.1f} ms")
    for name in sorted(medians, key=lambda one: -medians[one])[:SLOWEST_SHOWN]:
        _note(f"  {name}: {medians[name]:.1f} ms")


def _checks() -> None:
    def check() -> None:
        screens.validate(CHECKED, screens.Names())
        screens.complete(CHECKED)

    times = [one for _ in range(CHECKS // REPETITIONS) for one in _times(check)]
    _note(f"check with completions: median {statistics.median(times):.2f} ms, p99 {np.percentile(times, 99):.2f} ms")


def _scans(panel: Panel) -> None:
    view, vcp = panel.as_of(), scanners.find("vcp")
    everyone = Asked(view.listed, "none")
    _note(f"vcp: {statistics.median(_times(lambda: run(Around(view), vcp, everyone))):.1f} ms")
    config = SignalsConfig()
    systems = list(build(config).values())
    newest = panel.sessions.size - 1
    taken = _times(lambda: play(panel, newest, systems, Book(), config))
    _note(f"all {len(systems)} systems of one Session: {statistics.median(taken):.0f} ms")
    book = Book()
    started = time.perf_counter()
    for index in range(newest - 20, newest):
        play(panel, index, systems, book, config)
    _note(f"20 older Sessions, each: {(time.perf_counter() - started) * 50:.0f} ms")


def _times(work: Callable[[], object]) -> list[float]:
    """Milliseconds of repetitions after one that warms up."""
    work()
    found = []
    for _ in range(REPETITIONS):
        started = time.perf_counter()
        work()
        found.append((time.perf_counter() - started) * 1e3)
    return found


def _note(line: str) -> None:
    print(line, file=sys.stderr)

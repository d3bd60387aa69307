"""How long screens, scanners and Signals of one Session take in this process: only computing, no HTTP, no cache.

Every run of a screen begins without what others computed of the Session, but for presets that are run together.
What is of the market and of no screen stays: weeks of the bars, RS ratings; the first screen after new bars makes them.
"""

from __future__ import annotations

import dataclasses
import gc
import itertools
import statistics
import sys
import time
from collections.abc import Callable

import msgspec
import numpy as np

from benchmarks.goal import REPETITIONS, Goal
from benchmarks.market import SEED, random_bars
from benchmarks.presets import CHECKED, SLOWEST_SHOWN, years
from ralph import scanners, screens
from ralph.config import SignalsConfig
from ralph.market.beside import Beside
from ralph.market.capital import Capital
from ralph.market.columns import build_panel
from ralph.market.panel import Panel
from ralph.scanners.around import Around
from ralph.scanners.running import Asked, run
from ralph.screens.presets import Preset, presets
from ralph.screens.tree import Reading, walk
from ralph.signals.history import Book, play
from ralph.signals.systems import build

SYMBOLS, SESSIONS = 2_800, 500
SECTORS = 40
FEW_INDICATORS = 4
MADE_OF_MORE = ("technical_rating", "trend_template")  # one name, but 26 and 6 indicators
PRESETS_TOGETHER = 30
WARM_RUNS = 4  # a program that is used three times is compiled beside
COMPILED_S = 25.0
RUNS = 15
CHECKS = 300


async def measure() -> list[Goal]:
    """The goals of screens; scanners and Signals are told on the way."""
    panel = market(SYMBOLS, SESSIONS)
    _warm(panel)
    goals = [*_presets(panel), *_checks()]
    slowest = max(years(panel))
    goals.append(Goal("S5", slowest, 500, None, "lower", "ms"))
    _scans(panel)
    return goals


def market(symbols: int, sessions: int) -> Panel:
    """Random walks with markets, sectors, shares, and flows of every day."""
    bars = random_bars(symbols, sessions)
    listings = tuple(
        msgspec.structs.replace(one, market=("KOSPI", "KOSDAQ")[place % 2], sector=f"sector {place % SECTORS}")
        for place, one in enumerate(bars.listings)
    )
    bars = dataclasses.replace(bars, listings=listings)
    flow = np.random.default_rng(SEED).normal(0.0, 1e9, len(bars))
    codes = tuple(one.symbol for one in listings)
    beside = Beside(codes, bars.symbol, bars.day, {"foreign_value": flow, "institution_value": -flow[::-1]})
    nothing, shares = np.full(symbols, np.nan), np.full(symbols, 1e7)
    capital = Capital(np.arange(symbols, dtype=np.int32), np.full(symbols, bars.day.min()), shares, nothing)
    return dataclasses.replace(build_panel(bars), beside=beside, capital=capital)


def _warm(panel: Panel) -> None:
    """Compiled as in a server that has been used, and its objects out of the collector's sight as there."""
    firsts = {}
    for preset in presets():
        panel.as_of().readings.forget()
        firsts[preset.id] = _taken(panel, preset)
    slowest = sorted(firsts, key=lambda one: -firsts[one])[:SLOWEST_SHOWN]
    shown = ", ".join(f"{name} {firsts[name]:.0f} ms" for name in slowest)
    _note(f"first runs in this process: median {statistics.median(firsts.values()):.1f} ms; {shown}")
    for _ in range(WARM_RUNS):
        for preset in presets():
            panel.as_of().readings.forget()
            _taken(panel, preset)
    time.sleep(COMPILED_S)
    gc.collect()
    gc.freeze()


def _presets(panel: Panel) -> list[Goal]:
    taken: dict[str, list[float]] = {preset.id: [] for preset in presets()}
    for _, preset in itertools.product(range(RUNS), presets()):
        panel.as_of().readings.forget()
        taken[preset.id].append(_taken(panel, preset))
    medians = {name: statistics.median(times) for name, times in taken.items()}
    slowest = sorted(medians, key=lambda one: -medians[one])
    for name in slowest[:SLOWEST_SHOWN]:
        _note(f"  {name}: {medians[name]:.1f} ms")
    few = [time for preset in presets() if _is_small(preset) for time in taken[preset.id]]
    more = [time for preset in presets() if not _is_small(preset) for time in taken[preset.id]]
    costly = [preset for preset in presets() if preset.id in slowest[:PRESETS_TOGETHER]]
    every = _together(panel, list(presets()))
    _note(
        f"presets, {SYMBOLS} x {SESSIONS}: {len(medians)} alone {sum(medians.values()):.0f} ms, together {every:.0f} ms"
    )
    return [
        Goal("S1.median", statistics.median(few), 6, None, "lower", "ms"),
        Goal("S1.p99", float(np.percentile(few, 99)), 20, None, "lower", "ms"),
        Goal("S2.p99", float(np.percentile(more, 99)), 60, None, "lower", "ms"),
        Goal("S3", _together(panel, costly), 200, None, "lower", "ms"),
    ]


def _is_small(preset: Preset) -> bool:
    """Whether a preset is of up to FEW_INDICATORS, all outputs of one counted once."""
    nodes = [node for node in walk(screens.parse(preset.expression)) if isinstance(node, Reading)]
    different = {msgspec.structs.replace(node, output="") for node in nodes}
    return len(different) <= FEW_INDICATORS and not any(node.indicator in MADE_OF_MORE for node in nodes)


def _together(panel: Panel, asked: list[Preset]) -> float:
    """Milliseconds of some presets one after another, the first of which finds nothing computed."""
    rounds = []
    for _ in range(REPETITIONS):
        panel.as_of().readings.forget()
        rounds.append(sum(_taken(panel, preset) for preset in asked))
    return statistics.median(rounds)


def _taken(panel: Panel, preset: Preset) -> float:
    started = time.perf_counter()
    screens.run(panel, screens.Request(expression=preset.expression, limit=100))
    return (time.perf_counter() - started) * 1e3


def _checks() -> list[Goal]:
    """A check with completions at each end of what is typed, as an editor asks for it."""
    times = []
    for place in range(CHECKS):
        text = CHECKED[: len(CHECKED) - place % len(CHECKED)]
        started = time.perf_counter()
        screens.validate(text, screens.Names())
        screens.complete(text)
        times.append((time.perf_counter() - started) * 1e3)
    _note(f"check with completions: median {statistics.median(times):.2f} ms, worst {max(times):.2f} ms")
    return [Goal("S4", float(np.percentile(times, 99)), 5, None, "lower", "ms")]


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

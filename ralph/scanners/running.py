"""Runs a scanner over a Universe as of a Session; the envelope of the answer is that of a screen's."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from ralph.scanners.around import Around
from ralph.scanners.day import MarketDay
from ralph.scanners.scanner import Scanner
from ralph.scanners.setup import Setup

BoolArray = NDArray[np.bool_]
UniverseFilter = Literal["default", "none"]


@dataclass(frozen=True, eq=False)
class Asked:
    """Who is looked at, [symbols], and with which parameters; the filter "none" looks at quiet and other shares too."""

    universe: BoolArray
    universe_filter: UniverseFilter = "default"
    params: Mapping[str, float] = field(default_factory=dict)
    limit: int | None = None


class ScanAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The Setups as of a Session, best score first.

    expression   the scanner's name; version and params: which rules, with which numbers
    hit_rate     matches among those scanned; chance_rate: among pure random walks, where that was measured
    excluded     Symbols not looked at, by reason: no_bar, halted, anomaly (a flagged bar on one of the 21 newest
                 Sessions), filtered (no common share, or too quiet: unless the filter is "none")
    at           the moment of the Session whose minutes were looked at; None after the close
    """

    workspace: str
    simulated: bool
    as_of: date
    data_version: str
    expression: str
    version: int
    params: dict[str, float]
    total_scanned: int
    total_matches: int
    hit_rate: float | None
    chance_rate: float | None
    matches: list[Setup]
    excluded: dict[str, int]
    timing_ms: float
    at: datetime | None = None


def run(around: Around, scanner: Scanner, asked: Asked) -> ScanAnswer:
    """What a scanner finds among some Symbols of a market; BadParameter names a parameter that it does not take."""
    started = time.perf_counter()
    params = scanner.bind(asked.params)
    view = around.view
    looked_at, excluded = look_at(around, asked)
    found = scanner.find(MarketDay(view, looked_at, around), params)
    scanned = int(looked_at.sum())
    return ScanAnswer(
        workspace=view.panel.workspace,
        simulated=view.panel.simulated,
        as_of=view.on,
        data_version=view.panel.data_version,
        expression=scanner.name,
        version=scanner.version,
        params=params,
        total_scanned=scanned,
        total_matches=len(found),
        hit_rate=len(found) / scanned if scanned else None,
        chance_rate=scanner.chance,
        matches=found[: asked.limit],
        excluded=excluded,
        timing_ms=1_000 * (time.perf_counter() - started),
    )


def passes(day: MarketDay, universe_filter: UniverseFilter) -> BoolArray:
    """Whom of a market's day a filter keeps, anomalies aside."""
    return day.is_common & day.is_lively if universe_filter == "default" else np.ones(day.size, np.bool_)


def look_at(around: Around, asked: Asked) -> tuple[BoolArray, dict[str, int]]:
    """Whom scanners look at, [symbols], and how many others there are by reason."""
    view, universe = around.view, asked.universe
    whole = MarketDay(view, universe, around)
    kept = passes(whole, asked.universe_filter)
    looked_at = np.zeros(universe.size, np.bool_)
    looked_at[whole.columns[kept & whole.is_clean]] = True
    return looked_at, {
        "no_bar": int((universe & ~view.traded & ~view.halted).sum()),
        "halted": int((universe & view.halted).sum()),
        "anomaly": int((~whole.is_clean).sum()),
        "filtered": int((whole.is_clean & ~kept).sum()),
    }

"""Runs a scanner over a Universe as of a Session; the envelope of the answer is that of a screen's."""

from __future__ import annotations

import time
from datetime import date
from typing import Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from ralph.market.view import View
from ralph.scanners.day import MarketDay
from ralph.scanners.scanner import Scanner
from ralph.scanners.setup import Setup

UniverseFilter = Literal["default", "none"]


class ScanAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The Setups as of a Session, best score first.

    expression  the scanner's name
    excluded    Symbols not looked at, by reason: no_bar, halted, anomaly (a flagged bar among the newest 20), filtered
                (no common share, or too quiet: unless the filter is "none")
    """

    workspace: str
    simulated: bool
    as_of: date
    data_version: str
    expression: str
    total_scanned: int
    total_matches: int
    matches: list[Setup]
    excluded: dict[str, int]
    timing_ms: float


def run(
    view: View,
    scanner: Scanner,
    universe: NDArray[np.bool_],
    universe_filter: UniverseFilter = "default",
    ranks: NDArray[np.float64] | None = None,
) -> ScanAnswer:
    """What a scanner finds among the `universe` [symbols] of a view; `ranks`: RS ratings [symbols], NaN unknown."""
    started = time.perf_counter()
    whole = MarketDay(view, universe, ranks)
    lively = whole.is_common & whole.is_lively if universe_filter == "default" else np.ones(whole.size, np.bool_)
    looked_at = np.zeros(universe.size, np.bool_)
    looked_at[whole.columns[lively & whole.is_clean]] = True
    found = scanner.find(MarketDay(view, looked_at, ranks))
    return ScanAnswer(
        workspace=view.panel.workspace,
        simulated=view.panel.simulated,
        as_of=view.on,
        data_version=view.panel.data_version,
        expression=scanner.name,
        total_scanned=int(looked_at.sum()),
        total_matches=len(found),
        matches=found,
        excluded={
            "no_bar": int((universe & ~view.traded & ~view.halted).sum()),
            "halted": int((universe & view.halted).sum()),
            "anomaly": int((~whole.is_clean).sum()),
            "filtered": int((whole.is_clean & ~lively).sum()),
        },
        timing_ms=1_000 * (time.perf_counter() - started),
    )

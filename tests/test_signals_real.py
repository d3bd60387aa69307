"""Signals of the real market: everything ends in time, fills lie on bars that could be traded, profit to the won."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

from ralph.brokers.files import read_bars
from ralph.config import SignalsConfig
from ralph.market.columns import build_panel
from ralph.market.panel import Panel
from ralph.signals.costs import tax_ratio
from ralph.signals.history import Book, Played, merged, replay, session_index
from ralph.signals.signal import Signal
from ralph.signals.systems import build

SHARED = Path(os.environ.get("RALPH_SHARED_DIR", Path(__file__).parent.parent.parent / "shared"))
FILE = SHARED / "data" / "krx_daily.parquet"
CONFIG = SignalsConfig()
LAST = date(2026, 6, 1)

pytestmark = pytest.mark.skipif(not FILE.exists(), reason=f"no shared data: {FILE} is missing (set RALPH_SHARED_DIR)")


def played(panel: Panel, first: int, last: int) -> list[list[Played]]:
    return list(replay(panel, range(first, last), list(build(CONFIG).values()), Book(), CONFIG))


def bar(panel: Panel, signal: Signal, on: date) -> tuple[float, ...]:
    """Open, high, low, close straight from the Panel; NaN where it did not trade."""
    column = panel.columns[signal.symbol]
    row = panel.rows[session_index(panel, on), column]
    if row < 0:
        return (np.nan,) * 4
    return tuple(float(panel.fields[name][row, column]) for name in ("open", "high", "low", "close"))


def check(panel: Panel, signals: Sequence[Signal], last: int) -> None:
    ended = [each for each in signals if each.outcome is not None and each.fill and each.exit and each.closed_on]
    assert ended
    for each in ended:
        assert each.triggered_on is not None
        assert each.closed_on is not None
        assert each.outcome is not None
        assert each.fill is not None
        assert each.exit is not None
        opened, high, low, _ = bar(panel, each, each.triggered_on)
        assert low <= each.fill <= high
        if each.reason != "untraded":
            opened, high, low, close = bar(panel, each, each.closed_on)
            assert low <= each.exit <= high
            assert each.reason != "gap" or each.exit == opened
            assert each.reason != "time" or each.exit == close
            if each.reason == "stop" and each.closed_on > each.triggered_on and opened <= each.levels.stop:
                assert each.exit == opened
        tax = tax_ratio(each.closed_on, each.market or "KOSPI", each.kind or "common")
        sold = Decimal(each.exit) * (1 - Decimal("0.00115") - Decimal(str(tax)))
        cash = each.shares * (sold - Decimal(each.fill) * Decimal("1.00115"))
        assert each.outcome.profit == round(cash)
    for each in signals:
        if each.state == "triggered" and each.triggered_on is not None:
            age = last - 1 - session_index(panel, each.triggered_on)
            column = panel.columns[each.symbol]
            silent = last - 1 - session_index(panel, each.priced_on)
            assert age < max(each.plan.hold_sessions, 1) or panel.rows[last - 1, column] < 0 or silent == 0


def locked(panel: Panel, signal: Signal, on: date) -> bool:
    """One price, 29 % or more from the close before."""
    column = panel.columns[signal.symbol]
    row = panel.rows[session_index(panel, on), column]
    opened, high, low, close = bar(panel, signal, on)
    if row <= panel.first[column] or not opened == high == low == close:
        return False
    return bool(abs(close / panel.fields["close"][row - 1, column] - 1) >= 0.29)


def test_some_sessions_of_the_real_market() -> None:
    """And a prefix of the bars makes the same Signals."""
    bars = read_bars(FILE, today=LAST).columns
    panel = build_panel(bars)
    first, last = 260, 266
    days = played(panel, first, last)
    signals = list(merged(days).values())
    check(panel, signals, last)
    for each in signals:
        for on in (each.triggered_on, each.closed_on if each.state == "closed" else None):
            assert on is None or each.reason == "untraded" or not locked(panel, each, on)
    shorter = build_panel(bars.traded(panel.sessions[last - 1].astype(object)))
    assert played(shorter, first, last) == days


@pytest.mark.long
def test_all_sessions_of_the_real_market(capsys: pytest.CaptureFixture[str]) -> None:
    """All Sessions there are, and all daily systems."""
    panel = build_panel(read_bars(FILE, today=LAST).columns)
    first, last = 0, panel.sessions.size
    played(panel, last - 1, last)  # kernels are compiled
    started, busy = time.perf_counter(), time.process_time()
    days = played(panel, first, last)
    took, worked = time.perf_counter() - started, time.process_time() - busy
    signals = list(merged(days).values())
    check(panel, signals, last)
    for each in signals:
        for on in (each.triggered_on, each.closed_on if each.state == "closed" else None):
            assert on is None or each.reason == "untraded" or not locked(panel, each, on)
    with capsys.disabled():
        sys.stderr.write(
            f"{last - first} Sessions, {len(signals)} Signals: {took:.0f} s, {worked:.0f} s of processor\n"
        )

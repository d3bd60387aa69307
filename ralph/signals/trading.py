"""The bars of a Session as orders see them: at prices as they were traded, and whether anything could be."""

from __future__ import annotations

from contextlib import suppress
from datetime import date
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ralph.errors import BadParameter
from ralph.market.flags import ANOMALY, RAW
from ralph.market.panel import Panel
from ralph.market.symbol import Symbol
from ralph.market.ticks import limit_pct_on

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

LIMIT_ROOM_PCT = 1.0  # limits are cut to ticks: of cheap shares they are a little less than the percentage
PRICES = ("open", "high", "low", "close")


class Bar(NamedTuple):
    """A traded bar in prices of its Session. ratio: what one share of the Session `since` asked for has become."""

    open: float
    high: float
    low: float
    close: float
    ratio: float
    is_fillable: bool
    is_flagged: bool


class Trading:
    """All bars of one Session of a Panel; arrays are [symbols]."""

    def __init__(self, panel: Panel, index: int) -> None:
        self.panel = panel
        self.index = index
        self.on: date = panel.sessions[index].astype(object)
        self._rows = panel.rows[index]

    @cached_property
    def traded(self) -> BoolArray:
        """Whether a Symbol has a traded bar."""
        traded: BoolArray = self._rows >= 0
        return traded

    @cached_property
    def prices(self) -> FloatArray:
        """Open, high, low, close [4, symbols] as traded; NaN where there was no trade."""
        return np.stack([self._at(name, self._rows) for name in PRICES])

    @cached_property
    def is_locked(self) -> BoolArray:
        """One price all day, at the daily limit: whoever wants in or out stands in a queue."""
        opened, high, low, close = self.prices
        before = self._at("close", np.where(self.traded, self._rows - 1, -1))
        before = np.where(self._rows > self.panel.first, before / self._grown_since_before(), np.nan)
        with np.errstate(divide="ignore", invalid="ignore"):
            change = 100.0 * np.abs(close / before - 1.0)
            locked: BoolArray = (opened == close) & (high == low) & (high == close) & (change >= self._limit_pct)
        return locked

    @cached_property
    def is_flagged(self) -> BoolArray:
        """Whether the bar is an anomaly."""
        rows = np.maximum(self._rows, 0)
        columns = np.arange(rows.size)
        flagged: BoolArray = self.traded & ((self.panel.flags[rows, columns] & int(ANOMALY)) != 0)
        return flagged

    def bar(self, column: int, since: date) -> Bar | None:
        """A Symbol's bar; None where it did not trade."""
        if not self.traded[column]:
            return None
        opened, high, low, close, is_locked, is_flagged = self._lines[column]
        return Bar(opened, high, low, close, self.ratio(column, since), not is_locked, is_flagged)

    @cached_property
    def _lines(self) -> list[tuple[float, float, float, float, bool, bool]]:
        """Open, high, low, close, whether locked, whether flagged, of each Symbol: read one by one, plain numbers are
        much faster than arrays."""
        columns = (*self.prices.tolist(), self.is_locked.tolist(), self.is_flagged.tolist())
        return list(zip(*columns, strict=True))

    def ratio(self, column: int, since: date) -> float:
        """What a share of a Session has become by this one, by the actions after it; 1 where prices were adjusted
        before they were imported."""
        grown = 1.0
        if not self._actions:
            return grown
        for on, ratio in self._actions.get(self.panel.symbols[column], ()):
            if since < on <= self.on and self.panel.flags[self._rows[column], column] & RAW:
                grown *= ratio
        return grown

    def last_close(self, column: int) -> float:
        """The close of the newest traded bar up to the Session, as it was traded."""
        rows = self.panel.rows[: self.index + 1, column]
        newest = np.full(self._rows.size, -1)
        newest[column] = rows[rows >= 0][-1]
        return float(self._at("close", newest)[column])

    def has_row(self, column: int) -> bool:
        """Whether the exchange said anything of a Symbol, be it that it was halted."""
        return bool(self._rows[column] != -1)

    @cached_property
    def _actions(self) -> dict[Symbol, list[tuple[date, float]]]:
        found: dict[Symbol, list[tuple[date, float]]] = {}
        for action in self.panel.actions:
            found.setdefault(action.symbol, []).append((action.on, action.ratio))
        return found

    def _at(self, name: str, rows: NDArray[np.integer]) -> FloatArray:
        """A field at one row of each column, as traded; NaN for negative rows."""
        columns = np.arange(rows.size)
        at = np.maximum(rows, 0)
        values = np.where(rows >= 0, self.panel.fields[name][at, columns], np.nan)
        raw = self.panel.raw
        if raw.columns.size:
            own = at[raw.columns]
            as_traded = raw.fields[name][np.arange(raw.columns.size), own]
            is_raw = ((self.panel.flags[own, raw.columns] & RAW) != 0) & (rows[raw.columns] >= 0)
            values[raw.columns[is_raw]] = as_traded[is_raw]
        return values

    def _grown_since_before(self) -> FloatArray:
        """What a share of each Symbol's bar before has become by this one."""
        grown = np.ones(self._rows.size)
        for symbol in self._actions:
            column = self.panel.columns.get(symbol)
            if column is None or self._rows[column] <= self.panel.first[column]:
                continue
            before = np.flatnonzero(self.panel.rows[: self.index, column] >= 0)[-1]
            grown[column] = self.ratio(column, self.panel.sessions[before].astype(object))
        return grown

    @cached_property
    def _limit_pct(self) -> FloatArray:
        """From which change on a bar of one price is locked; never, outside Korea."""
        limits = np.full(self._rows.size, np.inf)
        for market in ("KOSPI", "KOSDAQ", "KONEX"):
            with suppress(BadParameter):  # before its oldest limit
                limits[self.panel.boards == market] = limit_pct_on(self.on, market) - LIMIT_ROOM_PCT
        return limits

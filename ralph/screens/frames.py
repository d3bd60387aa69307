"""Weeks and months of daily bars, as they were at each daily bar: the running one ends there, nothing looks ahead."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ralph.market.capital import Statements
from ralph.market.panel import FloatArray, IntArray, Panel
from ralph.market.resampling import beginnings
from ralph.market.view import NO_BAR

FEWEST_BARS = {"weekly": 5, "monthly": 20}  # about as many daily bars a period has; for the estimate of cost only


IndexArray: TypeAlias = NDArray[np.int64]


class Bars(Protocol):
    """What is read of a view."""

    @property
    def panel(self) -> Panel: ...

    @property
    def height(self) -> int: ...

    @property
    def first(self) -> IntArray: ...

    def newest(self, name: str, rows: int) -> FloatArray: ...

    def session_of(self, rows: int) -> IntArray: ...

    @property
    def statements(self) -> Statements: ...


class Planned:
    """So many bars without any figures: enough to plan with."""

    panel: Panel

    def __init__(self, height: int) -> None:
        self.height = height
        self.first: IntArray = np.zeros(1, dtype=np.int32)

    def newest(self, name: str, rows: int) -> FloatArray:
        raise AssertionError("a plan is not computed")

    def session_of(self, rows: int) -> IntArray:
        raise AssertionError("a plan is not computed")

    @property
    def statements(self) -> Statements:
        raise AssertionError("a plan is not computed")


class FrameBars:
    """Bars of a frame with a column for each (daily bar, Symbol) asked for: that Symbol's periods up to that bar.

    Its columns are those of [tail, symbols], row after row; the last row of each is its running period.
    """

    def __init__(
        self,
        view: Bars,
        columns: IndexArray,
        daily: Callable[[str, int], FloatArray],
        frame: Literal["weekly", "monthly"],
        tail: int,
    ) -> None:
        self._daily = daily
        self._view = view
        self.panel = view.panel
        self._daily_height = height = view.height
        sessions = np.take(view.session_of(height), columns, axis=1)
        begins = beginnings(view.panel.sessions, "week" if frame == "weekly" else "month").astype(np.int64)
        period = np.append(begins, np.iinfo(np.int64).min)[sessions]  # NO_BAR is -1: the last
        self._begins = np.ones(period.shape, dtype=np.bool_)  # the first bar of its period
        self._begins[1:] = period[1:] != period[:-1]
        there = sessions != NO_BAR
        self._begins &= there
        number = np.cumsum(self._begins, axis=0, dtype=np.int32)  # of the period in its column, from 1
        self._ends = np.zeros((int(number[-1].max(initial=0)) + 1, columns.size), dtype=np.int32)
        row, column = np.nonzero(there)
        self._ends[number[row, column], column] = row  # of several writes to one place numpy keeps the last
        self._number = number[height - tail :]
        self._tail = tail
        self.height = max(1, int(self._number.max(initial=0)))
        self.first: IntArray = (self.height - self._number).ravel().astype(np.int32)
        self._running: dict[str, FloatArray] = {}

    @property
    def statements(self) -> Statements:
        """What was said of each Symbol's capital."""
        return self._view.statements

    def session_of(self, rows: int) -> IntArray:
        raise AssertionError("the grammar keeps what asks for Sessions out of frames")

    def newest(self, name: str, rows: int) -> FloatArray:
        """The newest rows of a field, [rows, tail x symbols]."""
        running = self._run(name)
        out = np.full((rows, *self._number.shape), np.nan)
        out[-1] = running[running.shape[0] - self._tail :]
        lane = np.arange(self._number.shape[1])
        for back in range(1, rows):
            number = self._number - back
            end = self._ends[np.maximum(number, 0), lane]
            out[rows - 1 - back] = np.where(number >= 1, running[end, lane], np.nan)
        return out.reshape(rows, -1)

    def _run(self, name: str) -> FloatArray:
        """The field of the period so far, at each daily bar."""
        found = self._running.get(name)
        if found is None:
            daily = self._daily(name, self._daily_height)
            found = self._running[name] = daily if name == "close" else self._folded(name, daily)
        return found

    def _folded(self, name: str, daily: FloatArray) -> FloatArray:
        run = daily.copy()
        for row in range(1, run.shape[0]):
            before, now = run[row - 1], daily[row]
            match name:
                case "open":
                    joined = before
                case "high":
                    joined = np.maximum(before, now)
                case "low":
                    joined = np.minimum(before, now)
                case _:
                    joined = before + now
            run[row] = np.where(self._begins[row], now, joined)
        return run

"""Weeks and months of the daily bars of a view: the period each lies in, and its bar so far; nothing looks ahead."""

from __future__ import annotations

from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int32]
IndexArray = NDArray[np.int64]
Frame: TypeAlias = Literal["weekly", "monthly"]

Period: TypeAlias = Literal["week", "month"]
Days: TypeAlias = NDArray[np.datetime64]

_MONDAY = 4  # 1970-01-05, the first Monday numpy counts
_WEEK = 7
_MISSING = -1  # a row without a bar, in a view's Sessions


class Periods:
    """The periods of each column, from 1 in its first bar's.

    number  int32 [bars, symbols]: of the period each bar lies in; 0 where there is no bar
    begins  bool [bars, symbols]: whether a bar is the first of its period
    count   int32 [symbols]: of the newest bar's period
    height  periods of the column that has most, at least 1
    """

    def __init__(self, sessions: IntArray, days: Days, frame: Frame) -> None:
        of_session = beginnings(days, "week" if frame == "weekly" else "month").astype(np.int64)
        period = np.append(of_session, np.iinfo(np.int64).min)[sessions]  # the last is that of _MISSING
        self.begins = np.ones(period.shape, dtype=np.bool_)
        self.begins[1:] = period[1:] != period[:-1]
        self.begins &= sessions != _MISSING
        self.number: IntArray = np.cumsum(self.begins, axis=0, dtype=np.int32)
        self.count: IntArray = self.number[-1]
        self.height = max(1, int(self.count.max(initial=0)))
        self._running: dict[str, FloatArray] = {}
        self._bars: dict[str, FloatArray] = {}

    @property
    def held_bytes(self) -> int:
        """Memory of what was made so far."""
        made = [*list(self._running.values()), *list(self._bars.values())]
        return self.number.nbytes + self.begins.nbytes + sum(array.nbytes for array in made)

    def running(self, name: str, daily: FloatArray) -> FloatArray:
        """A field of each bar's period up to that bar [bars, symbols], made of the daily one at the first call."""
        if name == "close":
            return daily
        found = self._running.get(name)
        if found is None:
            found = self._running[name] = _folded(name, daily, self.begins)
        return found

    def bars(self, name: str, daily: FloatArray) -> FloatArray:
        """A field of every period, the newest in the last row: [height, symbols], NaN above a column's first."""
        found = self._bars.get(name)
        if found is None:
            found = self._bars[name] = self._laid(self.running(name, daily), slice(None))
        return found

    def _laid(self, run: FloatArray, columns: slice | IndexArray) -> FloatArray:
        """What a field is at the end of each period, of some columns: `run` [bars, columns]."""
        begins, number, count = self.begins[:, columns], self.number[:, columns], self.count[columns]
        laid = np.full((self.height, count.size), np.nan)
        ends = np.ones(begins.shape, dtype=np.bool_)
        ends[:-1] = begins[1:]
        row, column = np.nonzero(ends & (number > 0))
        laid[self.height - 1 - count[column] + number[row, column], column] = run[row, column]
        return laid


class RunningPeriods(Periods):
    """Periods of bars whose newest row is written again and again, and of which some columns are moved now and then."""

    def __init__(self, sessions: IntArray, days: Days, frame: Frame) -> None:
        super().__init__(sessions, days, frame)
        self._days, self._frame = days, frame
        self._moved: dict[str, IndexArray] = {}  # columns of a field that are to be made again
        self._is_new: set[str] = set()  # fields whose newest row is that of the bars

    def rewritten(self, sessions: IntArray, moved: IndexArray) -> None:
        """The newest row was written, and the bars of the columns `moved` lie in other Sessions than they did."""
        self._is_new.clear()
        if not moved.size:
            return
        theirs = Periods(sessions[:, moved], self._days, self._frame)
        self.begins[:, moved], self.number[:, moved] = theirs.begins, theirs.number
        height = max(1, int(self.count.max(initial=0)))
        if height != self.height:
            self.height = height
            self._running, self._bars, self._moved = {}, {}, {}
        for name in self._known():
            self._moved[name] = np.union1d(self._moved.get(name, moved), moved)

    def running(self, name: str, daily: FloatArray) -> FloatArray:
        self._renew(name, daily)
        return super().running(name, daily)

    def bars(self, name: str, daily: FloatArray) -> FloatArray:
        self._renew(name, daily)
        return super().bars(name, daily)

    def _known(self) -> set[str]:
        return {*self._running, *self._bars}

    def _renew(self, name: str, daily: FloatArray) -> None:
        if name in self._is_new:
            return
        self._is_new.add(name)
        run, bars = self._running.get(name), self._bars.get(name)
        columns = self._moved.pop(name, None)
        if columns is not None and run is not None:
            run[:, columns] = _folded(name, daily[:, columns], self.begins[:, columns])
        if run is not None and len(run) > 1:
            run[-1] = np.where(self.begins[-1], daily[-1], _joined(name, run[-2], daily[-1]))
        newest = daily if run is None else run
        if columns is not None and bars is not None:
            bars[:, columns] = self._laid(newest[:, columns], columns)
        if bars is not None:
            bars[-1] = newest[-1]


def _folded(name: str, daily: FloatArray, begins: NDArray[np.bool_]) -> FloatArray:
    run = daily.copy()
    for row in range(1, run.shape[0]):
        run[row] = np.where(begins[row], daily[row], _joined(name, run[row - 1], daily[row]))
    return run


def _joined(name: str, before: FloatArray, now: FloatArray) -> FloatArray:
    """A period's figure until a bar, and that bar's: of both together."""
    match name:
        case "open":
            return before
        case "high":
            return np.maximum(before, now)
        case "low":
            return np.minimum(before, now)
        case _:
            return before + now


def beginnings(day: Days, period: Period) -> Days:
    """The first day of the week (Monday) or month each day lies in."""
    if period == "month":
        return day.astype("datetime64[M]").astype("datetime64[D]")
    monday: Days = day.astype("datetime64[D]") - weekday(day).astype("timedelta64[D]")
    return monday


def weekday(day: Days) -> NDArray[np.int64]:
    """0 for Monday to 6 for Sunday."""
    return (day.astype("datetime64[D]").astype(np.int64) - _MONDAY) % _WEEK

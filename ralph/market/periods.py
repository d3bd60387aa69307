"""Weeks and months of the daily bars of a view: the period each lies in, and its bar so far; nothing looks ahead."""

from __future__ import annotations

from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int32]
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
            run = self.running(name, daily)
            found = np.full((self.height, self.count.size), np.nan)
            ends = np.ones(self.begins.shape, dtype=np.bool_)
            ends[:-1] = self.begins[1:]
            row, column = np.nonzero(ends & (self.number > 0))
            found[self.height - 1 - self.count[column] + self.number[row, column], column] = run[row, column]
            self._bars[name] = found
        return found


def _folded(name: str, daily: FloatArray, begins: NDArray[np.bool_]) -> FloatArray:
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
        run[row] = np.where(begins[row], now, joined)
    return run


def beginnings(day: Days, period: Period) -> Days:
    """The first day of the week (Monday) or month each day lies in."""
    if period == "month":
        return day.astype("datetime64[M]").astype("datetime64[D]")
    monday: Days = day.astype("datetime64[D]") - weekday(day).astype("timedelta64[D]")
    return monday


def weekday(day: Days) -> NDArray[np.int64]:
    """0 for Monday to 6 for Sunday."""
    return (day.astype("datetime64[D]").astype(np.int64) - _MONDAY) % _WEEK

"""Weekly and monthly bars made from daily ones."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
from numpy.typing import NDArray

from ralph.market.calendar import Calendar
from ralph.market.closed import FIRST_YEAR, LAST_YEAR, SATURDAY
from ralph.market.columns import BarColumns
from ralph.market.folding import fold, runs
from ralph.market.periods import Days, Period, beginnings, weekday

_WEEK = 7


@dataclass(frozen=True, eq=False)
class PeriodFrames:
    """Bars of weeks or months; their `day` is the Monday or the first of the month, whether it is a Session or not.

    last_day  datetime64[D] [bars]: the last Session that traded in it, with whose close the bar could be known
    partial   bool [bars]: whether a Session of the period was still to come
    """

    bars: BarColumns
    last_day: Days
    partial: NDArray[np.bool_]


def resample_days(bars: BarColumns, period: Period, through: date, calendar: Calendar | None) -> PeriodFrames:
    """Bars of a week (from Monday) or a month, from daily ones in any order.

    through   the newest Session of the whole market; bars after it are not looked at, and the period it lies in is
              partial until its last Session is reached, for Symbols without a bar there as well
    calendar  whose Sessions count; None where they are not known: then all weekdays do, or all days for a market that
              also trades on weekends

    Days without trade (volume 0) step aside; a period with no others has no bar.
    """
    newest = np.datetime64(through, "D")
    used = np.flatnonzero((bars.volume > 0) & (bars.day <= newest))
    symbol, day = bars.symbol[used], bars.day[used]
    order = np.lexsort((day, symbol))
    used, symbol, day = used[order], symbol[order], day[order]
    begins = beginnings(day, period)
    starts = runs(symbol, begins)
    last = (np.append(starts[1:], used.size) - 1)[: starts.size]
    folded = fold(bars, used, starts)
    current = beginnings(np.array([newest]), period)[0]
    is_open = _last_session(bars, period, through, calendar) > through
    frames = BarColumns(bars.listings, symbol[starts], begins[starts], **folded)
    return PeriodFrames(frames, day[last], (frames.day == current) & is_open)


def _last_session(bars: BarColumns, period: Period, through: date, calendar: Calendar | None) -> date:
    """The last Session of the period a day lies in."""
    if period == "week":
        following = through + timedelta(days=_WEEK - through.weekday())
    else:
        following = (through.replace(day=1) + timedelta(days=31)).replace(day=1)
    if calendar is not None and FIRST_YEAR < through.year < LAST_YEAR:
        return calendar.previous_session(following)
    last = following - timedelta(days=1)
    if (weekday(bars.day) >= SATURDAY).any():
        return last
    while last.weekday() >= SATURDAY:
        last -= timedelta(days=1)
    return last

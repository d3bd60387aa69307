"""Weeks and months of daily bars, as they were at each daily bar: the running one ends there, nothing looks ahead."""

from __future__ import annotations

from typing import Protocol, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from ralph.indicators.indicator import Indicator, Outputs
from ralph.indicators.live import Days, followed
from ralph.indicators.plan import Plan
from ralph.indicators.sources import MEANS
from ralph.market.capital import Statements
from ralph.market.panel import FloatArray, IntArray, Panel
from ralph.market.periods import Frame, Periods
from ralph.screens.catalogue import bound, indicators
from ralph.screens.tree import Field, Reading

FEWEST_BARS = {"weekly": 5, "monthly": 20}  # about as many daily bars a period has; for the estimate of cost only
FOLLOWED_FROM = 4  # daily bars from which on an indicator is followed bar by bar
FOLLOWED_CELLS = 12  # what one value costs that is followed, in values of one that is computed for all bars at once
NEVER_MISSING = frozenset(("open", "high", "low", "close", "volume"))

Kept = TypeVar("Kept", bound=np.generic)
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

    def periods(self, frame: Frame) -> Periods: ...

    @property
    def statements(self) -> Statements: ...


class Planned:
    """So many bars without any figures, at so many daily ones: enough to plan with."""

    panel: Panel

    def __init__(self, height: int, tail: int) -> None:
        self.height = height
        self.tail = tail
        self.first: IntArray = np.zeros(1, dtype=np.int32)

    def newest(self, name: str, rows: int) -> FloatArray:
        raise AssertionError("a plan is not computed")

    def session_of(self, rows: int) -> IntArray:
        raise AssertionError("a plan is not computed")

    def periods(self, frame: Frame) -> Periods:
        raise AssertionError("a plan is not computed")

    @property
    def statements(self) -> Statements:
        raise AssertionError("a plan is not computed")


class FrameBars:
    """Bars of a frame with a column for each (daily bar, Symbol) asked for: that Symbol's periods up to that bar.

    Its columns are those of [tail, symbols], row after row; the last row of each is its running period.
    """

    def __init__(self, view: Bars, columns: IndexArray | None, frame: Frame, tail: int) -> None:
        self._view = view
        self.panel = view.panel
        self._columns = columns
        self._periods = periods = view.periods(frame)
        self.tail = tail
        self._number = self._of_columns(periods.number[periods.number.shape[0] - tail :])
        self._away = self._of_columns(periods.count) - self._number  # periods back from each column's newest
        self.height = max(1, int(self._number.max(initial=0)))
        self.first: IntArray = (self.height - self._number).ravel().astype(np.int32)

    @property
    def statements(self) -> Statements:
        """What was said of each Symbol's capital."""
        return self._view.statements

    def session_of(self, rows: int) -> IntArray:
        raise AssertionError("the grammar keeps what asks for Sessions out of frames")

    def periods(self, frame: Frame) -> Periods:
        raise AssertionError("the grammar keeps frames out of frames")

    def newest(self, name: str, rows: int) -> FloatArray:
        """The newest rows of a field, [rows, tail x symbols]."""
        bars = self._bars(name)
        if self.tail == 1 and rows <= bars.shape[0]:
            return bars[bars.shape[0] - rows :]
        return self._laid(bars, self._running(name)[-self.tail :], rows)

    def reading(self, whole: Reading, rows: int) -> Outputs:
        """The newest rows of an indicator that `follows` said yes to, {output: [rows, tail x symbols]}.

        A period's closed bar is kept, the running ones are only looked at: to the last bit what all bars give.
        """
        indicator, plan = plan_of_reading(whole)
        fields = {name: field_of(indicator, whole, name) for name in plan.inputs}
        newest = self._followed(plan, fields)
        if rows == 1:
            return {name: newest[line].reshape(1, -1) for line, name in enumerate(indicator.outputs)}
        inputs = {
            name: self._of_columns(self._periods.bars(field, self._daily(field))) for name, field in fields.items()
        }
        height = self._periods.height
        first = (height - self._of_columns(self._periods.count)).astype(np.int32)
        closed = plan.last(inputs, first, height)
        return {name: self._laid(closed[line], newest[line], rows) for line, name in enumerate(indicator.outputs)}

    def _followed(self, plan: Plan, fields: dict[str, str]) -> FloatArray:
        """The values at the running bar of each daily one: [terms, tail, symbols]."""
        number = self._periods.number
        columns = np.arange(number.shape[1]) if self._columns is None else self._columns
        fed = {name: self._periods.running(field, self._daily(field)) for name, field in fields.items()}
        return followed(plan, fed, Days(number, columns), self.tail)

    def _laid(self, bars: FloatArray, newest: FloatArray, rows: int) -> FloatArray:
        """Values of periods [height, symbols] below those of the running ones [tail, symbols], for each daily bar."""
        out = np.full((rows, *self._number.shape), np.nan)
        out[-1] = newest
        lane = np.arange(self._number.shape[1])
        for back in range(1, rows):
            at = bars.shape[0] - 1 - self._away - back
            out[rows - 1 - back] = np.where(self._number > back, bars[np.maximum(at, 0), lane], np.nan)
        return out.reshape(rows, -1)

    def _daily(self, name: str) -> FloatArray:
        return self._view.newest(name, self._view.height)

    def _bars(self, name: str) -> FloatArray:
        return self._of_columns(self._periods.bars(name, self._daily(name)))

    def _running(self, name: str) -> FloatArray:
        return self._of_columns(self._periods.running(name, self._daily(name)))

    def _of_columns(self, rows: NDArray[Kept]) -> NDArray[Kept]:
        return rows if self._columns is None else np.take(rows, self._columns, axis=-1)


def follows(bars: Bars, whole: Reading) -> bool:
    """Whether `bars` give this indicator without its inputs: where many daily bars are asked for, and no period can
    be without a figure it reads."""
    if not isinstance(bars, FrameBars | Planned) or bars.tail < FOLLOWED_FROM:
        return False
    if whole.source is not None and not isinstance(whole.source, Field):
        return False
    indicator, plan = plan_of_reading(whole)
    return all(field_of(indicator, whole, name) in NEVER_MISSING for name in plan.inputs)


def plan_of_reading(whole: Reading) -> tuple[Indicator, Plan]:
    """An indicator of a screen, and how it is computed."""
    indicator = indicators()[whole.indicator]
    return indicator, indicator.plan(whole.mode, bound(whole.indicator, whole.params))


def field_of(indicator: Indicator, whole: Reading, name: str) -> str:
    """Which field an input is read from."""
    if name != "source":
        return name
    return whole.source.name if isinstance(whole.source, Field) else indicator.source or "close"


def has_no_holes(indicator: Indicator, whole: Reading) -> bool:
    """Whether the source of an indicator is a figure that no bar is without."""
    is_field = whole.source is None or isinstance(whole.source, Field)
    name = field_of(indicator, whole, "source")
    return is_field and (name in NEVER_MISSING or name in MEANS)

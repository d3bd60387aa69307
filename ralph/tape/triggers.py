"""Open Signals while the market is open: a Pivot that is crossed turns a Setup into a Signal, a stop or target ends it.

What happens is decided by the same life as after the close, on the day's bar so far; only what needs the close (a floor
under it, an age, the time to sell) waits for the evening, which writes the history.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from ralph.config import CostRules
from ralph.signals import life
from ralph.signals.signal import Signal
from ralph.signals.trading import Bar
from ralph.tape.board import Board
from ralph.tape.events import SignalMoved, instant_of

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

_NEVER = 1_000_000  # Sessions: while the market is open no age ends a Signal


class Triggers:
    """The open Signals of a Session, by place; levels are [signals], NaN where there is none.

    Signals of Symbols that the Session does not know, or whose base price is not the last close (an action of today
    changes their levels), are left to the evening; `left_out` counts them.
    """

    def __init__(self, signals: Sequence[Signal], board: Board, last_close: FloatArray, costs: CostRules) -> None:
        place = {code: at for at, code in enumerate(board.frame.universe)}
        on = board.frame.on
        kept = [
            each
            for each in signals
            if each.is_open
            and each.symbol in place
            and each.armed_on < on
            and last_close[place[each.symbol]] == board.frame.before[place[each.symbol]]
        ]
        self.left_out = len(signals) - len(kept)
        self._board = board
        self._on: date = on
        self._costs = costs
        self._signals = kept
        self._symbol = np.array([place[each.symbol] for each in kept], dtype=np.int64)
        self._above = np.full((2, len(kept)), np.nan)  # a high, an open so high moves it
        self._below = np.full((2, len(kept)), np.nan)  # a low, an open so low
        for at in range(len(kept)):
            self._set(at)

    def __len__(self) -> int:
        return len(self._signals)

    def check(self, symbols: IntArray) -> list[SignalMoved]:
        """What the newest prints of these Symbols have moved."""
        if not self._signals:
            return []
        touched = np.zeros(len(self._board.frame.universe), dtype=np.bool_)
        touched[symbols] = True
        at, day = self._symbol, self._board.day
        hit = (day.high[at] >= self._above[0]) | (day.open[at] >= self._above[1])
        hit |= (day.low[at] <= self._below[0]) | (day.open[at] <= self._below[1])
        hit &= touched[at] & (day.count[at] > 0)
        hit &= ~self._board.is_locked[at]
        return [moved for place in np.flatnonzero(hit).tolist() for moved in self._moved(place)]

    def _moved(self, place: int) -> list[SignalMoved]:
        signal, at, day = self._signals[place], int(self._symbol[place]), self._board.day
        # What was filled today was not held at the open.
        opened = signal.fill if signal.fill is not None and signal.triggered_on == self._on else float(day.open[at])
        bar = Bar(opened, float(day.high[at]), float(day.low[at]), float(day.close[at]), 1.0, True, False)
        ageless = replace(signal, plan=replace(signal.plan, arm_sessions=_NEVER, hold_sessions=_NEVER))
        moved, steps = life.advance(ageless, bar, life.Now(self._on, 0, 0, self._costs))
        self._signals[place] = moved = replace(moved, plan=signal.plan)
        self._set(place)
        when = instant_of(int(day.closed_at[at]))
        # Each step with the Signal as it is after all of them: a fill that is stopped at once says both.
        return [SignalMoved(event=step.state, signal=moved, at=when, steps=(step,)) for step in steps]

    def _set(self, place: int) -> None:
        """The prices at which a Signal moves next."""
        signal = self._signals[place]
        self._above[:, place] = self._below[:, place] = np.nan
        if not signal.is_open:
            return
        if signal.state == "triggered":
            stop, target, up, down = life.exit_levels(signal, self._on).tolist()
            is_today = signal.triggered_on == self._on
            self._above[:, place] = target, np.nan if is_today else up
            self._below[:, place] = stop, np.nan if is_today else down
        elif signal.plan.entry == "open":
            self._above[1, place] = -np.inf
        else:
            self._above[0, place] = signal.levels.entry
            self._below[1, place] = signal.levels.stop

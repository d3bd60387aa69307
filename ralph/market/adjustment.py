"""Back-adjustment: what splits, bonus issues and the like make of the prices and volumes before them.

An action's `ratio` says what one old share becomes: 2 for a split of one into two, 0.1 for ten merged into one, 1.2 for
a bonus issue of one for five. For a rights issue it is the last close over the base price. Bars as traded (raw) before
the day of the action are divided by it in price and multiplied by it in volume; traded value stays what it was. Nothing
of an action is known before its day. The product of several ratios is taken from the newest to the oldest, so that it
has the same bits wherever it is made.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from ralph.market.flags import JUMP_RATIO, RAW, Flag
from ralph.market.symbol import Symbol

FloatArray = NDArray[np.float64]
IndexArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

ActionKind = Literal["split", "reverse_split", "bonus", "par_change", "rights", "other"]

ADJUSTED = ("open", "high", "low", "close", "volume")
"""The fields that actions change."""

_JUMP = np.uint8(Flag.JUMP)
_NOTHING = np.empty(0, dtype=np.int64)
_NOTHING.flags.writeable = False


class Action(msgspec.Struct, frozen=True, order=True):
    """A confirmed corporate action: from the Session `on` an old share is `ratio` shares."""

    symbol: Symbol
    on: date
    kind: ActionKind
    ratio: float


@dataclass(frozen=True, eq=False)
class Raw:
    """Bars as traded of the Panel's columns that an action changed.

    columns  int64 [k]: which columns, ascending
    fields   float64 [k, bars] for each name of ADJUSTED; the rows of the Panel, the Symbols first, so that a Symbol's
             bars lie side by side
    """

    columns: IndexArray
    fields: Mapping[str, FloatArray]

    @staticmethod
    def none(bar_count: int = 0) -> Raw:
        """Where no action has changed anything."""
        nothing = np.empty((0, bar_count))
        nothing.flags.writeable = False
        return Raw(_NOTHING, dict.fromkeys(ADJUSTED, nothing))


@dataclass(frozen=True, eq=False)
class Steps:
    """Where actions cut columns of a Panel, by place, the newest of each column first; one element an action.

    place  index into the columns they were found for; row: of the first bar on or after the day (the number of rows
           where there is none yet); day; ratio
    """

    place: IndexArray
    row: IndexArray
    day: NDArray[np.datetime64]
    ratio: FloatArray

    def of(self, chosen: BoolArray) -> Steps:
        """Some of them."""
        return Steps(self.place[chosen], self.row[chosen], self.day[chosen], self.ratio[chosen])

    def factors(self, is_raw: BoolArray, until: np.datetime64) -> FloatArray:
        """What divides a price and multiplies a volume as of a day: [k, bars]; 1 where a bar is not raw."""
        factors = np.ones(is_raw.shape)
        for place, row, day, ratio in zip(
            self.place.tolist(), self.row.tolist(), self.day, self.ratio.tolist(), strict=True
        ):
            if day <= until:
                factors[place, :row] *= ratio
        factors[~is_raw] = 1.0
        return factors


def steps_of(actions: Sequence[Action], place: Mapping[Symbol, int], columns: IndexArray, panel: PanelRows) -> Steps:
    """The steps of these actions in some columns; `place` says in which column of `columns` a Symbol stands."""
    found: list[tuple[int, int, date, float]] = []
    for action in sorted(actions, reverse=True):
        at = place.get(action.symbol)
        if at is not None:
            found.append((at, panel.first_row(int(columns[at]), action.on), action.on, action.ratio))
    found.sort(key=lambda step: step[0])  # stable: the newest stay first
    if not found:
        return Steps(_NOTHING, _NOTHING, np.empty(0, dtype="datetime64[D]"), np.empty(0))
    places, rows, days, ratios = zip(*found, strict=True)
    return Steps(
        np.array(places, dtype=np.int64),
        np.array(rows, dtype=np.int64),
        np.array(days, dtype="datetime64[D]"),
        np.array(ratios, dtype=np.float64),
    )


@dataclass(frozen=True, eq=False)
class PanelRows:
    """The Sessions of a Panel and its map from Session and Symbol to a row."""

    sessions: NDArray[np.datetime64]
    rows: NDArray[np.int32]
    bar_count: int

    def first_row(self, column: int, day: date) -> int:
        """The row of a Symbol's first traded bar on or after a day; the number of rows where there is none."""
        session = int(np.searchsorted(self.sessions, np.datetime64(day, "D")))
        rows = self.rows[session:, column]
        traded = rows >= 0
        return int(rows[traded.argmax()]) if traded.any() else self.bar_count


def in_effect(actions: Sequence[Action], place: Mapping[Symbol, int], until: np.datetime64) -> IndexArray:
    """The columns of Symbols with an action up to a day, ascending."""
    columns = {
        place[action.symbol] for action in actions if action.symbol in place and np.datetime64(action.on) <= until
    }
    return np.array(sorted(columns), dtype=np.int64)


def mark_jumps(
    flags: NDArray[np.uint8], close: FloatArray, first: NDArray[np.int32], steps: Steps, until: np.datetime64
) -> None:
    """Measures the jump at each step anew, over the ratio, where both bars are raw: [k, bars], written in place."""
    grown: dict[tuple[int, int], float] = {}
    for place, row, day, ratio in zip(steps.place.tolist(), steps.row.tolist(), steps.day, steps.ratio, strict=True):
        if day <= until:
            grown[place, row] = grown.get((place, row), 1.0) * ratio
    for (place, row), ratio in grown.items():
        if first[place] < row < flags.shape[1] and flags[place, row] & flags[place, row - 1] & RAW:
            jumps = abs(close[place, row] * ratio / close[place, row - 1] - 1.0) > JUMP_RATIO
            flags[place, row] = (flags[place, row] & ~_JUMP) | (_JUMP if jumps else np.uint8(0))


def adjusted(name: str, raw: FloatArray, factors: FloatArray) -> FloatArray:
    """A field as of the day of the factors."""
    return raw * factors if name == "volume" else raw / factors

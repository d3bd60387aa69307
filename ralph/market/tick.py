"""Ticks as batches of columns: trade prints, index values, and what the exchange says of a Symbol's trading."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

IntArray = NDArray[np.int64]
IndexArray = NDArray[np.int32]
FloatArray = NDArray[np.float64]

INDEX_NAMES = ("KOSPI", "KOSDAQ")
"""What `IndexTicks.name` points into."""


class Trading(IntEnum):
    """What the exchange says of a Symbol: it trades, it is halted, or a volatility interruption collects orders."""

    OPEN = 0
    HALTED = 1
    INTERRUPTED = 2


@dataclass(frozen=True, eq=False)
class Ticks:
    """Trade prints in order of arrival; every array has one element a print.

    symbol  int32: index into the feed's universe of codes
    price   won; size in shares
    at      UTC nanoseconds, the exchange's time
    number  the exchange's own count of this Symbol's prints in its Session, from 1: one seen before is a duplicate
    """

    symbol: IndexArray
    price: FloatArray
    size: IntArray
    at: IntArray
    number: IntArray

    def __len__(self) -> int:
        return int(self.symbol.size)

    def take(self, rows: IntArray | slice) -> Ticks:
        """Some of them."""
        return Ticks(self.symbol[rows], self.price[rows], self.size[rows], self.at[rows], self.number[rows])

    @classmethod
    def joined(cls, parts: list[Ticks]) -> Ticks:
        """One batch after the other."""
        if not parts:
            return NO_TICKS
        columns = ("symbol", "price", "size", "at", "number")
        return cls(*(np.concatenate([getattr(part, name) for part in parts]) for name in columns))


@dataclass(frozen=True, eq=False)
class IndexTicks:
    """Values of indices: `name` int32 into INDEX_NAMES, `value` in points, `at` UTC nanoseconds."""

    name: IndexArray
    value: FloatArray
    at: IntArray


@dataclass(frozen=True, eq=False)
class Notices:
    """What the exchange says: `symbol` int32 into the universe, `trading` int64 of Trading, `at` UTC nanoseconds."""

    symbol: IndexArray
    trading: IntArray
    at: IntArray


_NONE = np.zeros(0, dtype=np.int64)
_NOBODY = np.zeros(0, dtype=np.int32)
_NOTHING = np.zeros(0)

NO_TICKS = Ticks(_NOBODY, _NOTHING, _NONE, _NONE, _NONE)
NO_INDICES = IndexTicks(_NOBODY, _NOTHING, _NONE)
NO_NOTICES = Notices(_NOBODY, _NONE, _NONE)


class Batch(NamedTuple):
    """What a feed brings at once. now: the feed's clock, UTC nanoseconds; it says that a minute is over."""

    now: int
    ticks: Ticks = NO_TICKS
    indices: IndexTicks = NO_INDICES
    notices: Notices = NO_NOTICES

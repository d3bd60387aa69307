"""Trade prints that make given minute bars: the first is the open, the last the close, high and low are among them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ralph.market.tick import Ticks
from ralph.simulator.draws import Draws
from ralph.simulator.live_minutes import PRINTS_A_MINUTE, Ladders

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

MINUTE_NS = 60_000_000_000
_GRAIN_NS = 1_000  # databases keep microseconds


@dataclass(frozen=True, eq=False)
class MinuteBars:
    """The bars of one minute, one element a Symbol that trades in it: `symbol` is its place in the universe.

    single  its first print is the price of an auction, made as the minute begins
    """

    symbol: IntArray
    open: FloatArray
    high: FloatArray
    low: FloatArray
    close: FloatArray
    volume: IntArray
    single: NDArray[np.bool_]


class Span(NamedTuple):
    """When a minute begins and how long its prints are spread, UTC nanoseconds; 0 for the print of an auction."""

    begins_at: int
    length_ns: int


def draw_ticks(
    draw: Draws, bars: MinuteBars, span: Span, prints: IntArray, counted: IntArray, ladders: Ladders
) -> Ticks:
    """The prints of a minute by time; `counted` [universe] goes up by those of each Symbol.

    draw    a stream as wide as all prints together
    prints  how many each Symbol shall have; it gets fewer where it has fewer shares, and enough for its prices
    """
    begins = np.cumsum(prints) - prints
    of = np.repeat(np.arange(prints.size), prints)
    place = np.arange(of.size) - begins[of]
    count = prints[of]
    price = _prices(draw, bars, (of, place, count), ladders)
    size = _sizes(draw, bars.volume, (of, begins, prints))
    spread = (place + draw.uniform()) / count * span.length_ns
    spread[(place == 0) & bars.single[of]] = 0.0
    at = span.begins_at + spread.astype(np.int64) // _GRAIN_NS * _GRAIN_NS
    symbol = bars.symbol[of]
    number = counted[symbol] + place + 1
    counted[bars.symbol] += prints
    order = np.argsort(at, kind="stable")  # of one instant: by Symbol, then by number
    return Ticks(symbol.astype(np.int32), price, size, at, number).take(order)


def prints_of(bars: MinuteBars, wanted: IntArray) -> IntArray:
    """As many prints as are wanted, within what the shares and the prices of each minute allow."""
    least = np.minimum(bars.volume, PRINTS_A_MINUTE)
    flat = (bars.open == bars.close) & (bars.high == bars.low) & (bars.open == bars.high)
    return np.minimum(np.maximum(wanted, np.where(flat, 1, least)), bars.volume)


def _prices(draw: Draws, bars: MinuteBars, prints: tuple[IntArray, IntArray, IntArray], ladders: Ladders) -> FloatArray:
    of, place, count = prints
    opened, high, low, close = (each[of] for each in (bars.open, bars.high, bars.low, bars.close))
    wander = opened + (close - opened) * (place / np.maximum(count - 1, 1)) + (draw.uniform() - 0.5) * (high - low)
    price = np.minimum(np.maximum(ladders.down(wander, bars.symbol[of]), low), high)
    # Where high and low stand among the others: two different places that are neither first nor last.
    chance, other = draw.uniform(), draw.uniform()
    first = np.flatnonzero(place == 0)
    inner = np.maximum(count[first] - 2, 1)
    at_high = 1 + (chance[first] * inner).astype(np.int64)
    step = 1 + (other[first] * np.maximum(inner - 1, 1)).astype(np.int64)
    at_low = 1 + (at_high - 1 + step) % inner
    has_both = count >= PRINTS_A_MINUTE
    price = np.where(has_both & (place == at_high[of]), high, price)
    price = np.where(has_both & (place == at_low[of]), low, price)
    is_up = high > np.maximum(opened, close)
    price = np.where((count == PRINTS_A_MINUTE - 1) & (place == 1), np.where(is_up, high, low), price)
    price = np.where(place == 0, opened, price)
    return np.where((place == count - 1) & (count > 1), close, price)


def _sizes(draw: Draws, volume: IntArray, prints: tuple[IntArray, IntArray, IntArray]) -> IntArray:
    """Whole shares, at least one a print, that sum up to each volume."""
    of, begins, count = prints
    weight = draw.uniform()
    weight = 0.02 + weight * weight * weight
    total = np.cumsum(weight)
    before = np.where(begins > 0, total[begins - 1], 0.0)
    own, whole = total - before[of], total[begins + count - 1] - before
    given = np.floor(own / whole[of] * (volume - count)[of]).astype(np.int64)
    at_first = np.zeros(of.size, dtype=np.bool_)
    at_first[begins] = True
    sizes: IntArray = 1 + given - np.where(at_first, 0, np.concatenate(([0], given[:-1])))
    return sizes

"""Paths of a Session from minute to minute that keep to its daily bars: open, high, low, close and volume.

A path leads from the open over the high and the low, at minutes that are drawn, to the close; between them it wanders
on the tick ladder and never leaves the day's range. As in `draws`, only exactly rounded operations are used, so that
a seed gives the same bytes everywhere.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ralph.market.ticks import Ladder, tick_sizes
from ralph.simulator.draws import Draws

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

INTERRUPTED_AT = 0.10  # from the opening price: then orders are collected for one price
INTERRUPTED_MINUTES = 2
PRINTS_A_MINUTE = 4  # open, high, low and close of a minute can all be different
FEW_SHARES = 16  # a day of fewer is a handful of prints
_OPENING, _CLOSING = 0.04, 0.07  # of the day's volume in the auctions
_SHARES_A_MINUTE = 12  # a Symbol that trades fewer is silent in some of its minutes
_WANDER, _HOLDS = 0.035, 0.93  # of the day's range a minute; what is left of it in the next


@dataclass(frozen=True, eq=False)
class DayBars:
    """The daily bars of a Session, one element a Symbol: won and whole shares; volume 0 where it is halted."""

    open: FloatArray
    high: FloatArray
    low: FloatArray
    close: FloatArray
    volume: IntArray


@dataclass(frozen=True, eq=False)
class MinutePaths:
    """Minute bars of a Session [minutes, symbols], volume 0 where nothing traded (prices are not to be read there).

    The last row is the print of the closing auction. interrupted: the first minute [symbols] of a volatility
    interruption, -1 where there is none.
    """

    open: FloatArray
    high: FloatArray
    low: FloatArray
    close: FloatArray
    volume: IntArray
    interrupted: IntArray


class Ladders:
    """The tick ladders of some Symbols; `of` [symbols]: which one is a Symbol's."""

    def __init__(self, ladders: tuple[Ladder, ...], of: IntArray) -> None:
        self._ladders = ladders
        self._of = of

    def down(self, price: FloatArray, symbol: IntArray | None = None) -> FloatArray:
        """The nearest prices on the ladder that are not above; the last axis is that of `symbol` (all where None)."""
        of = self._of if symbol is None else self._of[symbol]
        out = np.empty_like(price)
        for place, ladder in enumerate(self._ladders):
            mine = of == place
            won = price[..., mine].astype(np.int64)
            out[..., mine] = won - won % tick_sizes(won, ladder)
        return out


def draw_paths(seed: int, stream: str, bars: DayBars, minutes: int, ladders: Ladders) -> MinutePaths:
    """The paths of a Session of so many minutes of continuous trading, before the closing auction."""
    draws = Draws(seed, f"minutes {stream}", bars.open.size)
    highest_at = _turns_at(draws, bars.high == bars.open, minutes)
    lowest_at = _turns_at(draws, bars.low == bars.open, minutes)
    close = _wander(draws, bars, (highest_at, lowest_at), minutes, ladders)
    interrupted = _interruptions(close, bars)
    for at in (highest_at, lowest_at):  # nothing trades while orders are collected
        inside = (interrupted >= 0) & (at >= interrupted) & (at < interrupted + INTERRUPTED_MINUTES)
        at[inside] = interrupted[inside] + INTERRUPTED_MINUTES
    is_few = bars.volume < FEW_SHARES
    opened, high, low = _wicks(draws, bars, close, ladders)
    every = np.arange(bars.open.size)
    high[highest_at, every], low[lowest_at, every] = bars.high, bars.low
    volume = _volumes(draws, bars, (highest_at, lowest_at), interrupted, np.abs(close - opened))
    _few(bars, np.flatnonzero(is_few), (highest_at, lowest_at), (opened, high, low, close, volume))
    closing = np.where(bars.volume > 0, bars.volume - volume.sum(axis=0), 0)

    def with_last(price: FloatArray) -> FloatArray:
        return np.concatenate((price, bars.close[None]))

    return MinutePaths(
        open=with_last(opened),
        high=with_last(high),
        low=with_last(low),
        close=with_last(close),
        volume=np.concatenate((volume, closing[None])),
        interrupted=interrupted,
    )


def _turns_at(draws: Draws, is_at_open: BoolArray, minutes: int) -> IntArray:
    """The minute of an extreme: rather early or late than around noon."""
    place = draws.uniform()
    early = place * place
    late = draws.uniform() < 0.4
    at = (np.where(late, 1.0 - early, early) * minutes).astype(np.int64)
    return np.where(is_at_open, 0, np.clip(at, 0, minutes - 1))


def _wander(
    draws: Draws, bars: DayBars, turns: tuple[IntArray, IntArray], minutes: int, ladders: Ladders
) -> FloatArray:
    """Closes [minutes, symbols]: straight from turn to turn, and something that wanders around it."""
    highest_at, lowest_at = turns
    is_high_first = highest_at <= lowest_at
    first_at, second_at = np.minimum(highest_at, lowest_at), np.maximum(highest_at, lowest_at)
    first = np.where(is_high_first, bars.high, bars.low)
    second = np.where(is_high_first, bars.low, bars.high)
    span = bars.high - bars.low
    stays = (bars.close == bars.high) & (highest_at >= lowest_at)  # at its high to the end, as at the upper limit
    away = np.zeros(bars.open.size)
    close = np.empty((minutes, bars.open.size))
    for minute in range(minutes):
        away = _HOLDS * away + _WANDER * span * draws.shock()
        until_first = bars.open + (first - bars.open) * ((minute + 1) / (first_at + 1.0))
        until_second = first + (second - first) * ((minute - first_at) / np.maximum(second_at - first_at, 1))
        until_close = second + (bars.close - second) * ((minute - second_at) / (minutes - second_at))
        line = np.where(minute < first_at, until_first, np.where(minute < second_at, until_second, until_close))
        close[minute] = line + np.where(stays & (minute >= second_at), 0.0, away)
    return _within(ladders.down(np.maximum(close, 0.0)), bars)


def _within(price: FloatArray, bars: DayBars) -> FloatArray:
    return np.minimum(np.maximum(price, bars.low), bars.high)


def _interruptions(close: FloatArray, bars: DayBars) -> IntArray:
    """The minute after the first that closes so far from the opening price, -1 where there is none or it is late."""
    far = np.abs(close - bars.open) >= INTERRUPTED_AT * np.maximum(bars.open, 1e-9)
    at = far.argmax(axis=0) + 1
    has = far.any(axis=0) & (at < close.shape[0] - 2 * INTERRUPTED_MINUTES) & (bars.volume >= FEW_SHARES)
    return np.where(has, at, -1)


def _wicks(
    draws: Draws, bars: DayBars, close: FloatArray, ladders: Ladders
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Open, high and low of minutes [minutes, symbols] around their closes."""
    opened = np.concatenate((bars.open[None], close[:-1]))
    span = 0.02 * (bars.high - bars.low)
    high, low = np.empty_like(close), np.empty_like(close)
    for minute in range(close.shape[0]):
        up, down = draws.uniform(), draws.uniform()
        high[minute] = np.maximum(opened[minute], close[minute]) + up * up * span
        low[minute] = np.minimum(opened[minute], close[minute]) - down * down * span
    high = np.maximum(_within(ladders.down(high), bars), np.maximum(opened, close))
    low = np.minimum(_within(ladders.down(np.maximum(low, 0.0)), bars), np.minimum(opened, close))
    return opened, high, low


def _volumes(
    draws: Draws, bars: DayBars, turns: tuple[IntArray, IntArray], interrupted: IntArray, moves: FloatArray
) -> IntArray:
    """Shares of each minute [minutes, symbols], most at both ends of the day and on moves; the rest of the day's
    volume is left to the closing auction."""
    minutes, symbols = moves.shape
    whole = bars.volume.astype(np.float64)
    at = np.arange(minutes)[:, None]
    hour = 2.0 * at / minutes - 1.0
    span = np.maximum(bars.high - bars.low, 1e-9)
    weight = (0.5 + 1.3 * hour * hour) * (1.0 + 8.0 * moves / span)
    active = np.empty((minutes, symbols), dtype=np.bool_)
    liveliness = whole / (_SHARES_A_MINUTE * minutes)
    for minute in range(minutes):
        size = draws.uniform()
        weight[minute] *= 0.25 + 1.5 * size * size
        active[minute] = draws.uniform() < liveliness
    every = np.arange(symbols)
    quiet = (interrupted >= 0) & (at >= interrupted) & (at < interrupted + INTERRUPTED_MINUTES)
    active[0] = True
    active &= ~quiet
    for turn in turns:
        active[turn, every] = True
    resumed = np.flatnonzero(interrupted >= 0)
    active[interrupted[resumed] + INTERRUPTED_MINUTES, resumed] = True
    weight = np.where(active, weight, 0.0)
    least = PRINTS_A_MINUTE * active.sum(axis=0)
    closing = np.maximum((_CLOSING * whole).astype(np.int64), 1)
    opening = (_OPENING * whole).astype(np.int64)
    spare = bars.volume - least - closing - opening
    is_short = spare < 0  # by luck too many minutes for its shares: only its turns are left
    if is_short.any():
        turned = np.zeros_like(active)
        turned[0] = True
        for turn in turns:
            turned[turn, every] = True
        active[:, is_short] = turned[:, is_short]
        weight = np.where(active, weight, 0.0)
        least = PRINTS_A_MINUTE * active.sum(axis=0)
        opening = np.where(is_short, 0, opening)
        closing = np.where(is_short, 1, closing)
        spare = np.maximum(bars.volume - least - closing - opening, 0)
    total = np.cumsum(weight, axis=0)
    given = np.floor(total / np.maximum(total[-1], 1e-300) * spare).astype(np.int64)
    volume: IntArray = np.diff(given, axis=0, prepend=0) + np.where(active, PRINTS_A_MINUTE, 0)
    volume[0] += opening
    volume[:, bars.volume < FEW_SHARES] = 0
    return volume


def _few(
    bars: DayBars,
    symbols: IntArray,
    turns: tuple[IntArray, IntArray],
    paths: tuple[FloatArray, FloatArray, FloatArray, FloatArray, IntArray],
) -> None:
    """Days of a few shares: one print for each price that the bar needs, the rest of the volume at the close."""
    *prices, volume = paths
    for symbol in symbols.tolist():
        left = int(bars.volume[symbol]) - 1  # the closing print
        wanted = [(0, bars.open[symbol])]
        ends = (bars.open[symbol], bars.close[symbol])
        for turn, price in ((turns[0], bars.high[symbol]), (turns[1], bars.low[symbol])):
            if price not in ends:
                wanted.append((int(turn[symbol]), price))
        used: set[int] = set()
        for at, price in wanted[: max(left, 0)]:
            minute = at
            while minute in used:
                minute = (minute + 1) % volume.shape[0]
            used.add(minute)
            for each in prices:
                each[minute, symbol] = price
            volume[minute, symbol] = 1

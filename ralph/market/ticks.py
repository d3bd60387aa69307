"""Tick sizes and daily price limits of Korean shares, by date (funds, notes and warrants have ladders of their own)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

from ralph.errors import BadParameter

WonArray = NDArray[np.int64]


@dataclass(frozen=True)
class Ladder:
    """Tick sizes in force from a day on: `sizes[i]` for prices below `below[i]`, the last size for all others; won."""

    since: date
    below: tuple[int, ...]
    sizes: tuple[int, ...]


_UNIFIED = Ladder(date(2023, 1, 25), (2_000, 5_000, 20_000, 50_000, 200_000, 500_000), (1, 5, 10, 50, 100, 500, 1_000))
_LIMITS_SINCE = date(2015, 6, 15)
"""Since then the limit is 30 %; the older ladders are stated from there on too, as the rules before are not kept."""

LADDERS: dict[str, tuple[Ladder, ...]] = {
    "KOSPI": (
        Ladder(_LIMITS_SINCE, (1_000, 5_000, 10_000, 50_000, 100_000, 500_000), (1, 5, 10, 50, 100, 500, 1_000)),
        _UNIFIED,
    ),
    "KOSDAQ": (
        Ladder(_LIMITS_SINCE, (1_000, 5_000, 10_000, 50_000), (1, 5, 10, 50, 100)),
        _UNIFIED,
    ),
}
"""By market, oldest first. Checked against 400,000 unadjusted bars of 2021-2026."""


def ladder_on(day: date, market: str = "KOSPI") -> Ladder:
    """The tick sizes of a market on a day; BadParameter for a market or a time not known."""
    ladders = LADDERS.get(market)
    if ladders is None:
        known = ", ".join(LADDERS)
        raise BadParameter(f"no tick sizes of the market {market!r}; known: {known}", field="market", accepted=known)
    in_force = [ladder for ladder in ladders if ladder.since <= day]
    if not in_force:
        since = f"dates from {ladders[0].since}"
        raise BadParameter(f"no tick sizes of {market} on {day}; give {since}", field="day", accepted=since)
    return in_force[-1]


def tick_sizes(price: WonArray, ladder: Ladder) -> WonArray:
    """The tick at each price, won."""
    sizes = np.array(ladder.sizes, dtype=np.int64)
    return sizes[np.searchsorted(np.array(ladder.below, dtype=np.int64), price, side="right")]


def floor_to_tick(price: WonArray, ladder: Ladder) -> WonArray:
    """The highest price of the ladder that is not above each price."""
    return price - price % tick_sizes(price, ladder)


def ceil_to_tick(price: WonArray, ladder: Ladder) -> WonArray:
    """The lowest price of the ladder that is not below each price."""
    return price + -price % tick_sizes(price, ladder)


def price_limits(base: WonArray, ladder: Ladder) -> tuple[WonArray, WonArray]:
    """The lowest and the highest price of a Session, from its base price (the close before, after adjustments).

    30 % of the base is cut to the base's own tick, and base -/+ that width moves inward to the tick of where it lies:
    so 6,820 falls to 4,780 at most and not to 4,775.
    """
    width = base * 3 // 10
    width -= width % tick_sizes(base, ladder)
    return ceil_to_tick(base - width, ladder), floor_to_tick(base + width, ladder)

"""Tick sizes and daily price limits of the Korean market, by date, market and kind."""

from __future__ import annotations

from bisect import bisect_right
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

FUND_KINDS = frozenset({"etf", "etn", "elw"})
"""Kinds of listings that are no shares: ladders of their own, no sell tax."""

_FUNDS = Ladder(_LIMITS_SINCE, (), (5,))
_CHEAP_FUNDS = Ladder(date(2023, 12, 11), (2_000,), (1, 5))

FUND_LADDERS: dict[str, tuple[Ladder, ...]] = {
    "etf": (_FUNDS, _CHEAP_FUNDS),
    "etn": (_FUNDS, _CHEAP_FUNDS),
    "elw": (_FUNDS,),
}
"""By kind, oldest first. The change was announced for December 2023; its day is remembered, not looked up."""

LADDERS: dict[str, tuple[Ladder, ...]] = {
    "KOSPI": (
        Ladder(_LIMITS_SINCE, (1_000, 5_000, 10_000, 50_000, 100_000, 500_000), (1, 5, 10, 50, 100, 500, 1_000)),
        _UNIFIED,
    ),
    "KOSDAQ": (
        Ladder(_LIMITS_SINCE, (1_000, 5_000, 10_000, 50_000), (1, 5, 10, 50, 100)),
        _UNIFIED,
    ),
    "KONEX": (_UNIFIED,),
}
"""By market, oldest first. Checked against 400,000 unadjusted bars of 2021-2026."""


@dataclass(frozen=True)
class Limit:
    """The daily price limit in force from a day on, percent of the base price on either side."""

    since: date
    pct: int


LIMITS: dict[str, tuple[Limit, ...]] = {
    "KOSPI": (Limit(date(2000, 1, 1), 15), Limit(_LIMITS_SINCE, 30)),
    "KOSDAQ": (Limit(date(2000, 1, 1), 12), Limit(date(2005, 3, 28), 15), Limit(_LIMITS_SINCE, 30)),
    "KONEX": (Limit(date(2013, 7, 1), 15),),
}
"""By market, oldest first; seen as peaks of the daily changes of 2000-2022. Funds have their market's limit times their
leverage, warrants none."""


def board_of(market: str) -> str:
    """The market whose rules hold: `KOSDAQ GLOBAL` is a segment of KOSDAQ."""
    return market.removesuffix(" GLOBAL")


def limit_pct_on(day: date, market: str = "KOSPI") -> int:
    """The daily price limit on a day, percent; BadParameter for a market or a time not known."""
    limits = LIMITS.get(board_of(market))
    if limits is None:
        known = ", ".join(LIMITS)
        raise BadParameter(f"no price limit of the market {market!r}; known: {known}", field="market", accepted=known)
    in_force = [limit for limit in limits if limit.since <= day]
    if not in_force:
        since = f"dates from {limits[0].since}"
        raise BadParameter(f"no price limit of {market} on {day}; give {since}", field="day", accepted=since)
    return in_force[-1].pct


def ladder_on(day: date, market: str = "KOSPI", kind: str = "common") -> Ladder:
    """The tick sizes of a market, and of funds in it, on a day; BadParameter for a market or a time not known."""
    ladders = LADDERS.get(board_of(market))
    if kind.lower() in FUND_KINDS:
        ladders = FUND_LADDERS[kind.lower()]
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


def tick_size(price: int, ladder: Ladder) -> int:
    """The tick at one price, won: without the cost of an array."""
    return ladder.sizes[bisect_right(ladder.below, price)]


def floor_to_tick(price: WonArray, ladder: Ladder) -> WonArray:
    """The highest price of the ladder that is not above each price."""
    return price - price % tick_sizes(price, ladder)


def ceil_to_tick(price: WonArray, ladder: Ladder) -> WonArray:
    """The lowest price of the ladder that is not below each price."""
    return price + -price % tick_sizes(price, ladder)


def price_limits(base: WonArray, ladder: Ladder, limit_pct: int = 30) -> tuple[WonArray, WonArray]:
    """The lowest and the highest price of a Session, from its base price (the close before, after adjustments).

    The limit (30 % of the base) is cut to the base's own tick, and base -/+ that width moves inward to the tick of
    where it lies: so 6,820 falls to 4,780 at most and not to 4,775.
    """
    width = base * limit_pct // 100
    width -= width % tick_sizes(base, ladder)
    return ceil_to_tick(base - width, ladder), floor_to_tick(base + width, ladder)

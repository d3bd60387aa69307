"""The prices of a Signal, on the tick grid of their market and date."""

from __future__ import annotations

import math
from datetime import date
from functools import lru_cache
from typing import NamedTuple

from ralph.market.symbol import Listing, is_korean
from ralph.market.ticks import LADDERS, Ladder, board_of, ladder_on, tick_size
from ralph.signals.signal import Levels, Plan, Signal

DECIMALS = 4  # 3 % of a price is meant exactly: what a float adds to it must not move it by a tick


class Grid(NamedTuple):
    """Where prices may lie; without a ladder anywhere."""

    ladder: Ladder | None

    def down(self, price: float) -> float:
        """The highest price of the grid that is not above."""
        if self.ladder is None:
            return price
        whole = math.floor(round(price, DECIMALS))
        return float(whole - whole % tick_size(whole, self.ladder))

    def up(self, price: float) -> float:
        """The lowest price of the grid that is not below."""
        if self.ladder is None:
            return price
        whole = math.ceil(round(price, DECIMALS))
        return float(whole + -whole % tick_size(whole, self.ladder))


def grid_of(listing: Listing | Signal, on: date) -> Grid:
    """The grid of a Symbol or Signal: KOSPI's where a Korean market is not known, the oldest for older days."""
    if not _is_korean(listing):
        return Grid(None)
    return _grid(board_of(listing.market or "KOSPI"), listing.kind or "common", on)


def _is_korean(listing: Listing | Signal) -> bool:
    return is_korean(Listing(symbol=listing.symbol, market=listing.market))


@lru_cache(maxsize=1_024)
def _grid(market: str, kind: str, on: date) -> Grid:
    since = LADDERS[market][0].since
    return Grid(ladder_on(max(on, since), market, kind))


def levels(entry: float, plan: Plan, grid: Grid) -> Levels:
    """Stop and targets of an entry: the stop is the higher of the floor and `stop_ratio` below it."""
    lowest = entry * (1.0 - plan.stop_ratio)
    floor = -math.inf if plan.floor is None else plan.floor
    stop = grid.down(max(lowest, floor))
    if plan.target_ratio is not None:
        return Levels(entry, stop, (grid.up(entry * (1.0 + plan.target_ratio)),))
    return Levels(entry, stop, tuple(grid.up(entry + r * (entry - stop)) for r in plan.targets_r))

"""What scanners return: Setups, the chart of one Symbol in position as of a Session."""

from __future__ import annotations

from datetime import date, datetime

import msgspec

from ralph.market.symbol import Symbol
from ralph.scanners.component import Component


class Contraction(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A swing high and the low after it.

    depth a share of the high; bars_down from high to low, bars_up to the next high; volume_share: the fall's mean
    volume over the 50-bar mean at the high; volume_slope: Theil-Sen slope of its logarithm, a bar; `confirmed` says
    whether the low is one, or only the lowest so far
    """

    high_on: date
    high: float
    low_on: date
    low: float
    depth: float
    bars_down: int
    bars_up: int | None
    volume_mean: float
    volume_share: float | None
    volume_slope: float | None
    confirmed: bool


class Setup(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A Symbol that a scanner found.

    state   in the scanner's own words; score 0-100, of what could be reached where components are missing
    pivot   the price whose crossing makes it a Signal; stop: where it would have failed; won
    values  what was measured, by name; components: the parts of the score
    at      the close of the minute at which it was found, of scans within a Session
    """

    symbol: Symbol
    name: str | None = None
    state: str
    score: float
    pivot: float | None = None
    stop: float | None = None
    footprint: str | None = None
    contractions: tuple[Contraction, ...] = ()
    components: tuple[Component, ...] = ()
    values: dict[str, float | None] = {}
    at: datetime | None = None

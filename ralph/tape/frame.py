"""What is known of a Session before it begins: who is listed, at which base prices, within which hours and limits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

import numpy as np
from numpy.typing import NDArray

from ralph.errors import BadParameter
from ralph.market.symbol import Listing, is_korean
from ralph.market.ticks import FUND_KINDS, board_of, ladder_on, limit_pct_on, price_limits

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class SessionFrame:
    """A Session before its first print.

    universe      codes in the order that ticks point into; names stand beside them
    before        the base prices, won, NaN where there is none [symbols]
    lowest, highest  the daily limits, NaN where there are none [symbols]
    opens_at, closes_at  the regular hours, UTC nanoseconds
    indices       the last closes of indices, points, by name
    sectors       who belongs to each sector, places in the universe, by name
    workspace, simulated, data_version  of the Panel that all this is known from
    """

    on: date
    universe: tuple[str, ...]
    names: tuple[str | None, ...]
    before: FloatArray
    lowest: FloatArray
    highest: FloatArray
    opens_at: int
    closes_at: int
    venue: str = "KRX"
    indices: Mapping[str, float] = field(default_factory=dict)
    sectors: Mapping[str, IntArray] = field(default_factory=dict)
    workspace: str = ""
    simulated: bool = False
    data_version: str = ""


def limits_on(day: date, listings: Sequence[Listing], before: FloatArray) -> tuple[FloatArray, FloatArray]:
    """The lowest and the highest price of a Session [symbols], NaN where no rule is known or no base price."""
    lowest, highest = np.full(before.size, np.nan), np.full(before.size, np.nan)
    groups: dict[tuple[str, str], list[int]] = {}
    for place, listing in enumerate(listings):
        if is_korean(listing) and before[place] >= 1.0:
            kind = (listing.kind or "common").lower()
            groups.setdefault((board_of(listing.market or "KOSPI"), kind), []).append(place)
    for (market, kind), places in groups.items():
        try:
            ladder, pct = ladder_on(day, market, kind), limit_pct_on(day, market)
        except BadParameter:  # before the oldest rules
            continue
        if kind in FUND_KINDS and kind == "elw":
            continue
        base = before[places].astype(np.int64)
        lowest[places], highest[places] = price_limits(base, ladder, pct)
    return lowest, highest

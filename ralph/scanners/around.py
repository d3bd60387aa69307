"""The whole market around the Symbols that are looked at: RS ratings, sectors, and places within them."""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ralph.indicators.rating import rs_rating
from ralph.indicators.rs_raw import RS_RAW
from ralph.market.view import View
from ralph.scanners import sectors

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
IndexArray = NDArray[np.int64]

RETURN_BARS = 5  # of the places within sectors


class Around:
    """Everyone listed who traded on a view's Session; arrays are [symbols], NaN for all others.

    `is_ranked`: False where the bars are no whole market (a file): nobody has an RS rating then.
    """

    def __init__(self, view: View, *, is_ranked: bool = True) -> None:
        self.view = view
        self.there: BoolArray = view.listed & view.traded
        self._is_ranked = is_ranked

    @cached_property
    def is_common(self) -> BoolArray:
        """A common share, or nothing tells what it is."""
        return self.view.panel.is_common

    @cached_property
    def ranks(self) -> FloatArray:
        """RS ratings 1-99 among all common shares."""
        if not self._is_ranked:
            return np.full(self.there.size, np.nan)
        plan = RS_RAW.plan("tv", RS_RAW.bind({}))
        reach = min(plan.reach(1) or self.view.height, self.view.height)
        first = np.maximum(self.view.first - (self.view.height - reach), 0)
        raw = plan.last({"close": self.view.newest("close", reach)}, first, 1)[0, 0]
        return rs_rating(raw, self.there & self.is_common)

    @cached_property
    def sector(self) -> IndexArray:
        """Each Symbol's sector on the Session, a place in the roster's `sectors`; -1 without one."""
        return self.view.panel.roster.sector_of(self.view.on)

    @cached_property
    def sector_rank(self) -> FloatArray:
        """Where the RETURN_BARS return stands in the sector, 0 best."""
        return sectors.rank_shares(self.sector, self._change(RETURN_BARS))

    def sector_changes(self) -> dict[str, float]:
        """Each sector's change of the Session, a ratio, weighted by traded value."""
        value = np.where(self.there, self.view.newest("value", 1)[-1], np.nan)
        return sectors.changes(self.view.panel.roster.sectors, self.sector, self._change(1), value)

    def _change(self, bars: int) -> FloatArray:
        """Of the close over so many bars, a ratio."""
        if self.view.height <= bars:
            return np.full(self.there.size, np.nan)
        close = self.view.newest("close", bars + 1)
        known = self.there & (self.view.first <= self.view.height - 1 - bars)
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(known, close[-1] / close[0] - 1.0, np.nan)

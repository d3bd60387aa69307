"""Breadth: how many Symbols of a market rise, stand above their means, or reach new extremes, as of a Session."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from ralph.market.beside import bought_on_markets
from ralph.market.view import View

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

MEANS = (50, 200)
YEAR_BARS = 252


class Breadth(msgspec.Struct, frozen=True, kw_only=True):
    """Counts of Symbols that traded; what is None cannot be told.

    above_sma50, above_sma200  shares, 0 to 1, of the Symbols with bars enough
    new_highs, new_lows        beyond the 252 bars before, strictly, by high and low, of `judged` Symbols with so many
    foreign_net                won bought net by foreigners: on the whole market, or, where its flows are not known,
                               the sum of the Symbols whose flows are; foreign_net_of says which
    """

    symbols: int
    advancers: int
    decliners: int
    unchanged: int
    above_sma50: float | None
    above_sma200: float | None
    judged: int
    new_highs: int
    new_lows: int
    foreign_net: float | None
    foreign_net_of: Literal["market", "symbols"] | None


def measure(view: View, members: BoolArray, markets: Sequence[str] = ()) -> Breadth:
    """Of those `members` [symbols] that traded on the view's Session; markets: those that are the members' together."""
    columns = np.flatnonzero(members & view.traded)
    tail = min(view.height, YEAR_BARS + 1)
    high, low, close = (_tail(view, name, tail, columns) for name in ("high", "low", "close"))
    change = close[-1] - close[-2] if tail > 1 else np.full(columns.size, np.nan)
    is_judged = ~np.isnan(close[0]) & (tail > YEAR_BARS)
    bought, source = _bought(view, columns, markets)
    above = [_share_above(close, period) for period in MEANS]
    return Breadth(
        symbols=int(columns.size),
        advancers=int((change > 0).sum()),
        decliners=int((change < 0).sum()),
        unchanged=int((change == 0).sum()),
        above_sma50=above[0],
        above_sma200=above[1],
        judged=int(is_judged.sum()),
        new_highs=int((is_judged & (high[-1] > high[:-1].max(axis=0, initial=0.0))).sum()),
        new_lows=int((is_judged & (low[-1] < low[:-1].min(axis=0, initial=np.inf))).sum()),
        foreign_net=bought,
        foreign_net_of=source,
    )


def _bought(
    view: View, columns: NDArray[np.int64], markets: Sequence[str]
) -> tuple[float | None, Literal["market", "symbols"] | None]:
    whole = bought_on_markets(view.panel.beside, markets, view.on) if markets else None
    if whole is not None:
        return whole, "market"
    flow = view.newest("foreign_value", 1)[-1, columns]
    known = flow[~np.isnan(flow)]
    return (float(known.sum()), "symbols") if known.size else (None, None)


def _tail(view: View, name: str, rows: int, columns: NDArray[np.int64]) -> FloatArray:
    """The newest rows of some columns, NaN above a Symbol's first bar."""
    found: FloatArray = np.take(view.newest(name, rows), columns, axis=1)
    return found


def _share_above(close: FloatArray, period: int) -> float | None:
    """Of the Symbols with `period` bars; a missing bar (NaN) leaves a Symbol out."""
    if close.shape[0] < period:
        return None
    mean = close[-period:].mean(axis=0)
    known = ~np.isnan(mean)
    return float((close[-1, known] > mean[known]).mean()) if known.any() else None

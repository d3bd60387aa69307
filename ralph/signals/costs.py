"""What is left of a trade: commission and slippage on both sides, and the dated tax on the sale."""

from __future__ import annotations

from datetime import date
from functools import lru_cache

from ralph.config import CostRules
from ralph.errors import BadParameter
from ralph.market.calendar import Calendar
from ralph.market.taxes import sell_tax
from ralph.signals.signal import Outcome, Signal

DECIMALS = 4  # half a won is meant exactly: what floats add to it must not decide where it is rounded to

_PUBLISHED = Calendar()


@lru_cache(maxsize=8_192)
def tax_ratio(sold_on: date, market: str, kind: str) -> float:
    """The tax of a sale on a Session, by the day it is settled; 0 where the market has no tax that is known."""
    try:
        settled_on = _PUBLISHED.settles_on(sold_on)
    except BadParameter:  # a year that the calendar does not know yet
        settled_on = sold_on
    try:
        return sell_tax(settled_on, market, kind).ratio
    except BadParameter:  # another country's, or before the oldest rate
        return 0.0


def side_ratios(costs: CostRules, sold_on: date, market: str | None, kind: str | None) -> tuple[float, float]:
    """What buying adds to a price and selling takes from it, ratios."""
    side = costs.commission_ratio + costs.slippage_ratio
    return side, side + tax_ratio(sold_on, market or "KOSPI", kind or "common")


def net_ratio(fill: float, exit_price: float, sides: tuple[float, float]) -> float:
    """The return after costs on the money paid."""
    return exit_price * (1.0 - sides[1]) / (fill * (1.0 + sides[0])) - 1.0


def outcome(signal: Signal, exit_price: float, sold_on: date, costs: CostRules) -> Outcome:
    """What a Signal that was filled has earned when it is sold."""
    assert signal.fill is not None
    assert signal.lowest is not None
    assert signal.highest is not None
    fill = signal.fill
    buys, sells = side_ratios(costs, sold_on, signal.market, signal.kind)
    share = exit_price * (1.0 - sells) - fill * (1.0 + buys)
    return Outcome(
        gross_ratio=exit_price / fill - 1.0,
        net_ratio=net_ratio(fill, exit_price, (buys, sells)),
        r=share / signal.levels.risk if signal.levels.risk > 0 else 0.0,
        profit=round(round(signal.shares * share, DECIMALS)),
        mae=min(signal.lowest, exit_price) / fill - 1.0,
        mfe=max(signal.highest, exit_price) / fill - 1.0,
    )

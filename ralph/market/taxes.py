"""The tax on selling Korean shares, by market and date.

Two taxes are taken from the value sold: the securities transaction tax and, on KOSPI only, the special tax for rural
development. Sources: the act and its decree as the press repeats each change. From 2005 on the rows are certain; the
row before is what is generally stated for 2000-2004. ETFs, ETNs and warrants pay neither.

The law counts the day on which shares change hands, which is the settlement: the rates of a year begin with the trades
of the last Sessions before (2025's with those of 2024-12-27). Give `Calendar.settles_on(traded_on)` for that.
"""

from __future__ import annotations

from datetime import date

import msgspec

from ralph.errors import BadParameter
from ralph.market.ticks import FUND_KINDS, board_of

BASIS_POINTS = 10_000


class SellTax(msgspec.Struct, frozen=True):
    """The tax on a sale settled from a day on: basis points (1/100 of a percent) of the value sold."""

    since: date
    transaction_bp: int
    rural_bp: int = 0
    certain: bool = True

    @property
    def ratio(self) -> float:
        """Both taxes together, 0-1."""
        return (self.transaction_bp + self.rural_bp) / BASIS_POINTS

    @property
    def pct(self) -> float:
        """Both taxes together, 0-100."""
        return (self.transaction_bp + self.rural_bp) / 100


NO_TAX = SellTax(date(2000, 1, 1), 0)

SELL_TAXES: dict[str, tuple[SellTax, ...]] = {
    "KOSPI": (
        SellTax(date(2000, 1, 1), 15, 15, certain=False),
        SellTax(date(2005, 1, 1), 15, 15),
        SellTax(date(2019, 6, 3), 10, 15),
        SellTax(date(2021, 1, 1), 8, 15),
        SellTax(date(2023, 1, 1), 5, 15),
        SellTax(date(2024, 1, 1), 3, 15),
        SellTax(date(2025, 1, 1), 0, 15),
        SellTax(date(2026, 1, 1), 5, 15),
    ),
    "KOSDAQ": (
        SellTax(date(2000, 1, 1), 30, certain=False),
        SellTax(date(2005, 1, 1), 30),
        SellTax(date(2019, 6, 3), 25),
        SellTax(date(2021, 1, 1), 23),
        SellTax(date(2023, 1, 1), 20),
        SellTax(date(2024, 1, 1), 18),
        SellTax(date(2025, 1, 1), 15),
        SellTax(date(2026, 1, 1), 20),
    ),
    "KONEX": (
        SellTax(date(2013, 7, 1), 30),
        SellTax(date(2019, 6, 3), 10),
    ),
}
"""By market, oldest first."""


def sell_tax(settled_on: date, market: str = "KOSPI", kind: str = "common") -> SellTax:
    """The tax on a sale by the day it is settled; BadParameter for a market or a time not known."""
    if kind.lower() in FUND_KINDS:
        return NO_TAX
    taxes = SELL_TAXES.get(board_of(market))
    if taxes is None:
        known = ", ".join(SELL_TAXES)
        raise BadParameter(f"no sell tax of the market {market!r}; known: {known}", field="market", accepted=known)
    in_force = [tax for tax in taxes if tax.since <= settled_on]
    if not in_force:
        since = f"dates from {taxes[0].since}"
        raise BadParameter(f"no sell tax of {market} on {settled_on}; give {since}", field="day", accepted=since)
    return in_force[-1]

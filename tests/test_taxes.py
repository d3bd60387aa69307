"""The sell tax by market and date."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ralph.errors import BadParameter
from ralph.market.calendar import PUBLISHED
from ralph.market.taxes import SELL_TAXES, sell_tax


@pytest.mark.parametrize(
    ("day", "kospi", "kosdaq", "konex"),
    [
        (date(2019, 6, 2), 0.30, 0.30, 0.30),
        (date(2019, 6, 3), 0.25, 0.25, 0.10),
        (date(2020, 6, 1), 0.25, 0.25, 0.10),
        (date(2021, 6, 1), 0.23, 0.23, 0.10),
        (date(2022, 12, 31), 0.23, 0.23, 0.10),
        (date(2023, 1, 1), 0.20, 0.20, 0.10),
        (date(2024, 6, 1), 0.18, 0.18, 0.10),
        (date(2025, 6, 1), 0.15, 0.15, 0.10),
        (date(2025, 12, 31), 0.15, 0.15, 0.10),
        (date(2026, 1, 1), 0.20, 0.20, 0.10),
    ],
)
def test_the_tax_of_a_day_is_this_many_percent(day: date, kospi: float, kosdaq: float, konex: float) -> None:
    assert [sell_tax(day, market).pct for market in ("KOSPI", "KOSDAQ", "KONEX")] == [kospi, kosdaq, konex]
    assert sell_tax(day, "KOSDAQ GLOBAL") == sell_tax(day, "KOSDAQ")
    assert sell_tax(day, "KOSPI").ratio == pytest.approx(kospi / 100)


def test_only_kospi_pays_the_rural_tax() -> None:
    assert {tax.rural_bp for tax in SELL_TAXES["KOSPI"]} == {15}
    assert {tax.rural_bp for market in ("KOSDAQ", "KONEX") for tax in SELL_TAXES[market]} == {0}
    assert sell_tax(date(2025, 3, 3)).transaction_bp == 0
    assert (sell_tax(date(2026, 3, 3)).transaction_bp, sell_tax(date(2026, 3, 3)).rural_bp) == (5, 15)


def test_a_year_begins_with_the_trades_settled_in_it() -> None:
    assert sell_tax(PUBLISHED.settles_on(date(2024, 12, 26))).pct == 0.18
    assert sell_tax(PUBLISHED.settles_on(date(2024, 12, 27))).pct == 0.15


@pytest.mark.parametrize("kind", ["ETF", "etn", "ELW"])
def test_funds_pay_none(kind: str) -> None:
    assert sell_tax(date(2026, 1, 2), "KOSPI", kind).ratio == 0


def test_what_is_not_certain_says_so() -> None:
    assert not sell_tax(date(2003, 1, 2)).certain
    assert sell_tax(date(2005, 1, 3)).certain


@given(st.dates(date(2013, 7, 1), date(2040, 1, 1)), st.sampled_from(sorted(SELL_TAXES)))
def test_a_tax_changes_only_on_its_dates(day: date, market: str) -> None:
    changes = {tax.since for tax in SELL_TAXES[market]}
    following = day + timedelta(days=1)
    assert (sell_tax(day, market) == sell_tax(following, market)) == (following not in changes)


@pytest.mark.parametrize(
    ("day", "market", "told"),
    [
        (date(2026, 1, 2), "NYSE", "no sell tax of the market 'NYSE'; known: KOSPI, KOSDAQ, KONEX"),
        (date(1999, 12, 31), "KOSPI", "no sell tax of KOSPI on 1999-12-31; give dates from 2000-01-01"),
    ],
)
def test_what_is_not_known_is_refused(day: date, market: str, told: str) -> None:
    with pytest.raises(BadParameter, match=told):
        sell_tax(day, market)

"""Price limits by date and market, the ladders of funds, and both against what was really traded."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from ralph.errors import BadParameter
from ralph.market.ticks import ceil_to_tick, floor_to_tick, ladder_on, limit_pct_on, price_limits, tick_sizes


@pytest.mark.parametrize(
    ("day", "market", "pct"),
    [
        (date(2000, 1, 4), "KOSPI", 15),
        (date(2015, 6, 12), "KOSPI", 15),
        (date(2015, 6, 15), "KOSPI", 30),
        (date(2005, 3, 25), "KOSDAQ", 12),
        (date(2005, 3, 28), "KOSDAQ", 15),
        (date(2015, 6, 15), "KOSDAQ GLOBAL", 30),
        (date(2026, 6, 15), "KONEX", 15),
    ],
)
def test_the_limit_of_a_day_is_this_many_percent(day: date, market: str, pct: int) -> None:
    assert limit_pct_on(day, market) == pct


@pytest.mark.parametrize(
    ("first", "last", "pct"),
    [
        (date(2000, 2, 11), date(2005, 3, 27), 12),
        (date(2005, 3, 28), date(2015, 6, 14), 15),
        (date(2015, 6, 15), date(2017, 7, 7), 30),
    ],
)
def test_daily_changes_pile_up_at_the_limit_of_their_time(shared_dir: Path, first: date, last: date, pct: int) -> None:
    bars = pl.read_parquet(shared_dir / "data" / "krx_kosdaq_long.parquet", columns=["symbol", "date", "close", "flag"])
    rise = (pl.col("close") / pl.col("close").shift(1).over("symbol") - 1) * 100
    bars = bars.with_columns(rise=rise).filter(pl.col("date").is_between(first, last) & (pl.col("flag") & 4 == 0))
    counts = {each: bars.filter(pl.col("rise").is_between(each - 1, each + 0.1)).height for each in range(12, 31)}
    assert max(counts, key=counts.__getitem__) == pct == limit_pct_on(last, "KOSDAQ")
    assert counts[pct] > 400
    assert sum(counts[each] for each in range(pct + 2, 31)) < counts[pct] / 30


def test_konex_is_traded_on_its_ladder_and_within_its_limit(shared_dir: Path) -> None:
    bars = pl.read_parquet(shared_dir / "data" / "krx_marcap.parquet")
    bars = bars.filter((pl.col("market") == "KONEX") & (pl.col("open") > 0) & (pl.col("date") >= date(2023, 1, 25)))
    high, low = bars["high"].to_numpy().astype(np.int64), bars["low"].to_numpy().astype(np.int64)
    base = bars["close"].to_numpy().astype(np.int64) - bars["change"].to_numpy()
    day = date(2024, 1, 2)
    lowest, highest = price_limits(base, ladder_on(day, "KONEX"), limit_pct_on(day, "KONEX"))
    assert len(bars) > 3_000
    assert np.count_nonzero(floor_to_tick(high, ladder_on(day, "KONEX")) != high) <= len(bars) * 2e-3
    assert np.count_nonzero((high > highest) | (low < lowest)) <= len(bars) * 5e-3
    assert np.count_nonzero(high == highest) > 20


@pytest.mark.parametrize(
    ("day", "kind", "price", "tick"),
    [
        (date(2023, 12, 8), "ETF", 1_500, 5),
        (date(2023, 12, 11), "ETF", 1_999, 1),
        (date(2023, 12, 11), "etn", 2_000, 5),
        (date(2026, 5, 4), "ETF", 600_000, 5),
        (date(2026, 5, 4), "ELW", 100, 5),
        (date(2026, 5, 4), "preferred", 600_000, 1_000),
    ],
)
def test_funds_have_a_ladder_of_their_own(day: date, kind: str, price: int, tick: int) -> None:
    assert tick_sizes(np.array([price]), ladder_on(day, "KOSPI", kind))[0] == tick


def test_the_limit_of_fifteen_percent_lies_on_the_ladder() -> None:
    lowest, highest = price_limits(np.array([10_000, 6_820]), ladder_on(date(2026, 1, 2)), 15)
    assert lowest.tolist() == [8_500, 5_800]
    assert highest.tolist() == [11_500, 7_840]
    assert (ceil_to_tick(lowest, ladder_on(date(2026, 1, 2))) == lowest).all()


@pytest.mark.parametrize(
    ("day", "market", "told"),
    [
        (date(1999, 12, 28), "KOSPI", "no price limit of KOSPI on 1999-12-28; give dates from 2000-01-01"),
        (date(2026, 1, 2), "NASDAQ", "no price limit of the market 'NASDAQ'; known: KOSPI, KOSDAQ, KONEX"),
    ],
)
def test_what_is_not_known_is_refused(day: date, market: str, told: str) -> None:
    with pytest.raises(BadParameter, match=told):
        limit_pct_on(day, market)

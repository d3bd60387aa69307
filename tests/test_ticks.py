"""Tick sizes and price limits: by date and market, and against what was really traded."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ralph.errors import BadParameter
from ralph.market.ticks import LADDERS, Ladder, ceil_to_tick, floor_to_tick, ladder_on, price_limits, tick_sizes

ALL = [ladder for ladders in LADDERS.values() for ladder in ladders]
PRICES = st.lists(st.integers(1, 3_000_000), min_size=1, max_size=50)


def won(*prices: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return np.array(prices, dtype=np.int64)


def slow_tick(price: int, ladder: Ladder) -> int:
    for below, size in zip(ladder.below, ladder.sizes, strict=False):
        if price < below:
            return size
    return ladder.sizes[-1]


@given(PRICES, st.sampled_from(ALL))
def test_prices_move_to_the_nearest_tick_on_their_side(prices: list[int], ladder: Ladder) -> None:
    price = won(*prices)
    below, above = floor_to_tick(price, ladder), ceil_to_tick(price, ladder)
    assert tick_sizes(price, ladder).tolist() == [slow_tick(each, ladder) for each in prices]
    assert (below <= price).all()
    assert (price <= above).all()
    assert (above - below <= tick_sizes(price, ladder)).all()
    for rounded in (below, above):
        assert (floor_to_tick(rounded, ladder) == rounded).all()
        assert (ceil_to_tick(rounded, ladder) == rounded).all()


@given(PRICES, st.sampled_from(ALL))
def test_limits_lie_on_the_ladder_within_thirty_percent(prices: list[int], ladder: Ladder) -> None:
    base = floor_to_tick(won(*prices), ladder)
    lowest, highest = price_limits(base, ladder)
    assert (lowest <= base).all()
    assert (base <= highest).all()
    assert (10 * lowest >= 7 * base).all()
    assert (10 * highest <= 13 * base).all()
    assert (floor_to_tick(lowest, ladder) == lowest).all()
    assert (floor_to_tick(highest, ladder) == highest).all()


@pytest.mark.parametrize(
    ("base", "lowest", "highest"),
    [(10_000, 7_000, 13_000), (6_820, 4_780, 8_860), (2_570, 1_800, 3_340), (24_600, 17_250, 31_950), (1, 1, 1)],
)
def test_the_width_is_cut_to_the_tick_of_the_base(base: int, lowest: int, highest: int) -> None:
    assert [int(limit[0]) for limit in price_limits(won(base), ladder_on(date(2026, 1, 2)))] == [lowest, highest]


@pytest.mark.parametrize(
    ("day", "market", "price", "tick"),
    [
        (date(2023, 1, 24), "KOSPI", 1_500, 5),
        (date(2023, 1, 25), "KOSPI", 1_500, 1),
        (date(2023, 1, 24), "KOSPI", 600_000, 1_000),
        (date(2023, 1, 24), "KOSDAQ", 600_000, 100),
        (date(2023, 1, 25), "KOSDAQ", 600_000, 1_000),
        (date(2023, 1, 24), "KOSDAQ", 15_000, 50),
        (date(2026, 11, 20), "KOSDAQ", 15_000, 10),
    ],
)
def test_ticks_follow_date_and_market(day: date, market: str, price: int, tick: int) -> None:
    assert tick_sizes(won(price), ladder_on(day, market)).tolist() == [tick]


def test_an_unknown_market_or_time_is_refused() -> None:
    with pytest.raises(BadParameter, match=r"no tick sizes of the market 'NYSE'; known: KOSPI, KOSDAQ"):
        ladder_on(date(2026, 1, 2), "NYSE")
    with pytest.raises(BadParameter, match=r"no tick sizes of KOSPI on 2015-06-14; give dates from 2015-06-15"):
        ladder_on(date(2015, 6, 14))


@pytest.mark.parametrize("market", ["KOSPI", "KOSDAQ"])
@pytest.mark.parametrize("is_new", [False, True])
def test_what_was_traded_lies_on_the_ladder_and_within_the_limits(shared_dir: Path, market: str, is_new: bool) -> None:
    """All but a few in ten thousand: first days of a listing and liquidation trading follow rules of their own."""
    bars = pl.read_parquet(shared_dir / "data" / "krx_marcap.parquet")
    new = pl.col("date") >= date(2023, 1, 25)
    bars = bars.filter((pl.col("market") == market) & (new if is_new else ~new) & (pl.col("volume") > 0))
    bars = bars.filter(pl.col("open") > 0)
    ladder = LADDERS[market][-1 if is_new else 0]
    high, low = bars["high"].to_numpy().astype(np.int64), bars["low"].to_numpy().astype(np.int64)
    base = bars["close"].to_numpy().astype(np.int64) - bars["change"].to_numpy()
    lowest, highest = price_limits(base, ladder)
    assert len(bars) > 60_000
    for price in (high, low):
        assert np.count_nonzero(floor_to_tick(price, ladder) != price) <= len(bars) * 2e-3
    assert np.count_nonzero((high > highest) | (low < lowest)) <= len(bars) * 5e-4
    at_limit = np.count_nonzero(low == lowest)
    plain = ceil_to_tick(-(-base * 7 // 10), ladder)  # without cutting the width to the tick of the base
    assert at_limit > np.count_nonzero(low == plain) > 0

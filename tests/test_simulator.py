"""The simulated market: the same on every machine, and by the rules of the exchange."""

from __future__ import annotations

import hashlib
from datetime import date
from functools import lru_cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ralph.market.columns import BAR_COLUMNS, BarColumns, build_panel
from ralph.market.flags import JUMP_RATIO, Flag
from ralph.market.sessions import next_session, sessions_ending
from ralph.market.symbol import parse_symbol
from ralph.market.ticks import floor_to_tick, price_limits
from ralph.simulator.companies import COMPANIES_MAX, invent
from ralph.simulator.draws import Draws
from ralph.simulator.exchange import LADDER
from ralph.simulator.market import SEED, THREE_YEARS, simulate

LAST = date(2026, 11, 20)


@lru_cache(maxsize=1)
def demo() -> BarColumns:
    return simulate(SEED, LAST)


def sha256(bars: BarColumns) -> str:
    digest = hashlib.sha256(repr(bars.listings).encode())
    for name in BAR_COLUMNS:
        digest.update(getattr(bars, name).tobytes())
    return digest.hexdigest()


def test_the_demo_market_is_the_same_bytes_on_every_machine() -> None:
    """The hash was taken once: another one means that demos no longer agree, or that a machine rounds differently."""
    assert sha256(demo()) == "9e64d3252e2c6ade72d8debaa4d60459246d26b58d760c13ac06177f9f5df622"


def test_draws_are_the_same_on_every_machine() -> None:
    draws = Draws(1, "test", 3)
    assert " ".join(value.hex() for value in draws.uniform()) == (
        "0x1.14f41dcaf0748p-2 0x1.c5321cd4ddc44p-3 0x1.5b852d36035e0p-2"
    )
    assert " ".join(value.hex() for value in draws.shock()) == (
        "-0x1.93cfb86c10a32p-1 -0x1.003a7f0299e75p+0 -0x1.00911942affb4p+0"
    )


def test_draws_have_the_moments_they_name() -> None:
    draws = Draws(7, "test", 200_000)
    shock, even, whole = draws.shock(), draws.uniform(), draws.below(12)
    assert abs(shock.mean()) < 0.01
    assert abs(shock.std() - 1) < 0.01
    assert 0 <= even.min() < even.max() < 1
    assert set(whole.tolist()) == set(range(12))


@given(st.integers(0, 2**63), st.integers(2, 12), st.integers(5, 25))
@settings(max_examples=15)
def test_a_market_that_runs_longer_begins_with_the_same_bars(seed: int, sessions: int, companies: int) -> None:
    shorter = simulate(seed, LAST, sessions, companies)
    longer = simulate(seed, next_session(LAST), sessions + 1, companies)
    kept = longer.day <= np.datetime64(LAST, "D")
    codes = np.array([listing.symbol for listing in longer.listings])
    for name in BAR_COLUMNS[1:]:
        assert getattr(longer, name)[kept].tobytes() == getattr(shorter, name).tobytes()
    own = np.array([listing.symbol for listing in shorter.listings])
    assert codes[longer.symbol[kept]].tolist() == own[shorter.symbol].tolist()
    assert sha256(simulate(seed, LAST, sessions, companies)) == sha256(shorter)


def test_another_seed_is_another_market() -> None:
    assert sha256(simulate(1, LAST, 5, 10)) != sha256(simulate(2, LAST, 5, 10))


def test_it_has_a_thousand_companies_over_three_years_of_sessions() -> None:
    bars = demo()
    assert len(bars.listings) == 1_000
    assert np.unique(bars.day).tolist() == sessions_ending(LAST, THREE_YEARS)
    assert [listing.symbol for listing in bars.listings] == sorted(f"S{number:05d}" for number in range(1, 1_001))


def test_columns_are_sorted_and_no_key_stands_twice() -> None:
    bars = demo()
    key = bars.symbol.astype(np.int64) * 100_000 + bars.day.astype(np.int64)
    assert (np.diff(key) > 0).all()
    assert {name: getattr(bars, name).dtype.str for name in BAR_COLUMNS} == {
        "symbol": "<i4",
        "day": "<M8[D]",
        **dict.fromkeys(("open", "high", "low", "close", "volume", "value"), "<f8"),
        "flags": "|u1",
    }


def test_traded_bars_are_consistent_and_halted_ones_are_encoded_as_the_exchange_does() -> None:
    bars = demo()
    traded = bars.volume > 0
    assert (bars.low <= np.minimum(bars.open, bars.close))[traded].all()
    assert (bars.high >= np.maximum(bars.open, bars.close))[traded].all()
    assert (bars.low[traded] >= 1).all()
    assert ((bars.value >= bars.low * bars.volume) & (bars.value <= bars.high * bars.volume))[traded].all()
    assert (bars.flags[traded] == 0).all()
    assert (bars.flags[~traded] == Flag.NO_TRADE).all()
    for field in (bars.open, bars.high, bars.low, bars.value):
        assert (field[~traded] == 0).all()
    assert (bars.close[1:] == bars.close[:-1])[~traded[1:]].all()
    assert 1_000 < np.count_nonzero(~traded) < 0.02 * len(bars)


def test_prices_lie_on_ticks_and_within_the_limits() -> None:
    bars = demo()
    same = bars.symbol[1:] == bars.symbol[:-1]
    lowest, highest = price_limits(bars.close[:-1].astype(np.int64), LADDER)
    for field in (bars.open, bars.high, bars.low, bars.close):
        price = field.astype(np.int64)
        assert (price == field).all()
        assert (floor_to_tick(price, LADDER) == price).all()
        here = same & (field[1:] > 0)
        assert (price[1:][here] >= lowest[here]).all()
        assert (price[1:][here] <= highest[here]).all()
    assert np.abs(bars.close[1:] / bars.close[:-1] - 1)[same].max() < JUMP_RATIO


def test_volatility_comes_in_clusters_and_volume_follows_moves() -> None:
    panel = build_panel(demo())
    whole = panel.first == 0
    close, volume = panel.fields["close"][:, whole][:, :100], panel.fields["volume"][1:, whole][:, :100]
    returns = close[1:] / close[:-1] - 1
    size = np.abs(returns)
    clusters = [np.corrcoef(size[1:, column], size[:-1, column])[0, 1] for column in range(100)]
    follows = [np.corrcoef(np.log(volume[:, column]), size[:, column])[0, 1] for column in range(100)]
    together = np.array(np.corrcoef(returns.T))[np.triu_indices(100, 1)]
    assert np.mean(clusters) > 0.05
    assert np.mean(follows) > 0.4
    assert 0.05 < together.mean() < 0.5
    assert 0.015 < returns.std() < 0.04


def test_companies_are_listed_late_and_delisted_on_the_dates_their_listings_name() -> None:
    bars = demo()
    days = np.unique(bars.day)
    late = gone = 0
    for column, listing in enumerate(bars.listings):
        own = bars.day[bars.symbol == column]
        assert own.tolist() == days[(days >= own[0]) & (days <= own[-1])].tolist()
        assert listing.listed_on == (None if own[0] == days[0] else own[0].item())
        assert listing.delisted_on == (None if own[-1] == days[-1] else own[-1].item())
        late += listing.listed_on is not None
        gone += listing.delisted_on is not None
    assert 30 < late < 90
    assert 15 < gone < 80


def test_companies_are_invented_with_names_of_their_own() -> None:
    listings = demo().listings
    assert all(parse_symbol(listing.symbol) == listing.symbol and len(listing.symbol) == 6 for listing in listings)
    assert {listing.market for listing in listings} == {"KOSPI", "KOSDAQ"}
    assert {listing.kind for listing in listings} == {"common"}
    assert len({listing.sector for listing in listings}) == 20
    everybody = invent(SEED, COMPANIES_MAX)
    assert len(set(everybody.names)) == len(set(everybody.names_en)) == COMPANIES_MAX
    assert (everybody.price >= 1_000).all()
    assert (everybody.shares > 1_000).all()


@pytest.mark.parametrize("count", [0, COMPANIES_MAX + 1])
def test_no_more_companies_than_there_are_names(count: int) -> None:
    with pytest.raises(AssertionError):
        simulate(1, LAST, 2, count)


def test_the_last_session_may_be_a_closed_day() -> None:
    bars = simulate(1, date(2026, 11, 22), 3, 2)
    assert bars.day.max().item() == LAST
    assert bars.listings == simulate(1, LAST, 3, 2).listings

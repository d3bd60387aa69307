"""The simulated market live: its prints make its bars, on the tick ladder and in the hours of a Session."""

from __future__ import annotations

import hashlib
from datetime import date

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from live_days import ON, market_after, same_columns, slow_bars

from ralph.errors import BadParameter
from ralph.market.calendar import PUBLISHED
from ralph.market.tick import INDEX_NAMES, Ticks, Trading
from ralph.market.ticks import tick_sizes
from ralph.simulator.exchange import LADDER
from ralph.simulator.live import DayHours, LiveDay
from ralph.simulator.live_market import LiveMarket
from ralph.simulator.live_minutes import DayBars, Ladders, draw_paths

SHARES = Ladders((LADDER,), np.zeros(1, dtype=np.int64))


def played(day: LiveDay) -> Ticks:
    """All prints of a day."""
    player = day.player()
    parts = []
    while not player.is_over:
        parts.append(player.minute().ticks)
    return Ticks.joined(parts)


@pytest.fixture(scope="module")
def day() -> LiveDay:
    return market_after(30)[1]


def test_prints_make_the_minutes_and_the_day(day: LiveDay) -> None:
    """Folded a print at a time they are the exchange's minute bars, and these its daily bars."""
    bars = slow_bars(played(day), day.hours.opens_at)
    paths = day.paths
    for (minute, symbol), bar in bars.items():
        at = min((minute - day.hours.opens_at) // 60_000_000_000, day.minutes - 1)
        own = (getattr(paths, name)[at, symbol] for name in ("open", "high", "low", "close", "volume"))
        assert bar[:5] == tuple(own)
    assert len(bars) == np.count_nonzero(paths.volume)


def test_a_day_keeps_to_the_bars_of_the_exchange() -> None:
    """Open, high, low, close and volume of every Symbol are those of a step of the exchange, and so are the indices."""
    market = LiveMarket(7, 31, companies=24)
    day = market_after(30)[1]
    prices = day.paths
    traded = prices.volume > 0
    some = traded.any(axis=0)
    assert market.closes().keys() == set(day.universe)
    assert [market.closes()[code] for code in day.universe] == np.where(some, prices.close[-1], day.before).tolist()
    session = market._newest
    assert session is not None
    listed = session.bars.listed
    shares = slice(0, int(listed.sum()))
    first = prices.open[traded.argmax(axis=0), np.arange(some.size)]
    every = {
        "open": np.where(some, first, 0)[shares],
        "high": np.where(some, np.where(traded, prices.high, 0).max(axis=0), 0)[shares],
        "low": np.where(some, np.where(traded, prices.low, np.inf).min(axis=0), 0)[shares],
        "volume": prices.volume.sum(axis=0)[shares],
    }
    for name, found in every.items():
        assert (found == getattr(session.bars, name)[listed]).all(), name


def test_indices_reach_the_prices_of_their_bars(day: LiveDay) -> None:
    player = day.player()
    values: dict[str, list[float]] = {name: [] for name in INDEX_NAMES}
    while not player.is_over:
        batch = player.minute()
        for name, value in zip(batch.indices.name.tolist(), batch.indices.value.tolist(), strict=True):
            values[INDEX_NAMES[name]].append(value)
    for name, bar in day.indices.items():
        assert values[name][-1] == bar.close
        assert bar.low <= min(values[name]) <= max(values[name]) <= bar.high


def test_the_same_seed_gives_the_same_bytes() -> None:
    """From the invention of the companies on, on every machine."""
    again = LiveMarket(7, 30, companies=24).step(ON)
    assert same_columns(played(again), played(market_after(30)[1]))
    digest = hashlib.sha256()
    ticks = played(again)
    for column in (ticks.symbol, ticks.price, ticks.size, ticks.at, ticks.number):
        digest.update(column.tobytes())
    assert digest.hexdigest()[:16] == DIGEST


DIGEST = "a487201862e85128"


def test_prices_lie_on_the_ladder_and_numbers_count(day: LiveDay) -> None:
    ticks = played(day)
    shares = np.array([code[1] != "3" for code in day.universe])[ticks.symbol]
    price = ticks.price[shares].astype(np.int64)
    assert (price % tick_sizes(price, LADDER) == 0).all()
    assert (np.diff(ticks.at) >= 0).all()
    assert (ticks.size > 0).all()
    for symbol in np.unique(ticks.symbol):
        own = ticks.number[ticks.symbol == symbol]
        assert (own == np.arange(1, own.size + 1)).all()


def test_auctions_and_hours(day: LiveDay) -> None:
    """One price at the opening and one at the close; nothing while the closing auction collects orders."""
    ticks = played(day)
    hours = day.hours
    assert ticks.at.min() == hours.opens_at == int(PUBLISHED.opens_at(ON).timestamp()) * 10**9
    assert ticks.at.max() == hours.closes_at
    assert not ((ticks.at >= hours.continuous_until) & (ticks.at < hours.closes_at)).any()
    assert hours.minutes == 380
    late = DayHours.of(PUBLISHED, date(2026, 1, 2))
    assert late.minutes == 320
    with pytest.raises(BadParameter, match="not a Session"):
        DayHours.of(PUBLISHED, date(2026, 11, 22))


def test_interruptions_and_halts_are_told() -> None:
    """Who is interrupted does not trade for two minutes; who is halted never does."""
    found = 0
    for sessions in (13, 14, 55):
        day = market_after(sessions)[1]
        player, told = day.player(), dict[int, list[tuple[int, int]]]()
        ticks = []
        while not player.is_over:
            batch = player.minute()
            ticks.append(batch.ticks)
            notices = (batch.notices.symbol, batch.notices.trading, batch.notices.at)
            for symbol, trading, at in zip(*(each.tolist() for each in notices), strict=True):
                told.setdefault(symbol, []).append((trading, at))
        every = Ticks.joined(ticks)
        for symbol, states in told.items():
            own = every.at[every.symbol == symbol]
            if states[0][0] == Trading.HALTED:
                assert own.size == 0
            else:
                (first, begins), (second, ends) = states
                assert (first, second) == (Trading.INTERRUPTED, Trading.OPEN)
                assert not ((own >= begins) & (own < ends)).any()
                assert ends in own
                found += 1
        assert {place for place, halted in enumerate(day.halted) if halted} <= set(told)
    assert found > 0


@st.composite
def daily_bars(draw: st.DrawFn) -> DayBars:
    """A bar of one Symbol with enough shares for its prices."""
    prices = draw(st.lists(st.integers(1_000, 1_400).map(lambda price: float(price)), min_size=4, max_size=4))
    low, high = min(prices), max(prices)
    volume = draw(st.one_of(st.integers(4, 40), st.integers(4, 10_000_000)))
    opened, top, bottom, close = (np.array([price]) for price in (prices[0], high, low, prices[1]))
    return DayBars(opened, top, bottom, close, np.array([volume]))


@settings(max_examples=60)
@given(bars=daily_bars(), seed=st.integers(0, 1_000), minutes=st.integers(60, 120))
def test_every_daily_bar_has_a_path(bars: DayBars, seed: int, minutes: int) -> None:
    """Whatever the bar: the path's minutes enclose their prices, and together they are the bar."""
    paths = draw_paths(seed, "a day", bars, minutes, SHARES)
    at = np.flatnonzero(paths.volume[:, 0] > 0)
    opened, high, low, close = (getattr(paths, name)[at, 0] for name in ("open", "high", "low", "close"))
    assert (paths.volume >= 0).all()
    assert paths.volume.sum() == bars.volume[0]
    assert (opened[0], high.max(), low.min(), close[-1]) == (bars.open[0], bars.high[0], bars.low[0], bars.close[0])
    assert (high >= np.maximum(opened, close)).all()
    assert (low <= np.minimum(opened, close)).all()

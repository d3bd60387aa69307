"""The simulated market: the same on every machine, and by the rules of the exchange."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass, replace
from datetime import date
from functools import lru_cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ralph.market.columns import BAR_COLUMNS, build_panel
from ralph.market.flags import JUMP_RATIO, Flag
from ralph.market.rules import flag_rows
from ralph.market.sessions import next_session, sessions_ending
from ralph.market.symbol import parse_symbol
from ralph.market.ticks import floor_to_tick, price_limits
from ralph.simulator.companies import invent
from ralph.simulator.draws import Draws
from ralph.simulator.exchange import LADDER
from ralph.simulator.market import SEED, THREE_YEARS, simulate, simulate_market
from ralph.simulator.names import COMPANIES_MAX
from ralph.simulator.tables import SimulatedMarket
from ralph.simulator.truth import Truth

LAST = date(2026, 11, 20)


@lru_cache(maxsize=1)
def demo() -> SimulatedMarket:
    return simulate_market(SEED, LAST)


def arrays(value: object) -> Iterator[np.ndarray]:
    """Every array within a result, in order."""
    if isinstance(value, np.ndarray):
        yield value
    elif isinstance(value, Mapping):
        for part in value.values():
            yield from arrays(part)
    elif is_dataclass(value) and not isinstance(value, Truth):
        for field in fields(value):
            yield from arrays(getattr(value, field.name))


def sha256(market: SimulatedMarket) -> str:
    digest = hashlib.sha256(repr((market.listings, market.truth)).encode())
    for array in arrays(market):
        digest.update(array.tobytes())
    return digest.hexdigest()


def test_the_demo_market_is_the_same_bytes_on_every_machine() -> None:
    """The hash was taken once: another one means that demos no longer agree, or that a machine rounds differently."""
    assert sha256(demo()) == "bc6be43648263747067966df9bca6245ff9f6c43acec0e0b23b08f5b943971b9"
    assert len(list(arrays(demo()))) == 2 * 9 + 3 + 7 + 2 * 8 + 2 * 11


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


@given(st.integers(0, 2**63), st.integers(1, 90), st.integers(1, 40), st.integers(1, 12))
@settings(max_examples=15)
def test_a_market_that_runs_longer_begins_with_the_same_bytes(
    seed: int, sessions: int, more: int, companies: int
) -> None:
    last = LAST
    for _ in range(more):
        last = next_session(last)
    shorter = simulate_market(seed, LAST, sessions, companies)
    longer = simulate_market(seed, last, sessions + more, companies)
    until = np.datetime64(LAST, "D")
    assert cut(longer.truth, LAST) == cut(shorter.truth, LAST)
    of = np.isin([listing.symbol for listing in longer.listings], [listing.symbol for listing in shorter.listings])
    for part in ("bars_raw", "flows"):
        ours, theirs = getattr(longer, part), getattr(shorter, part)
        kept = ours.day <= until
        assert of[ours.symbol[kept]].all()
        for mine, other in zip(list(arrays(ours))[1:], list(arrays(theirs))[1:], strict=True):
            assert mine[kept].tobytes() == other.tobytes()
    for ours, theirs in ((longer.indices, shorter.indices), (longer.market_flows, shorter.market_flows)):
        for mine, other in zip(arrays(ours), arrays(theirs), strict=True):
            assert mine[:sessions].tobytes() == other.tobytes()
    assert sha256(simulate_market(seed, LAST, sessions, companies)) == sha256(shorter)


def cut(truth: Truth, last: date) -> list[object]:
    """What was known by the end of a Session; pivots follow from the contractions."""
    return [
        [
            (regime.kind, regime.first_on, before(regime.last_on, last))
            for regime in truth.regimes
            if regime.first_on <= last
        ],
        [listed for listed in truth.listings if listed.on <= last],
        [left for left in truth.delistings if left.last_on < last],
        [replace(halt, last_on=before(halt.last_on, last)) for halt in truth.halts if halt.first_on <= last],
        [action for action in truth.actions if action.on <= last],
        [limit for limit in truth.limit_days if limit.on <= last],
        [
            replace(
                base,
                contractions=tuple(low for low in base.contractions if low.low_on <= last),
                pivot=None,
                breakout_on=base.breakout_on if base.breakout_on and base.breakout_on <= last else None,
                failed_on=base.failed_on if base.failed_on and base.failed_on <= last else None,
            )
            for base in truth.bases
            if base.begun_on <= last
        ],
    ]


def before(day: date | None, last: date) -> date | None:
    return day if day is not None and day < last else None


def test_another_seed_is_another_market() -> None:
    assert sha256(simulate_market(1, LAST, 5, 10)) != sha256(simulate_market(2, LAST, 5, 10))


def test_it_has_a_thousand_companies_over_three_years_of_sessions() -> None:
    bars = demo().bars
    kinds = Counter(listing.kind for listing in bars.listings)
    assert kinds["common"] > 980
    assert (kinds["preferred"], kinds["etf"]) == (20, 4)
    assert 8 < kinds["spac"] <= 17
    assert np.unique(bars.day).tolist() == sessions_ending(LAST, THREE_YEARS)
    codes = [listing.symbol for listing in bars.listings]
    assert codes == sorted(set(codes))


def test_adjusted_bars_are_raw_bars_times_their_factors_and_do_not_jump_at_splits() -> None:
    market = demo()
    raw, bars = market.bars_raw, market.bars
    for name in ("open", "high", "low", "close"):
        assert (getattr(bars, name) == getattr(raw, name) * market.factors).all()
    np.testing.assert_allclose(bars.volume * market.factors, raw.volume)
    assert bars.value is raw.value
    codes = [listing.symbol for listing in bars.listings]
    for action in market.truth.actions:
        rows = np.flatnonzero((bars.symbol == codes.index(action.symbol)) & (raw.volume > 0))
        place = int(np.searchsorted(bars.day[rows], np.datetime64(action.on)))
        first, last = rows[place], rows[place - 1]
        assert market.factors[first] / market.factors[last] == pytest.approx(action.ratio)
        assert abs(bars.close[first] / bars.close[last] - 1) < JUMP_RATIO
    ends = np.searchsorted(bars.symbol, np.arange(len(codes)), side="right") - 1
    assert (market.factors[ends] == 1).all()


def test_columns_are_sorted_and_no_key_stands_twice() -> None:
    bars = demo().bars_raw
    key = bars.symbol.astype(np.int64) * 100_000 + bars.day.astype(np.int64)
    assert (np.diff(key) > 0).all()
    assert {name: getattr(bars, name).dtype.str for name in BAR_COLUMNS} == {
        "symbol": "<i4",
        "day": "<M8[D]",
        **dict.fromkeys(("open", "high", "low", "close", "volume", "value"), "<f8"),
        "flags": "|u1",
    }


def test_traded_bars_are_consistent_and_halted_ones_are_encoded_as_the_exchange_does() -> None:
    bars = demo().bars_raw
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


def test_prices_lie_on_ticks_and_within_the_limits_of_their_base_price() -> None:
    market = demo()
    bars, codes = market.bars_raw, [listing.symbol for listing in market.listings]
    kinds = np.array([listing.kind for listing in market.listings])[bars.symbol]
    wild = np.zeros(len(bars), dtype=np.bool_)
    for left in market.truth.delistings:
        if left.liquidation_on:
            wild |= (bars.symbol == codes.index(left.symbol)) & (bars.day >= np.datetime64(left.liquidation_on))
    wild[1:] |= bars.symbol[1:] != bars.symbol[:-1]  # a first Session is freer; liquidations have no limits
    lowest, highest = price_limits(market.reference, LADDER)
    for field in (bars.open, bars.high, bars.low, bars.close):
        price = field.astype(np.int64)
        assert (price == field).all()
        assert (floor_to_tick(price, LADDER) == price)[kinds != "etf"].all()
        here = (bars.volume > 0) & ~wild & (kinds != "etf")
        assert (price >= lowest)[here].all()
        assert (price <= highest)[here].all()
    jumps = flag_rows(market.bars) & Flag.JUMP > 0
    assert jumps.any()
    assert wild[jumps].mean() > 0.9  # the others are first closes after a liquidation went on beyond the last Session


def test_returns_look_like_those_of_a_market() -> None:
    """Clusters of volatility, fat tails, sectors that move together, volume on moves, as many up days as down days."""
    market = demo()
    panel = build_panel(market.bars)
    common = np.array([listing.kind == "common" for listing in market.listings])
    whole = np.flatnonzero((panel.first == 0) & common)[:300]
    close, volume = panel.fields["close"][:, whole], panel.fields["volume"][1:, whole]
    returns = close[1:] / close[:-1] - 1
    size = np.abs(returns)
    clusters = [np.corrcoef(size[1:, column], size[:-1, column])[0, 1] for column in range(whole.size)]
    late = [np.corrcoef(size[10:, column], size[:-10, column])[0, 1] for column in range(whole.size)]
    follows = [np.corrcoef(np.log(volume[:, column]), size[:, column])[0, 1] for column in range(whole.size)]
    spread = returns - returns.mean(axis=0)
    tails = (spread**4).mean(axis=0) / (spread**2).mean(axis=0) ** 2
    assert np.mean(clusters) > 0.1
    assert np.mean(late) > 0.04
    assert np.mean(follows) > 0.4
    assert np.median(tails) > 5
    assert 0.02 < np.median(returns.std(axis=0)) < 0.04
    assert 0.47 < (returns > 0).sum() / (returns != 0).sum() < 0.53
    sector = np.array([market.listings[column].sector for column in whole])
    together = np.array(np.corrcoef(returns.T))
    pairs = np.triu(np.ones(together.shape, dtype=np.bool_), 1)
    same = sector[:, None] == sector
    assert together[pairs & same].mean() > together[pairs & ~same].mean() + 0.03
    assert 0.05 < together[pairs & ~same].mean() < 0.4


def test_preferred_shares_follow_their_company_and_spacs_stay_near_what_they_hold() -> None:
    market = demo()
    panel = build_panel(market.bars)
    codes = [str(listing.symbol) for listing in market.listings]
    close = panel.fields["close"]
    for column, listing in enumerate(market.listings):
        if listing.kind == "preferred":
            company = codes.index("S0" + listing.symbol[2:])
            assert listing.name == f"{market.listings[company].name}우"
            assert np.corrcoef(np.diff(close[:, column]), np.diff(close[:, company]))[0, 1] > 0.5
        elif listing.kind == "spac":
            assert "스팩" in (listing.name or "")
            held = close[panel.first[column] :, column]
            assert held.min() > 1_850
            assert held.max() < 2_300


def test_companies_are_listed_late_and_delisted_on_the_dates_their_listings_name() -> None:
    bars = demo().bars
    days = np.unique(bars.day)
    for column, listing in enumerate(bars.listings):
        own = bars.day[bars.symbol == column]
        assert own.tolist() == days[(days >= own[0]) & (days <= own[-1])].tolist()
        assert listing.listed_on == (None if own[0] == days[0] else own[0].item())
        assert listing.delisted_on == (None if own[-1] == days[-1] else own[-1].item())


def test_companies_are_invented_with_names_of_their_own() -> None:
    listings = demo().listings
    assert all(parse_symbol(listing.symbol) == listing.symbol and len(listing.symbol) == 6 for listing in listings)
    assert {listing.market for listing in listings} == {"KOSPI", "KOSDAQ"}
    assert len({listing.sector for listing in listings if listing.kind != "etf"}) == 20
    everybody = invent(SEED, COMPANIES_MAX)
    assert len(set(everybody.names)) == len(set(everybody.names_en)) == len(set(everybody.symbols)) > COMPANIES_MAX
    assert (everybody.price >= 600).all()
    assert (everybody.shares > 1_000).all()


@pytest.mark.parametrize("count", [0, COMPANIES_MAX + 1])
def test_no_more_companies_than_there_are_names(count: int) -> None:
    with pytest.raises(AssertionError):
        simulate(1, LAST, 2, count)


def test_the_last_session_may_be_a_closed_day() -> None:
    market = simulate_market(1, date(2026, 11, 22), 3, 2)
    assert market.bars.day.max().item() == LAST
    assert sha256(market) == sha256(simulate_market(1, LAST, 3, 2))
    assert len(simulate(1, LAST, 3, 2)) == len(market.bars)

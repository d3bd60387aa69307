"""What the simulator says it planted is found in its bars by code of its own."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from truth_found import (
    Chart,
    charts,
    exchanges_by_shares,
    halts,
    is_judged,
    rows_of,
    splits_by_price,
    volume_growth,
    zigzag,
)

from ralph.market.ticks import LADDERS, price_limits
from ralph.simulator.market import SEED, simulate_market
from ralph.simulator.tables import SimulatedMarket
from ralph.simulator.truth import PlantedBase

LAST = date(2026, 11, 20)


@pytest.fixture(scope="module")
def market() -> SimulatedMarket:
    return simulate_market(SEED, LAST)


@pytest.fixture(scope="module")
def charted(market: SimulatedMarket) -> dict[str, Chart]:
    return charts(market)


def assert_listings_are_found(market: SimulatedMarket, charted: dict[str, Chart]) -> None:
    days = np.unique(market.bars.day).tolist()
    late = {(symbol, chart.day[0]) for symbol, chart in charted.items() if chart.day[0] > days[0]}
    gone = {(symbol, chart.day[-1]) for symbol, chart in charted.items() if chart.day[-1] < days[-1]}
    assert late == {(listed.symbol, listed.on) for listed in market.truth.listings}
    assert gone == {(left.symbol, left.last_on) for left in market.truth.delistings}
    for chart in charted.values():
        assert chart.day == [day for day in days if chart.day[0] <= day <= chart.day[-1]]


def assert_halts_are_found(market: SimulatedMarket, charted: dict[str, Chart]) -> None:
    last = market.bars.day.max().item()
    found = {
        (symbol, first, None if end == last else end)
        for symbol, chart in charted.items()
        for first, end in halts(chart)
    }
    assert found == {(halt.symbol, halt.first_on, halt.last_on) for halt in market.truth.halts}


def assert_exchanges_are_found(market: SimulatedMarket, charted: dict[str, Chart]) -> None:
    """All of them from the shares listed, the large ones from prices alone."""
    actions = {(action.symbol, action.on): action.ratio for action in market.truth.actions}
    found = {(symbol, day): ratio for symbol, chart in charted.items() for day, ratio in exchanges_by_shares(chart)}
    assert found == pytest.approx(actions, rel=1e-3)
    large = {
        (symbol, day): ratio
        for (symbol, day), ratio in actions.items()
        if not 0.5 < ratio < 2 and is_judged(charted[symbol], charted[symbol].at(day))
    }
    shares = [listing.symbol for listing in market.listings if listing.kind != "etf"]  # a fund may move by 60 %
    by_price = {(symbol, day): ratio for symbol in shares for day, ratio in splits_by_price(charted[symbol])}
    small = {key for key, ratio in actions.items() if 0.5 < ratio < 2}
    assert by_price.keys() - small == large.keys()
    hits = sum(by_price[key] == pytest.approx(ratio) for key, ratio in large.items())
    assert hits >= 0.9 * len(large)  # on a limit day 2 for 1 and 3 for 1 look alike


def turns_of(base: PlantedBase) -> Iterator[tuple[date, float]]:
    for contraction in base.contractions:
        yield contraction.high_on, contraction.high
        yield contraction.low_on, contraction.low


def assert_bases_are_found(market: SimulatedMarket, charted: dict[str, Chart]) -> None:
    for base in market.truth.bases:
        chart, planted = charted[base.symbol], list(turns_of(base))
        if not planted:
            continue
        ended = base.breakout_on or base.failed_on
        end = chart.at(ended) if ended else len(chart.day)
        first = chart.at(planted[0][0])
        found = zigzag(chart, first, end)
        assert found[: len(planted)] == planted, base
        assert len(found) == len(planted) + 1 or ended is None, base
        assert chart.high[chart.at(base.begun_on) : first].max() < planted[0][1]


@given(st.integers(0, 2**63))
@settings(max_examples=6)
def test_the_truth_of_any_small_market_is_found_in_its_bars(seed: int) -> None:
    market = simulate_market(seed, LAST, 260, 80)
    charted = charts(market)
    assert_listings_are_found(market, charted)
    assert_halts_are_found(market, charted)
    assert_exchanges_are_found(market, charted)
    assert_bases_are_found(market, charted)


def test_listings_and_delistings_are_found(market: SimulatedMarket, charted: dict[str, Chart]) -> None:
    assert_listings_are_found(market, charted)
    assert 50 < len(market.truth.listings) < 120
    assert {left.kind for left in market.truth.delistings} == {"liquidation", "merger"}


def test_halts_are_found(market: SimulatedMarket, charted: dict[str, Chart]) -> None:
    assert_halts_are_found(market, charted)
    kinds = {"disclosure", "review", "split", "reverse", "liquidation", "merger"}
    assert {halt.kind for halt in market.truth.halts} == kinds


def test_splits_are_found_and_volume_changes_with_them(market: SimulatedMarket, charted: dict[str, Chart]) -> None:
    assert_exchanges_are_found(market, charted)
    assert {action.kind for action in market.truth.actions} == {"split", "reverse", "bonus"}
    grown = [
        np.log(volume_growth(charted[action.symbol], charted[action.symbol].at(action.on))) / np.log(action.ratio)
        for action in market.truth.actions
        if not 0.5 < action.ratio < 2
        and 20 < charted[action.symbol].at(action.on) < len(charted[action.symbol].day) - 20
    ]
    assert 0.75 < np.median(grown) < 1.25


def test_a_liquidation_ends_in_a_few_wild_sessions(market: SimulatedMarket, charted: dict[str, Chart]) -> None:
    ends = [left for left in market.truth.delistings if left.liquidation_on is not None]
    falls = []
    for left in ends:
        chart = charted[left.symbol]
        resumed = [place for place in range(1, len(chart.day)) if chart.volume[place] > 0 == chart.volume[place - 1]]
        assert chart.day[resumed[-1]] == left.liquidation_on
        assert len(chart.day) - resumed[-1] == 7
        falls.append(chart.close[-1] / chart.close[resumed[-1] - 1] - 1)
    assert np.median(falls) < -0.6
    for left in market.truth.delistings:
        assert left.liquidation_on is not None or charted[left.symbol].volume[-1] == 0


def test_limit_days_are_found(market: SimulatedMarket, charted: dict[str, Chart]) -> None:
    raw, found = market.bars_raw, set()
    actions = {(action.symbol, action.on) for action in market.truth.actions}
    liquidated = {left.symbol: left.liquidation_on for left in market.truth.delistings if left.liquidation_on}
    for listing, rows in zip(raw.listings, rows_of(raw), strict=True):
        close, volume = raw.close[rows].astype(np.int64), raw.volume[rows]
        lowest, highest = price_limits(close[:-1], LADDERS["KOSPI"][-1])
        day = raw.day[rows][1:].tolist()
        for side, limit in (("up", highest), ("down", lowest)):
            for place in np.flatnonzero((close[1:] == limit) & (volume[1:] > 0)).tolist():
                is_usual = (listing.symbol, day[place]) not in actions and not (
                    listing.symbol in liquidated and day[place] >= liquidated[listing.symbol]
                )
                if is_usual and listing.kind != "etf":
                    found.add((listing.symbol, day[place], side))
    truth = {(limit.symbol, limit.on, limit.side) for limit in market.truth.limit_days}
    assert {entry for entry in truth if entry[:2] not in actions} == found
    assert 400 < sum(side == "up" for *_, side in found) < 1_500
    assert 100 < sum(side == "down" for *_, side in found) < 700


def test_planted_bases_are_found_by_a_plain_zigzag(market: SimulatedMarket, charted: dict[str, Chart]) -> None:
    assert_bases_are_found(market, charted)
    ended = [base for base in market.truth.bases if base.breakout_on or base.failed_on]
    assert len(ended) > 150
    assert {base.planned for base in ended} == {2, 3, 4}
    assert all(len(base.contractions) == base.planned and base.pivot is not None for base in ended)


def test_planted_bases_are_volatility_contraction_patterns(market: SimulatedMarket, charted: dict[str, Chart]) -> None:
    """By the numbers of the definition: contractions shrink to under 10 %, lows rise, volume dries up."""
    dry = []
    for base in market.truth.bases:
        depths = [contraction.depth for contraction in base.contractions]
        lows = [contraction.low for contraction in base.contractions]
        assert all(later <= 0.85 * earlier for earlier, later in pairwise(depths))
        assert all(later >= 0.98 * earlier for earlier, later in pairwise(lows))
        assert all(0.08 <= depth <= 0.35 for depth in depths[:1])
        ended = base.breakout_on or base.failed_on
        if ended:
            assert depths[-1] <= 0.10
            chart = charted[base.symbol]
            first, newest, end = (
                chart.at(day) for day in (base.contractions[0].high_on, base.contractions[-1].high_on, ended)
            )
            dry.append(chart.volume[newest + 1 : end].mean() / chart.volume[first - 49 : first + 1].mean())
    assert np.mean(np.array(dry) <= 0.75) > 0.95


def test_breakouts_close_above_the_pivot_for_the_first_time_and_on_volume(
    market: SimulatedMarket, charted: dict[str, Chart]
) -> None:
    for base in market.truth.bases:
        if base.pivot is None or not base.contractions:
            continue
        chart, contraction = charted[base.symbol], base.contractions[-1]
        ended = base.breakout_on or base.failed_on
        end = chart.at(ended) if ended else len(chart.day)
        assert (chart.close[chart.at(contraction.low_on) : end] < base.pivot).all()
        if base.breakout_on:
            assert chart.close[end] > base.pivot
            assert chart.volume[end] > 1.4 * chart.volume[end - 50 : end].mean()
        elif base.failed_on:
            assert chart.close[end] < chart.close[end - 1] * 0.96


def test_the_index_moves_as_its_regimes_say(market: SimulatedMarket) -> None:
    index, regimes = market.indices["KOSPI"], market.truth.regimes
    assert {regime.kind for regime in regimes} == {"bull", "bear", "sideways", "crash"}
    assert regimes[0].first_on == index.day[0].item()
    for regime in regimes:
        first = int(np.searchsorted(index.day, np.datetime64(regime.first_on)))
        last = (
            index.day.size - 1
            if regime.last_on is None
            else int(np.searchsorted(index.day, np.datetime64(regime.last_on)))
        )
        gain = index.close[last] / index.close[max(first - 1, 0)] - 1
        if regime.kind == "crash":
            assert gain < -0.08
        elif regime.kind == "bull":
            assert gain > 0

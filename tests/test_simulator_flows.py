"""Indices, funds and flows of the simulated market agree with its bars."""

from __future__ import annotations

from datetime import date
from functools import lru_cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ralph.market.ticks import LADDERS, tick_sizes
from ralph.simulator.market import SEED, simulate_market
from ralph.simulator.tables import SimulatedMarket

LAST = date(2026, 11, 20)
BEGINS = {"KOSPI": 2_600.0, "KOSDAQ": 850.0}


@lru_cache(maxsize=1)
def demo() -> SimulatedMarket:
    return simulate_market(SEED, LAST)


def grid(market: SimulatedMarket, values: np.ndarray) -> np.ndarray:
    """Values of bars as [sessions, Symbols], 0 where a Symbol is not listed."""
    days = np.unique(market.bars.day)
    spread = np.zeros((days.size, len(market.listings)), dtype=np.int64)
    spread[np.searchsorted(days, market.bars.day), market.bars.symbol] = values
    return spread


def base_prices(market: SimulatedMarket, close: np.ndarray) -> np.ndarray:
    """The close before, over the ratio and to the nearest tick where shares are exchanged: [sessions, Symbols]."""
    base = np.vstack([np.zeros_like(close[:1]), close[:-1]])
    days, codes = np.unique(market.bars.day), [listing.symbol for listing in market.listings]
    for action in market.truth.actions:
        place = int(np.searchsorted(days, np.datetime64(action.on))), codes.index(action.symbol)
        price = np.rint(np.array([base[place] * action.denominator / action.numerator])).astype(np.int64)
        tick = tick_sizes(price, LADDERS["KOSPI"][-1])
        base[place] = ((price + tick // 2) // tick * tick)[0]
    return base


def members(market: SimulatedMarket, name: str, close: np.ndarray) -> np.ndarray:
    """Common and preferred shares from their second Session to the last one before a liquidation."""
    days = np.unique(market.bars.day)
    counted = close > 0
    for column, listing in enumerate(market.listings):
        if listing.market != name or listing.kind not in ("common", "preferred"):
            counted[:, column] = False
        elif listing.listed_on:
            counted[days == np.datetime64(listing.listed_on), column] = False
    codes = [listing.symbol for listing in market.listings]
    phases = [halt for halt in market.truth.halts if halt.kind == "liquidation" and halt.last_on]
    for halt in phases:
        counted[days > np.datetime64(halt.last_on), codes.index(halt.symbol)] = False
    return counted


def assert_indices_are_those_of_their_members(market: SimulatedMarket) -> None:
    close, shares = (grid(market, values) for values in (market.bars_raw.close, market.shares))
    opening = np.where(grid(market, market.bars_raw.volume) > 0, grid(market, market.bars_raw.open), close)
    base = base_prices(market, close)
    for name, index in market.indices.items():
        counted = members(market, name, close)
        level = index.close[0]
        for day in range(1, index.day.size):
            worth = np.where(counted[day], shares[day], 0)
            before = int((base[day] * worth).sum())
            if before:
                assert index.open[day] == pytest.approx(level * int((opening[day] * worth).sum()) / before, abs=0.02)
                level *= int((close[day] * worth).sum()) / before
            assert index.close[day] == pytest.approx(level, abs=0.02, rel=1e-5)
            assert index.market_cap[day] == int((close[day] * worth).sum())


def assert_flows_add_up(market: SimulatedMarket) -> None:
    flows, bars = market.flows, market.bars_raw
    rows = flows.symbol.size
    assert (flows.symbol == bars.symbol[:rows]).all()
    assert (flows.day == bars.day[:rows]).all()
    assert {market.listings[column].kind for column in np.unique(bars.symbol[rows:])} == {"etf"}
    net = np.abs(flows.foreign_net) + np.abs(flows.institution_net)
    assert (net <= bars.volume[:rows]).all()
    assert (flows.foreign_hold >= 0).all()
    assert (flows.foreign_hold <= market.shares[:rows]).all()
    same = (flows.symbol[1:] == flows.symbol[:-1]) & (market.shares[1:rows] == market.shares[: rows - 1])
    assert (np.diff(flows.foreign_hold) == flows.foreign_net[1:])[same].all()
    days = np.unique(flows.day)
    for name, flow in market.market_flows.items():
        ours = np.array([listing.market == name for listing in market.listings])[flows.symbol]
        place = np.searchsorted(days, flows.day[ours])
        for part, values in (("foreign", flows.foreign_net_value), ("institution", flows.institution_net_value)):
            total = np.zeros(days.size, dtype=np.int64)
            np.add.at(total, place, values[ours])
            assert (total == flow.classes[part]).all()
        assert (np.sum(list(flow.classes.values()), axis=0) == 0).all()
        assert (np.sum(list(flow.institutions.values()), axis=0) == flow.classes["institution"]).all()


@given(st.integers(0, 2**63), st.integers(1, 60), st.integers(20, 200))
@settings(max_examples=8)
def test_indices_and_flows_of_any_small_market_add_up(seed: int, companies: int, sessions: int) -> None:
    market = simulate_market(seed, LAST, sessions, companies)
    assert_indices_are_those_of_their_members(market)
    assert_flows_add_up(market)


def test_indices_are_those_of_their_members() -> None:
    assert_indices_are_those_of_their_members(demo())


def test_index_bars_enclose_their_open_and_close_and_move_like_an_index() -> None:
    for name, index in demo().indices.items():
        assert (index.low <= np.minimum(index.open, index.close)).all()
        assert (index.high >= np.maximum(index.open, index.close)).all()
        moves = index.close[1:] / index.close[:-1] - 1
        assert 0.006 < moves.std() < 0.02
        assert abs(index.close[0] / BEGINS[name] - 1) < 0.05
        assert BEGINS[name] / 3 < index.close[-1] < BEGINS[name] * 4
        assert 1e12 < index.value.mean() < 1e14


def test_flows_add_up_and_foreigners_follow_prices() -> None:
    market = demo()
    assert_flows_add_up(market)
    rows = market.flows.symbol.size
    traded = market.bars_raw.volume[:rows] > 0
    share = market.flows.foreign_net[traded] / market.bars_raw.volume[:rows][traded]
    moves = (market.bars_raw.close[:rows] / market.reference[:rows] - 1)[traded]
    assert 0.05 < np.corrcoef(share, moves)[0, 1] < 0.6
    assert abs(share.mean()) < 0.03


@pytest.mark.parametrize(
    ("code", "index", "times"), [("S30001", "KOSPI", 1), ("S30003", "KOSPI", 2), ("S30004", "KOSPI", -1)]
)
def test_funds_follow_their_index(code: str, index: str, times: int) -> None:
    market = demo()
    column = [str(listing.symbol) for listing in market.listings].index(code)
    close = market.bars.close[market.bars.symbol == column]
    moves, points = np.diff(close) / close[:-1], market.indices[index].close
    assert np.abs(moves - times * np.diff(points) / points[:-1]).max() < 0.01

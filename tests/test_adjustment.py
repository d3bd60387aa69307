"""Back-adjustment: raw bars are divided and multiplied by later actions; no view knows of one before its day."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from panel_bars import assert_same

from ralph.market.adjustment import ADJUSTED, Action, ActionKind
from ralph.market.append import append
from ralph.market.capital import Capital
from ralph.market.columns import BAR_COLUMNS, BarColumns, adjust_bars, build_panel
from ralph.market.flags import JUMP_RATIO, RAW, Flag
from ralph.market.panel import FIELDS, Panel
from ralph.market.rules import flag_rows
from ralph.market.symbol import Listing, Symbol

FIRST_DAY = date(2026, 1, 5)
ABSENT, HALT, TRADE = 0, 1, 2
KINDS: tuple[ActionKind, ...] = ("split", "bonus", "reverse_split")


def market(states: NDArray[np.int64], is_raw: NDArray[np.bool_], seed: int = 0) -> BarColumns:
    """Bars of these states [symbols, sessions], raw where the same cell of `is_raw` says so."""
    symbol, session = np.nonzero(states != ABSENT)
    draws = np.random.default_rng(seed)
    traded = states[symbol, session] == TRADE
    close = 100.0 + draws.random(symbol.size) * 60
    bars = BarColumns(
        listings=tuple(Listing(Symbol(f"A{column:02d}")) for column in range(states.shape[0])),
        symbol=symbol.astype(np.int32),
        day=np.datetime64(FIRST_DAY, "D") + session.astype("timedelta64[D]"),
        open=close * 0.99,
        high=close * 1.01,
        low=close * 0.98,
        close=close,
        volume=np.where(traded, np.floor(1 + draws.random(symbol.size) * 1e6), 0.0),
        value=np.where(draws.random(symbol.size) < 0.5, np.nan, draws.random(symbol.size) * 1e9),
        flags=np.zeros(symbol.size, dtype=np.uint8),
    )
    return replace(bars, flags=flag_rows(bars) | np.where(is_raw[symbol, session], RAW, np.uint8(0)))


@st.composite
def markets(draw: st.DrawFn) -> tuple[BarColumns, tuple[Action, ...]]:
    """Late listings, halts, raw and adjusted bars side by side, several actions of a Symbol, some on one day, some to
    come, some of Symbols without bars."""
    symbols, sessions = draw(st.integers(1, 5)), draw(st.integers(1, 9))
    cells = st.sampled_from([ABSENT, HALT, TRADE, TRADE])
    drawn = draw(st.lists(cells, min_size=symbols * sessions, max_size=symbols * sessions))
    states = np.array(drawn).reshape(symbols, sessions)
    flat = draw(st.lists(st.sampled_from([True, True, False]), min_size=states.size, max_size=states.size))
    bars = market(states, np.array(flat).reshape(states.shape), draw(st.integers(0, 9)))
    keys = draw(
        st.lists(
            st.tuples(st.integers(0, symbols), st.integers(-1, sessions + 1), st.sampled_from(KINDS)),
            max_size=8,
            unique=True,
        )
    )
    ratios = st.sampled_from([2.0, 5.0, 1.2, 0.1, 1.0 / 3.0, 1.07])
    actions = [
        Action(Symbol(f"A{at:02d}"), FIRST_DAY + timedelta(days=on), kind, draw(ratios)) for at, on, kind in keys
    ]
    return bars, tuple(sorted(actions))


def until(bars: BarColumns, day: np.datetime64) -> BarColumns:
    return replace(bars, **{name: getattr(bars, name)[bars.day <= day] for name in BAR_COLUMNS})


def only(bars: BarColumns, kept: NDArray[np.bool_]) -> BarColumns:
    present = np.unique(bars.symbol[kept])
    named = replace(bars, **{name: getattr(bars, name)[kept] for name in BAR_COLUMNS})
    listings = tuple(bars.listings[column] for column in present)
    return replace(named, listings=listings, symbol=np.searchsorted(present, named.symbol).astype(np.int32))


def capital(bars: BarColumns, seed: int) -> Capital:
    """Statements on some days: a cap, shares, or both."""
    draws = np.random.default_rng(seed)
    at = np.flatnonzero(draws.random(len(bars)) < 0.4)
    shares = np.where(draws.random(at.size) < 0.8, 1e6 * draws.random(at.size), np.nan)
    caps = np.where(draws.random(at.size) < 0.5, 1e11 * draws.random(at.size), np.nan)
    return Capital(bars.symbol[at], bars.day[at], shares, caps)


@given(markets())
@settings(max_examples=150)
def test_the_panel_holds_what_a_slow_adjustment_makes(given_: tuple[BarColumns, tuple[Action, ...]]) -> None:
    """Each raw bar divided by the product of the ratios of later actions in effect; everything else as stored."""
    bars, actions = given_
    panel = build_panel(bars, actions=actions)
    for bar in np.flatnonzero(bars.volume > 0).tolist():
        column, day = int(bars.symbol[bar]), bars.day[bar]
        row = panel.rows[np.searchsorted(panel.sessions, day), column]
        factor = 1.0
        for action in reversed(actions):
            if action.symbol == panel.symbols[column] and day < np.datetime64(action.on) <= panel.sessions[-1]:
                factor *= action.ratio
        factor = factor if bars.flags[bar] & RAW else 1.0
        for name in ("open", "high", "low", "close"):
            assert panel.fields[name][row, column] == getattr(bars, name)[bar] / factor
        assert panel.fields["volume"][row, column] == bars.volume[bar] * factor
        assert panel.fields["value"][row, column] == bars.value_traded()[bar]


@given(markets(), st.integers(0, 99))
@settings(max_examples=200)
def test_a_view_equals_bit_by_bit_the_panel_of_data_cut_at_its_session(
    given_: tuple[BarColumns, tuple[Action, ...]], seed: int
) -> None:
    bars, actions = given_
    said = capital(bars, seed)
    panel = replace(build_panel(bars, actions=actions), capital=said)
    for day in panel.sessions:
        view = panel.as_of(day.item())
        known = said.day <= day
        known_said = Capital(said.column[known], said.day[known], said.shares[known], said.market_cap[known])
        known_actions = tuple(action for action in actions if np.datetime64(action.on) <= day)
        alone = replace(build_panel(until(bars, day), actions=known_actions), capital=known_said).as_of()
        assert view.height == alone.height
        for name in FIELDS:
            one, two = view.field(name)[:, view.traded], alone.field(name)[:, view.traded]
            assert one.tobytes() == two.tobytes(), (name, day)
        assert view.flags()[:, view.traded].tobytes() == alone.flags()[:, view.traded].tobytes()
        assert view.market_caps.tobytes() == alone.market_caps.tobytes()


@given(markets())
@settings(max_examples=200)
def test_a_panel_appended_session_by_session_equals_one_built_from_all_bars(
    given_: tuple[BarColumns, tuple[Action, ...]],
) -> None:
    bars, actions = given_
    days = np.unique(bars.day)
    if not days.size:
        return
    panel = build_panel(only(bars, bars.day == days[0]), actions=actions)
    for day in days[1:]:
        panel = append(panel, only(bars, bars.day == day), data_version=str(day))
        assert_same(panel, build_panel(only(bars, bars.day <= day), actions=actions))
        arrays: list[NDArray[Any]] = [*panel.fields.values(), *panel.raw.fields.values()]
        arrays += [panel.flags, panel.raw.columns]
        assert not any(array.flags.writeable for array in arrays)


@given(markets())
@settings(max_examples=100)
def test_one_symbols_bars_adjusted_alone_are_those_of_the_panel(
    given_: tuple[BarColumns, tuple[Action, ...]],
) -> None:
    """On every day asked about; bars without trade are adjusted as well, and nobody sees how a bar was stored."""
    bars, actions = given_
    panel = build_panel(bars, actions=actions)
    for column, listing in enumerate(bars.listings):
        own = only(bars, bars.symbol == column) if (bars.symbol == column).any() else None
        mine = [action for action in actions if action.symbol == listing.symbol]
        for day in panel.sessions if own is not None else ():
            assert own is not None
            known = adjust_bars(until(own, day), mine, day)
            assert not (known.flags & RAW).any()
            view = panel.as_of(day.item())
            if view.traded[column]:
                traded = known.volume > 0
                for name in ADJUSTED:
                    assert (
                        getattr(known, name)[traded].tobytes()
                        == view.field(name)[view.first[column] :, column].tobytes()
                    )
                shown = view.flags()[view.first[column] :, column] & ~RAW
                assert known.flags[traded].tolist() == shown.tolist()


def split_market(ratio: float, after: float) -> tuple[BarColumns, Action]:
    bars = market(np.full((1, 4), TRADE), np.full((1, 4), True))
    close = np.array([100.0, 100.0, after, after])
    bars = replace(bars, open=close, high=close, low=close, close=close, volume=np.full(4, 10.0))
    bars = replace(bars, value=np.full(4, np.nan), flags=flag_rows(bars) | RAW)
    return bars, Action(Symbol("A00"), FIRST_DAY + timedelta(days=2), "split", ratio)


def test_a_split_divides_prices_multiplies_volume_and_leaves_the_traded_value() -> None:
    bars, action = split_market(5.0, 20.0)
    panel = build_panel(bars, actions=[action])
    assert panel.fields["close"][:, 0].tolist() == [20.0] * 4
    assert panel.fields["volume"][:, 0].tolist() == [50.0, 50.0, 10.0, 10.0]
    assert panel.fields["value"][:, 0].tolist() == [1000.0, 1000.0, 200.0, 200.0]
    assert panel.as_of(FIRST_DAY + timedelta(days=1)).field("close")[:, 0].tolist() == [100.0, 100.0]


@pytest.mark.parametrize(("ratio", "after", "jumps"), [(5.0, 20.0, False), (1.0, 20.0, True), (5.0, 100.0, True)])
def test_a_jump_is_measured_over_the_action(ratio: float, after: float, jumps: bool) -> None:
    """What an action explains is no jump; what it makes up is one."""
    bars, action = split_market(ratio, after)
    assert bool(bars.flags[2] & Flag.JUMP) == (abs(after / 100 - 1) > JUMP_RATIO)
    panel = build_panel(bars, actions=[action])
    assert [bool(flag & Flag.JUMP) for flag in panel.flags[:, 0]] == [False, False, jumps, False]


def test_shares_grow_with_a_split_until_they_are_said_anew() -> None:
    """From shares alone: a hundred shares of 100 won are five hundred of 20."""
    bars, action = split_market(5.0, 20.0)
    said = Capital(np.zeros(1, np.int32), bars.day[:1], np.array([100.0]), np.array([np.nan]))
    panel: Panel = replace(build_panel(bars, actions=[action]), capital=said)
    caps = [float(panel.as_of(day.item()).market_caps[0]) for day in panel.sessions]
    assert caps == [10_000.0] * 4


def test_a_symbol_whose_bars_were_adjusted_by_their_source_is_left_alone() -> None:
    bars, action = split_market(5.0, 20.0)
    stored = replace(bars, flags=bars.flags & ~RAW)
    panel = build_panel(stored, actions=[action])
    assert panel.fields["close"][:, 0].tolist() == [100.0, 100.0, 20.0, 20.0]
    assert panel.raw.columns.size == 0

"""The Panel: what it holds, what a view of an older Session shows, and how it grows."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from panel_bars import assert_same

from ralph.errors import DataNotFound
from ralph.market import panel as panel_module
from ralph.market.append import append
from ralph.market.columns import BAR_COLUMNS, BarColumns, build_panel, sorted_bars
from ralph.market.panel import AS_OF_VIEWS_MAX, FIELDS
from ralph.market.symbol import Listing, Symbol
from ralph.market.view import HALTED, NO_BAR

FIRST_DAY = date(2026, 1, 5)
ABSENT, HALT, TRADE = 0, 1, 2


def history(states: NDArray[np.int64], seed: int = 0) -> BarColumns:
    """Bars of these states [symbols, sessions]; values are drawn, some traded values are missing."""
    symbol, session = np.nonzero(states != ABSENT)
    draws = np.random.default_rng(seed)
    count = symbol.size
    traded = states[symbol, session] == TRADE
    value = np.where(draws.random(count) < 0.3, np.nan, draws.random(count) * 1e9)
    return BarColumns(
        listings=tuple(Listing(Symbol(f"A{column:02d}"), name=f"name {column}") for column in range(states.shape[0])),
        symbol=symbol.astype(np.int32),
        day=np.datetime64(FIRST_DAY, "D") + session.astype("timedelta64[D]"),
        open=draws.random(count),
        high=draws.random(count),
        low=draws.random(count),
        close=draws.random(count),
        volume=np.where(traded, 1.0 + draws.random(count), 0.0),
        value=value,
        flags=draws.integers(1, 8, count).astype(np.uint8),
    )


@st.composite
def histories(draw: st.DrawFn) -> BarColumns:
    """Late listings, early delistings, halts, Symbols that never trade."""
    symbols, sessions = draw(st.integers(1, 6)), draw(st.integers(1, 9))
    line = st.lists(st.sampled_from([ABSENT, HALT, TRADE, TRADE]), min_size=sessions, max_size=sessions)
    states = np.array(draw(st.lists(line, min_size=symbols, max_size=symbols)), dtype=np.int64)
    for column in range(symbols):
        states[column, : draw(st.integers(0, sessions))] = ABSENT
        states[column, draw(st.integers(0, sessions)) :] = ABSENT
    return history(states, draw(st.integers(0, 2**32)))


def chosen(bars: BarColumns, kept: NDArray[np.bool_]) -> BarColumns:
    """These bars only, of the same listings."""
    return BarColumns(bars.listings, *(getattr(bars, name)[kept] for name in BAR_COLUMNS))


def without_strangers(bars: BarColumns) -> BarColumns:
    """Only the listings that have bars."""
    present = np.unique(bars.symbol)
    listings = tuple(bars.listings[column] for column in present)
    return replace(bars, listings=listings, symbol=np.searchsorted(present, bars.symbol).astype(np.int32))


@given(histories())
@settings(max_examples=150)
def test_a_column_holds_the_traded_bars_of_its_symbol_pushed_to_the_end(bars: BarColumns) -> None:
    """Compared with a slow build, bar by bar."""
    panel = build_panel(bars)
    days = sorted(set(bars.day.tolist()))
    assert panel.sessions.tolist() == days
    for column in range(len(bars.listings)):
        own = np.flatnonzero(bars.symbol == column)
        traded = own[bars.volume[own] > 0]
        top = panel.bar_count - traded.size
        assert panel.first[column] == top
        for name in FIELDS:
            expected = getattr(bars, name)[traded]
            if name == "value":
                expected = np.where(np.isnan(expected), bars.close[traded] * bars.volume[traded], expected)
            assert panel.fields[name][top:, column].tobytes() == expected.tobytes()
            assert np.isnan(panel.fields[name][:top, column]).all()
        assert panel.flags[top:, column].tolist() == bars.flags[traded].tolist()
        rows = {bars.day[bar].item(): HALTED for bar in own}
        rows |= {bars.day[bar].item(): top + place for place, bar in enumerate(traded)}
        assert panel.rows[:, column].tolist() == [rows.get(day, NO_BAR) for day in days]


@given(histories())
@settings(max_examples=60)
def test_the_order_in_which_bars_come_does_not_matter(bars: BarColumns) -> None:
    order = np.random.default_rng(len(bars)).permutation(len(bars))
    shuffled = BarColumns(bars.listings, *(getattr(bars, name)[order] for name in BAR_COLUMNS))
    assert_same(build_panel(shuffled), build_panel(bars))
    again = sorted_bars(shuffled)
    for name in BAR_COLUMNS:
        assert getattr(again, name).tobytes() == getattr(bars, name).tobytes()


@given(histories())
@settings(max_examples=150)
def test_a_view_equals_the_panel_of_bars_cut_at_its_session(bars: BarColumns) -> None:
    panel = build_panel(bars)
    for day in panel.sessions:
        view = panel.as_of(day.item())
        cut = build_panel(chosen(bars, bars.day <= day))
        trades = np.zeros(len(bars.listings), dtype=np.bool_)
        trades[bars.symbol[(bars.day == day) & (bars.volume > 0)]] = True
        assert view.on == day.item()
        assert view.traded.tolist() == trades.tolist()
        assert view.halted.tolist() == (cut.rows[-1] == HALTED).tolist()
        assert view.listed.tolist() == (cut.listed_from < cut.sessions.size).tolist()
        assert (view.height - view.first)[trades].tolist() == (cut.bar_count - cut.first)[trades].tolist()
        assert (view.first[~trades] == view.height).all()
        top = cut.bar_count - view.height
        for name in FIELDS:
            assert view.field(name).shape == (view.height, len(bars.listings))
            if trades.any():
                assert view.field(name)[:, trades].tobytes() == cut.fields[name][top:, trades].tobytes()
        part, rows, few = panel.session_view(day.item()), 1 + view.height // 3, np.flatnonzero(trades)[:1]
        assert part.newest("close", rows)[:, trades].tobytes() == view.newest("close", rows)[:, trades].tobytes()
        assert part.chosen("value", few, rows).tobytes() == view.field("value")[-rows:][:, few].tobytes()
        assert part.newest_flags(rows)[:, trades].tobytes() == view.flags()[-rows:][:, trades].tobytes()
        if trades.any():
            assert view.flags()[:, trades].tobytes() == cut.flags[top:, trades].tobytes()


@given(histories())
@settings(max_examples=150)
def test_a_panel_appended_session_by_session_equals_one_built_from_all_bars(bars: BarColumns) -> None:
    days = np.unique(bars.day)
    panel = build_panel(without_strangers(chosen(bars, bars.day < days[0]))) if days.size else build_panel(bars)
    for day in days:
        panel = append(panel, without_strangers(chosen(bars, bars.day == day)), data_version=str(day))
        assert_same(panel, build_panel(without_strangers(chosen(bars, bars.day <= day))))
        assert panel.data_version == str(day)


def test_an_appended_listing_replaces_the_older_one() -> None:
    bars = history(np.array([[TRADE, TRADE]]))
    day = np.datetime64(FIRST_DAY + timedelta(days=1), "D")
    panel = build_panel(chosen(bars, bars.day < day))
    renamed = replace(chosen(bars, bars.day == day), listings=(Listing(Symbol("A00"), name="new name"),))
    assert append(panel, renamed, data_version="2").listings[0].name == "new name"
    assert panel.listings[0].name == "name 0"


def test_only_a_newer_session_is_appended() -> None:
    bars = history(np.array([[TRADE, TRADE]]))
    with pytest.raises(AssertionError):
        append(build_panel(bars), chosen(bars, bars.day == bars.day[1]), data_version="2")
    with pytest.raises(AssertionError):
        append(build_panel(chosen(bars, bars.day < bars.day[0])), bars, data_version="2")


def test_appending_leaves_the_older_panel_as_it_was() -> None:
    bars = history(np.array([[TRADE, TRADE], [ABSENT, TRADE]]))
    older = chosen(bars, bars.day < bars.day[1])
    panel = build_panel(older)
    view = panel.as_of()
    append(panel, chosen(bars, bars.day == bars.day[1]), data_version="2")
    assert_same(panel, build_panel(older))
    assert panel.as_of() is view


def test_no_array_of_a_panel_can_be_written_to() -> None:
    bars = history(np.array([[TRADE, TRADE, TRADE], [TRADE, HALT, TRADE]]))
    day = FIRST_DAY + timedelta(days=1)
    last = bars.day == bars.day.max()
    for panel in (build_panel(bars), append(build_panel(chosen(bars, ~last)), chosen(bars, last), data_version="1")):
        arrays = [panel.sessions, panel.rows, panel.first, panel.flags, *panel.fields.values()]
        arrays += [panel.as_of().field("close"), panel.as_of(day).field("close"), panel.as_of(day).flags()]
        assert not any(array.flags.writeable for array in arrays)


def test_no_more_than_the_named_number_of_views_is_kept() -> None:
    panel = build_panel(history(np.full((2, 3 * AS_OF_VIEWS_MAX), TRADE)))
    for day in [*panel.sessions, *panel.sessions[::-1]]:
        view = panel.as_of(day.item())
        assert panel.as_of(day.item()) is view
        assert len(panel._views) <= AS_OF_VIEWS_MAX


def test_views_hold_no_more_memory_than_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beside the one asked for; readers keep theirs, and the newest view costs nothing."""
    panel = build_panel(history(np.full((2, 12), TRADE)))
    monkeypatch.setattr(panel_module, "AS_OF_BYTES_MAX", 100)
    for day in panel.sessions:
        view = panel.as_of(day.item())
        assert sum(kept.held_bytes for kept in panel._views.values() if kept is not view) <= 100
        view.field("close")
    assert panel.as_of().held_bytes == 0
    panel.forget_views()
    assert not panel._views


def test_the_view_of_the_newest_session_is_the_panel_itself() -> None:
    panel = build_panel(history(np.array([[TRADE, TRADE], [TRADE, HALT]])))
    view = panel.as_of()
    assert view.is_whole
    assert np.shares_memory(view.field("close"), panel.fields["close"])


@pytest.mark.parametrize(
    ("day", "text", "accepted"),
    [
        (date(2026, 1, 7), "no data on 2026-01-07: the latest date with data before it is 2026-01-05", "2026-01-05"),
        (date(2026, 1, 1), "no data on 2026-01-01: the earliest date with data is 2026-01-05", "2026-01-05"),
        (date(2030, 1, 1), "no data on 2030-01-01: the latest date with data before it is 2026-01-08", "2026-01-08"),
    ],
)
def test_a_date_without_data_is_answered_with_the_nearest_that_has_some(day: date, text: str, accepted: str) -> None:
    panel = build_panel(history(np.array([[TRADE, ABSENT, ABSENT, TRADE]])))
    with pytest.raises(DataNotFound) as caught:
        panel.as_of(day)
    assert caught.value.message.startswith(text)
    assert ("the newest of all 2026-01-08" in caught.value.message) == (accepted != "2026-01-08")
    assert (caught.value.field, caught.value.accepted) == ("as_of", accepted)


def test_a_panel_without_bars_says_how_to_get_some() -> None:
    for panel in (build_panel(history(np.zeros((0, 0), np.int64))), build_panel(history(np.zeros((2, 2), np.int64)))):
        with pytest.raises(DataNotFound, match="there are no bars yet"):
            panel.as_of()


def test_a_view_where_nobody_trades_is_empty() -> None:
    panel = build_panel(history(np.array([[TRADE, HALT, TRADE]])))
    view = panel.as_of(FIRST_DAY + timedelta(days=1))
    assert (view.traded.tolist(), view.halted.tolist(), view.listed.tolist()) == ([False], [True], [True])
    assert view.first.tolist() == [view.height]
    assert np.isnan(view.field("close")).all()


def test_listing_begins_with_the_first_bar() -> None:
    panel = build_panel(history(np.array([[ABSENT, HALT, TRADE], [TRADE, ABSENT, ABSENT], [ABSENT] * 3])))
    assert panel.listed_from.tolist() == [1, 0, 3]
    assert all(one < two for one, two in pairwise(panel.sessions))
    assert panel.columns == {"A00": 0, "A01": 1, "A02": 2}

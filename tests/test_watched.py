"""Watched screens hold, at the last bar of the day, what the screen as of that day holds; a Panel is cut and grown."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from functools import lru_cache

import numpy as np
import pytest
from live_days import batches_of
from panel_bars import assert_same

from ralph import screens
from ralph.jobs.demo import simulated_actions
from ralph.live.days import stored_day
from ralph.live.watching import so_far
from ralph.market.append import append, each_session
from ralph.market.calendar import PUBLISHED
from ralph.market.columns import BarColumns, build_panel
from ralph.market.cut import until
from ralph.market.flags import RAW
from ralph.market.panel import FIELDS, Panel
from ralph.market.running import RunningPanel, SoFar
from ralph.simulator.market import simulate_market
from ralph.tape.events import BarsClosed, ScreenMoved
from ralph.tape.tape import Tape
from ralph.tape.watched import WatchedScreen, WatchedScreens

LAST = date(2026, 11, 20)
EXPRESSIONS = (
    "close > sma(close, 20)",
    "rsi(14) < 45 and close > close[1]",
    "macd(12,26,9).hist crosses_above 0",
    "volume > 2 * sma(volume, 20)",
    "ema(close, 20) > ema(close, 60) and close > highest(high, 20)[1]",
    "count(close > open, 5) >= 3",
    "gap_pct > 1 or atr(14) / close > 0.04",
    "weekly.close > weekly.sma(5)",
    "rank(change(close, 5)) > 80",
)


@lru_cache
def bars() -> BarColumns:
    """Of the simulated market, as they were traded."""
    made = simulate_market(3, LAST, 70, 30)
    raw = made.bars_raw
    return replace(raw, flags=raw.flags | np.uint8(RAW))


@lru_cache
def market() -> Panel:
    """A Panel of them, with the splits of the market."""
    made = simulate_market(3, LAST, 70, 30)
    return build_panel(bars(), actions=simulated_actions(made.truth), workspace="demo", simulated=True)


def screens_watched() -> list[WatchedScreen]:
    """All expressions, two of them over a part of the market."""
    found = []
    for place, text in enumerate(EXPRESSIONS):
        condition = screens.parse(text)
        universe = "KOSPI" if place in (0, 3) else None
        found.append(WatchedScreen(str(place), condition, universe))
    return found


def test_at_the_last_bar_a_watched_screen_is_the_screen_as_of_that_day() -> None:
    """A day of ticks, looked at every 60 minutes and at its end; entering and leaving adds up to who is inside."""
    panel = market()
    playable = stored_day(panel, LAST, PUBLISHED)
    tape = Tape(playable.frame)
    frame = playable.frame
    watched = WatchedScreens(until(panel, panel.sessions[-2].astype(object)), frame.on, frame.universe, frame.names)
    watched.watch(screens_watched())
    assert watched.refused == {}
    inside = {each.id: set(watched.inside(each.id)) for each in screens_watched()}
    moved = 0

    def look() -> None:
        nonlocal moved
        for event in watched.look(so_far(tape)):
            assert isinstance(event, ScreenMoved)
            (inside[event.screen].add if event.event == "entered" else inside[event.screen].remove)(event.symbol)
            moved += 1

    closed = 0
    for batch in batches_of(playable.day):
        closed += sum(isinstance(event, BarsClosed) for event in tape.advance(batch))
        if closed >= 60:
            look()
            closed = 0
    look()
    traded = {frame.universe[place] for place in np.flatnonzero(tape.board.day.count)}
    assert moved > 0
    for each, text in zip(screens_watched(), EXPRESSIONS, strict=True):
        answer = screens.run(panel, screens.Request(expression=text, universe=each.universe, limit=1_000))
        assert set(watched.inside(each.id)) & traded == {match.symbol for match in answer.matches}, text
        assert set(watched.inside(each.id)) == inside[each.id]


def test_a_session_is_laid_below_a_panel_as_it_will_be_stored() -> None:
    """Bit by bit, however Symbols begin to trade one after the other and however often they are laid."""
    *_, last = each_session(bars())
    older = until(market(), market().sessions[-2].astype(object))
    universe = [listing.symbol for listing in last.listings]
    running = RunningPanel(older, LAST, universe)
    assert running.prepared() is running.prepared()
    traded = np.flatnonzero(last.volume > 0)
    every = traded[:0]
    for some in (traded[::7], traded[::3], traded[::2], traded):
        every = np.union1d(every, some)
        columns = [getattr(last, name)[every] for name in FIELDS]
        half = [column * 0.5 for column in columns]
        running.lay(SoFar(0, every, *half))
        found = running.lay(SoFar(0, every, *columns))
        part = replace(
            last,
            listings=tuple(last.listings[place] for place in every),
            symbol=np.arange(every.size, dtype=np.int32),
            **{name: getattr(last, name)[every] for name in ("day", *FIELDS)},
            flags=np.zeros(every.size, dtype=np.uint8),
        )
        expected = append(older, part, data_version=found.data_version)
        view, other = found.as_of(), expected.as_of()
        assert (view.traded == other.traded).all()
        for name in FIELDS:
            rows = min(view.height, other.height)
            one, two = view.newest(name, rows)[:, view.traded], other.newest(name, rows)[:, view.traded]
            first = np.maximum(view.first, other.first)[view.traded]
            above = np.arange(rows)[:, None] < first
            assert np.array_equal(np.where(above, 0, one), np.where(above, 0, two), equal_nan=True), name


LONG_LOOKS = (
    "percentile(atr(14) / close, 252) <= 40 and close > sma(50)",
    "obv() >= highest(obv(), 60) or lowest(bb(20, 2).upper - bb(20, 2).lower, 126) > 0.5 * atr(5)",
    "weekly.rsi(5) > 50 and weekly.high > 1.02 * weekly.close[1]",
    "monthly.volume > 0.8 * monthly.sma(volume, 3) or weekly.close crosses_above weekly.sma(5)",
    "rs_rating() >= 60 and close > ichimoku().span_b[25]",
    "listing_age > 250 and adx(14).adx > adx(14).adx[5]",
    "foreign_net(5) > 0 or stoch(14, 3, 3).k > 60",
)


def test_looks_find_what_the_day_so_far_would_answer_were_it_stored() -> None:
    """At any time of the day, whoever has begun to trade by then, and whatever the look before has left behind."""
    made = simulate_market(5, LAST, 40, 300)
    raw = replace(made.bars_raw, flags=made.bars_raw.flags | np.uint8(RAW))
    whole = build_panel(raw, actions=simulated_actions(made.truth), workspace="demo", simulated=True)
    older = until(whole, whole.sessions[-2].astype(object))
    *_, last = each_session(raw)
    universe = [listing.symbol for listing in last.listings]
    watched = WatchedScreens(older, LAST, universe, [None] * len(universe))
    wanted = [WatchedScreen(text, screens.parse(text)) for text in (*EXPRESSIONS, *LONG_LOOKS)]
    watched.watch(wanted[::2])
    traded = np.flatnonzero(last.volume > 0)
    for some, scale in ((traded[1::3], 0.98), (traded[::2], 1.01), (traded, 1.02), (traded, 1.0)):
        columns = [getattr(last, name)[some] * scale for name in FIELDS]
        watched.look(SoFar(0, some, *columns))
        part = replace(
            last,
            listings=tuple(last.listings[place] for place in some),
            symbol=np.arange(some.size, dtype=np.int32),
            day=last.day[some],
            **dict(zip(FIELDS, columns, strict=True)),
            flags=np.zeros(some.size, dtype=np.uint8),
        )
        stored = append(older, part, data_version="1")
        codes = {universe[place] for place in some}
        for each in wanted:
            if each.id in {one.id for one in wanted[::2]} or scale > 1.01 or scale == 1.0:
                answer = screens.run(stored, screens.Request(expression=each.id, limit=1_000))
                assert set(watched.inside(each.id)) & codes == {match.symbol for match in answer.matches}, each.id
        watched.watch(wanted)


@pytest.mark.parametrize("back", [1, 2, 9])
def test_a_panel_is_cut_and_grown_again(back: int) -> None:
    """Cut at a Session it is, for that Session, the same; grown by what came after, it is the whole again."""
    whole = market()
    day = whole.sessions[-1 - back].astype(object)
    cut = until(whole, day)
    for text in EXPRESSIONS[:5]:
        request = screens.Request(expression=text, limit=1_000)
        found = screens.run(cut, request)
        expected = screens.run(whole, replace_as_of(request, day))
        assert [(match.symbol, match.score) for match in found.matches] == [
            (match.symbol, match.score) for match in expected.matches
        ]
    grown = cut
    for session in list(each_session(bars()))[-back:]:
        grown = append(grown, session, data_version=whole.data_version)
    assert_same(replace(grown, listings=whole.listings), whole)


def replace_as_of(request: screens.Request, day: date) -> screens.Request:
    """The request as of a Session."""
    return screens.Request(expression=request.expression, limit=request.limit, as_of=day)


def test_a_screen_that_cannot_be_evaluated_says_why_and_stops_no_other() -> None:
    panel = market()
    symbols = panel.symbols
    watched = WatchedScreens(until(panel, panel.sessions[-2].astype(object)), LAST, symbols, [None] * len(symbols))
    good = WatchedScreen("1", screens.parse("close > 0"))
    bad = WatchedScreen("2", screens.parse("close > 0"), "NASDAQ")
    watched.watch([good, bad])
    assert "there is no market" in watched.refused["2"]
    every = np.arange(3)
    ones = np.ones(3)
    moved = watched.look(SoFar(0, every, ones, ones, ones, -ones, ones, ones))
    assert {event.screen for event in moved} == {"1"}
    assert {event.event for event in moved} == {"left"}

"""The tape: bars do not depend on the order of prints, nor on some coming twice; the board, quotes and triggers."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from live_days import FOLDED, batches_of, frame_of, market_after, slow_bars
from test_intraday import equal, fields, golden, needs_golden

from ralph.market.symbol import Listing, Symbol
from ralph.market.tick import NO_TICKS, Batch, Notices, Ticks, Trading
from ralph.tape.board import Board
from ralph.tape.duplicates import WINDOW, Seen
from ralph.tape.events import BarsClosed, Event, Quoted, Scanned
from ralph.tape.frame import SessionFrame, limits_on
from ralph.tape.measures import SessionMeasures, SlotBars
from ralph.tape.minutes import LATENESS_NS, MINUTE_NS, ClosedBars, MinuteBuilder
from ralph.tape.tape import Tape

OPENS_AT = 1_764_028_800_000_000_000
SYMBOLS = 3
MINUTES = 3
CLOSES_AT = OPENS_AT + MINUTES * MINUTE_NS


def ticks_of(rows: list[tuple[int, int, int, int, int]]) -> Ticks:
    """From rows of symbol, price, size, at (from the opening) and number."""
    if not rows:
        return NO_TICKS
    symbol, price, size, at, number = (np.array(column) for column in zip(*rows, strict=True))
    return Ticks(symbol.astype(np.int32), price.astype(np.float64), size, OPENS_AT + at, number)


def folded(closed: list[ClosedBars]) -> dict[tuple[int, int], tuple[float, ...]]:
    """Closed bars by (minute, Symbol)."""
    return {
        (bars.opened_at, int(bars.symbol[row])): tuple(getattr(bars, name)[row] for name in FOLDED)
        for bars in closed
        for row in range(len(bars))
    }


@st.composite
def sessions(draw: st.DrawFn) -> Ticks:
    """Prints of a short Session in the order of the exchange."""
    at = sorted(draw(st.lists(st.integers(0, MINUTES * MINUTE_NS), min_size=1, max_size=60)))
    count = [0] * SYMBOLS
    rows = []
    for instant in at:
        symbol = draw(st.integers(0, SYMBOLS - 1))
        count[symbol] += 1
        rows.append((symbol, draw(st.integers(1, 50)), draw(st.integers(1, 9)), instant, count[symbol]))
    return ticks_of(rows)


@given(ticks=sessions(), data=st.data())
def test_any_order_within_the_bound_gives_the_same_bars(ticks: Ticks, data: st.DataObject) -> None:
    """Prints that come late by up to the bound, out of order, twice and in any batches fold into the same bars."""
    delays = data.draw(st.lists(st.integers(0, LATENESS_NS - 1), min_size=len(ticks), max_size=len(ticks)))
    again = data.draw(st.lists(st.integers(0, len(ticks) - 1), max_size=20))
    rows = np.concatenate((np.arange(len(ticks)), np.array(again, dtype=np.int64)))
    arrives = np.concatenate((ticks.at + np.array(delays), ticks.at[again] + LATENESS_NS - 1))
    arrives = arrives + np.where(
        np.arange(rows.size) < len(ticks), 0, np.int64(data.draw(st.integers(0, 2 * MINUTE_NS)))
    )
    order = np.argsort(arrives, kind="stable")
    builder, seen = MinuteBuilder(SYMBOLS, OPENS_AT, CLOSES_AT), Seen(SYMBOLS)
    closed: list[ClosedBars] = []
    at = 0
    while at < order.size:
        until = at + data.draw(st.integers(1, 9))
        batch = ticks.take(rows[order[at:until]])
        closed += builder.close(int(arrives[order[at]]))
        builder.add(batch.take(seen.fresh(batch)))
        at = until
    closed += builder.close(CLOSES_AT + 10 * MINUTE_NS)
    assert folded(closed) == slow_bars(ticks, OPENS_AT)
    assert builder.late == 0
    assert [bars.opened_at for bars in closed] == sorted(bars.opened_at for bars in closed)


def test_what_comes_too_late_is_counted_and_left_out() -> None:
    builder = MinuteBuilder(SYMBOLS, OPENS_AT, CLOSES_AT)
    builder.add(ticks_of([(0, 10, 1, 5, 1)]))
    assert len(builder.close(OPENS_AT + MINUTE_NS + LATENESS_NS)) == 1
    builder.add(ticks_of([(0, 99, 1, 6, 2), (0, 11, 1, MINUTE_NS, 3), (0, 1, 1, -1, 4)]))
    assert (builder.late, builder.outside) == (1, 1)
    (bars,) = builder.close(CLOSES_AT + MINUTE_NS + LATENESS_NS)
    assert bars.high.tolist() == [11.0]


@given(
    numbers=st.lists(st.tuples(st.integers(0, 1), st.integers(1, 3 * WINDOW)), max_size=60),
    cuts=st.lists(st.integers(1, 20), max_size=10),
)
def test_a_print_is_taken_once(numbers: list[tuple[int, int]], cuts: list[int]) -> None:
    """The first of each number, unless it is further behind its Symbol's newest than is remembered."""
    seen, at = Seen(2), 0
    known: set[tuple[int, int]] = set()
    for cut in [*cuts, len(numbers)]:
        part = numbers[at : at + cut]
        at += cut
        ticks = ticks_of([(symbol, 1, 1, 0, number) for symbol, number in part])
        newest = {place: max((n for s, n in {*known, *part} if s == place), default=0) for place in (0, 1)}
        taken = [part[row] for row in seen.fresh(ticks).tolist()]
        expected = []
        for symbol, number in part:
            if (symbol, number) not in known and number > newest[symbol] - WINDOW:
                expected.append((symbol, number))
            known.add((symbol, number))
        assert taken == expected


def test_bars_from_the_feed_are_the_exchanges_own() -> None:
    """A day of the simulated market through the tape, with every batch sent twice."""
    day = market_after(30)[1]
    tape = Tape(frame_of(day))
    closed: list[ClosedBars] = []
    for batch in batches_of(day):
        for event in (*tape.advance(batch), *tape.advance(batch)):
            if isinstance(event, BarsClosed):
                closed.append(event.bars)
    paths, found = day.paths, folded(closed)
    expected = {}
    for at, symbol in np.argwhere(paths.volume > 0).tolist():
        own = (getattr(paths, name)[at, symbol] for name in FOLDED[:5])
        expected[day.begins_at(at), symbol] = tuple(own)
    assert {key: bar[:5] for key, bar in found.items()} == expected
    assert tape.ticks == tape.duplicates
    assert tape.late == 0
    assert tape.board.day.volume.tolist() == paths.volume.sum(axis=0).tolist()


def told(events: list[Event]) -> bytes:
    """What was said, without arrays."""
    return b"\n".join(msgspec.json.encode(event) for event in events if not isinstance(event, BarsClosed))


def test_empty_batches_change_nothing_of_what_is_said() -> None:
    """A clock that ticks without prints closes minutes earlier, and not otherwise."""
    day = market_after(30)[1]
    batches = batches_of(day)
    quiet, ticking = Tape(frame_of(day)), Tape(frame_of(day))
    one: list[Event] = []
    other: list[Event] = []
    for batch in batches:
        one += quiet.advance(batch)
        for step in range(8, 0, -1):
            other += ticking.advance(Batch(now=batch.now - step * 5 * 10**9))
        other += ticking.advance(batch)
    assert told(one) == told(other)
    assert any(isinstance(event, Scanned) for event in one)


def test_a_quote_says_where_a_symbol_stands() -> None:
    frame = SessionFrame(
        on=market_after(30)[1].on,
        universe=("A", "B", "C"),
        names=("a", None, None),
        before=np.array([100.0, 50.0, np.nan]),
        lowest=np.array([70.0, 35.0, np.nan]),
        highest=np.array([130.0, 65.0, np.nan]),
        opens_at=OPENS_AT,
        closes_at=CLOSES_AT,
    )
    tape = Tape(frame)
    halted = Notices(np.array([1], dtype=np.int32), np.array([int(Trading.HALTED)]), np.array([OPENS_AT]))
    ticks = ticks_of([(0, 110, 2, 1, 1), (0, 130, 3, 2, 2)])
    events = tape.advance(Batch(OPENS_AT + 5, ticks, notices=halted))
    (quoted,) = events
    assert isinstance(quoted, Quoted)
    first, second = quoted.quotes
    assert (first.price, first.change, first.limit, first.volume, first.value) == (130.0, 30.0, "up", 5, 610.0)
    assert first.change_ratio == pytest.approx(0.3)
    assert (second.symbol, second.halted, second.price, second.open, second.at) == ("B", True, 50.0, None, None)
    assert tape.board.quotes(np.array([2])) == ()
    assert tape.advance(Batch(OPENS_AT)) == []
    running = tape.running_bar(0)
    assert running is not None
    assert (running.open, running.close, running.partial) == (110.0, 130.0, True)
    assert tape.running_bar(1) is None


def test_limits_follow_the_rules_of_the_day() -> None:
    """30 % of the base price on the tick ladder; none for a listing elsewhere or without a base price."""
    listings = [
        Listing(symbol=Symbol("005930"), market="KOSPI"),
        Listing(symbol=Symbol("000660"), market="KOSPI"),
        Listing(symbol=Symbol("BTCUSDT"), market="BINANCE"),
    ]
    day = market_after(30)[1].on
    lowest, highest = limits_on(day, listings, np.array([6_820.0, np.nan, 100.0]))
    assert (lowest[0], highest[0]) == (4_780.0, 8_860.0)
    assert np.isnan(lowest[1:]).all()
    assert np.isnan(highest[1:]).all()


@needs_golden
def test_measures_bar_by_bar_are_the_golden_ones() -> None:
    """One slot after the other gives what whole arrays give."""
    opened, high, low, close, volume = (column[:, :, None] for column in fields())
    names = {3: "15", 6: "30"}
    usual = np.cumsum(volume, axis=1)
    for slots, minutes in names.items():
        found: dict[str, list[float]] = {}
        last = np.array([np.nan])
        for session in range(close.shape[0]):
            before = usual[session - 10 : session].mean(axis=0) if session >= 10 else None
            measures = SessionMeasures(last, range_slots=slots, usual_volume=before)
            for slot in range(close.shape[1]):
                own = (column[session, slot] for column in (opened, high, low, close, volume))
                for name, value in measures.close(SlotBars(*own))._asdict().items():
                    found.setdefault(name, []).append(float(value[0]))
            last = close[session][np.flatnonzero(volume[session, :, 0] > 0)[-1]]
        columns = {name: np.array(values).reshape(close.shape[:2]) for name, values in found.items()}
        equal(columns["vwap"], "lib_vwap_session", 5e4)
        equal(columns["gap_pct"], "def_gap_pct", 100)
        equal(columns["range_high"], f"def_or{minutes}_high")
        equal(columns["range_low"], f"def_or{minutes}_low")
        equal(columns["breaks_out"], f"def_orb{minutes}_up_first")
        equal(columns["reclaims"], "def_vwap_reclaim")
        equal(columns["new_high"], "def_new_intraday_high")
        equal(columns["relative_volume"], "def_rvol_tod10")
        np.testing.assert_allclose(
            columns["deviation"], golden("def_vwap_sd"), rtol=1e-8, atol=5e4 * np.finfo(float).eps ** 0.5
        )


def test_the_board_knows_who_is_locked() -> None:
    day = market_after(30)[1]
    frame = frame_of(day)
    board = Board(frame)
    board.frame.highest[0] = 130.0
    board.add(ticks_of([(0, 130, 1, 0, 1), (0, 130, 1, 1, 2), (1, 10, 1, 1, 1)]))
    assert np.flatnonzero(board.is_locked).tolist() == [0]

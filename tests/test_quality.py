"""A quality run finds each defect that is planted, and in a sound market nothing but what is true of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ralph.market.calendar import PUBLISHED
from ralph.market.columns import BAR_COLUMNS, BarColumns, build_panel
from ralph.market.flags import Flag
from ralph.market.quality import KINDS, Finding, Kind, coverage, examine, hole_calendar, severity_of
from ralph.market.rules import flag_rows
from ralph.market.symbol import Listing, Span, Symbol
from ralph.simulator.market import SEED, simulate_market
from ralph.simulator.tables import SimulatedMarket

LAST = date(2026, 11, 20)
TODAY = date(2026, 11, 21)
SYMBOLS, SESSIONS = 25, 130
DAYS = np.array(PUBLISHED.sessions_ending(LAST, SESSIONS), dtype="datetime64[D]")


def market(seed: int = 1) -> BarColumns:
    """A calm market of 25 Symbols over 130 Sessions, without a single defect."""
    random = np.random.default_rng(seed)
    close = 20_000 * np.exp(np.cumsum(random.normal(0, 0.02, (SYMBOLS, SESSIONS)), axis=1))
    close = np.round(close, -1)
    opened = np.round(close * random.uniform(0.98, 1.02, close.shape), -1)
    listings = tuple(Listing(Symbol(f"{100 + place:03}000"), market="KOSPI") for place in range(SYMBOLS))
    volume = np.round(100_000 * np.exp(random.normal(0, 0.3, close.shape)))
    return BarColumns(
        listings=listings,
        symbol=np.repeat(np.arange(SYMBOLS, dtype=np.int32), SESSIONS),
        day=np.tile(DAYS, SYMBOLS),
        open=opened.ravel(),
        high=np.maximum(opened, close).ravel() + 50,
        low=np.minimum(opened, close).ravel() - 50,
        close=close.ravel(),
        volume=volume.ravel(),
        value=np.full(close.size, np.nan),
        flags=np.zeros(close.size, dtype=np.uint8),
    )


def changed(bars: BarColumns, rows: slice | int, **factors: float) -> BarColumns:
    """The bars with some rows multiplied by a factor, field by field."""
    fields = {name: getattr(bars, name).copy() for name in factors}
    for name, factor in factors.items():
        fields[name][rows] *= factor
    return replace(bars, **fields)


def without(bars: BarColumns, gone: np.ndarray) -> BarColumns:
    return replace(bars, **{name: getattr(bars, name)[~gone] for name in BAR_COLUMNS})


def row_of(symbol: int, session: int) -> int:
    return symbol * SESSIONS + session


def found(bars: BarColumns, *expected_besides: Kind) -> list[Finding]:
    return [each for each in examine(bars, PUBLISHED, TODAY).findings if each.kind not in expected_besides]


PRICES = ("open", "high", "low", "close")


def halted(bars: BarColumns, symbol: int, session: int) -> BarColumns:
    """Three days without trade as the exchange writes them."""
    rows = slice(row_of(symbol, session), row_of(symbol, session) + 3)
    return changed(bars, rows, open=0, high=0, low=0, volume=0)


def revalued(bars: BarColumns, symbol: int, session: int) -> BarColumns:
    """A day without trade, with another close."""
    return changed(bars, row_of(symbol, session), open=0, high=0, low=0, volume=0, close=3.0)


def inconsistent(bars: BarColumns, symbol: int, session: int) -> BarColumns:
    return changed(bars, row_of(symbol, session), high=0.7)


def uneven(bars: BarColumns, symbol: int, session: int) -> BarColumns:
    return changed(bars, slice(row_of(symbol, session), row_of(symbol, session) + 2), high=10.0)


def split(bars: BarColumns, symbol: int, session: int) -> BarColumns:
    after = slice(row_of(symbol, session), row_of(symbol + 1, 0))
    return changed(bars, after, volume=5.0, **dict.fromkeys(PRICES, 0.2))


def in_dollars(bars: BarColumns, symbol: int, session: int) -> BarColumns:
    some = slice(row_of(symbol, session), row_of(symbol, session) + 7)
    return changed(bars, some, **dict.fromkeys(PRICES, 1 / 1_380))


def in_thousands(bars: BarColumns, symbol: int, session: int) -> BarColumns:
    return changed(bars, slice(row_of(symbol, session), row_of(symbol + 1, 0)), volume=0.001)


def leapt(bars: BarColumns, symbol: int, session: int) -> BarColumns:
    return changed(bars, slice(row_of(symbol, session), row_of(symbol + 1, 0)), **dict.fromkeys(PRICES, 1.45))


def again(bars: BarColumns, symbol: int, session: int) -> BarColumns:
    fields = {name: getattr(bars, name).copy() for name in (*PRICES, "volume")}
    for values in fields.values():
        values[row_of(symbol, session)] = values[row_of(symbol, session) - 1]
    return replace(bars, **fields)


def stuck(bars: BarColumns, symbol: int, session: int) -> BarColumns:
    rows = slice(row_of(symbol, session), row_of(symbol, session) + 25)
    fields = {name: getattr(bars, name).copy() for name in PRICES}
    level = fields["close"][rows.start]
    back = level / fields["close"][rows.stop - 1]  # goes on from the level it stood at
    for values in fields.values():
        values[rows.stop : row_of(symbol + 1, 0)] *= back
    fields["close"][rows] = level
    fields["high"][rows], fields["low"][rows] = level * 1.05, level * 0.95
    fields["open"][rows] = level
    return replace(bars, **fields)


def holed(bars: BarColumns, symbol: int, session: int) -> BarColumns:
    gone = np.zeros(len(bars), dtype=np.bool_)
    gone[row_of(symbol, session) : row_of(symbol, session) + 4] = True
    return without(bars, gone)


def ended(bars: BarColumns, symbol: int, session: int) -> BarColumns:
    gone = np.zeros(len(bars), dtype=np.bool_)
    gone[row_of(symbol, session) : row_of(symbol + 1, 0)] = True
    return without(bars, gone)


def doubled(bars: BarColumns, symbol: int, session: int) -> BarColumns:
    order = np.append(np.arange(len(bars)), row_of(symbol, session))
    return replace(bars, **{name: getattr(bars, name)[order] for name in BAR_COLUMNS})


def later(bars: BarColumns, symbol: int, session: int) -> BarColumns:
    day = bars.day.copy()
    day[row_of(symbol, SESSIONS - 1)] = np.datetime64("2027-01-04")
    return replace(bars, day=day)


def on_sunday(bars: BarColumns, symbol: int, session: int) -> BarColumns:
    """One more bar, on the first Sunday after a Session."""
    place = row_of(symbol, session)
    with_copy = doubled(bars, symbol, session)
    day, close = with_copy.day.copy(), with_copy.close.copy()
    on: date = bars.day[place].astype(object)
    day[-1] = on + timedelta(days=6 - on.weekday())
    close[-1] += 10
    return replace(with_copy, day=day, close=close)


def twice(bars: BarColumns, symbol: int, session: int) -> BarColumns:
    """The whole market's bars of a Session stored under the next one too."""
    fields = {name: getattr(bars, name).copy() for name in (*PRICES, "volume")}
    rows = np.arange(SYMBOLS) * SESSIONS + session
    for values in fields.values():
        values[rows] = values[rows - 1]
    return replace(bars, **fields)


def copied(bars: BarColumns, symbol: int, session: int) -> BarColumns:
    """A Symbol that is another one for ten Sessions."""
    fields = {name: getattr(bars, name).copy() for name in (*PRICES, "volume")}
    source = (symbol + 1) % SYMBOLS
    for values in fields.values():
        taken = values[row_of(source, 0) : row_of(source + 1, 0)]
        values[row_of(symbol, 0) : row_of(symbol + 1, 0)] = taken
    return replace(bars, **fields)


def half(bars: BarColumns, symbol: int, session: int) -> BarColumns:
    gone = (bars.day == DAYS[session]) & (bars.symbol % 2 == 0)
    return without(bars, gone)


Plant = Callable[[BarColumns, int, int], BarColumns]
PLANTS: dict[Kind, Plant] = {
    "halt": halted,
    "inconsistent": inconsistent,
    "scale_row": uneven,
    "split": split,
    "scale_level": in_dollars,
    "scale_volume": in_thousands,
    "jump": leapt,
    "moved_in_halt": revalued,
    "stale": again,
    "frozen": stuck,
    "missing": holed,
    "stopped": ended,
    "duplicate": doubled,
    "future": later,
    "closed_day": on_sunday,
    "repeated_day": twice,
    "twin": copied,
    "coverage": half,
}
OF_THE_MARKET = {"coverage", "repeated_day"}
BESIDES: dict[Kind, set[Kind]] = {
    "moved_in_halt": {"halt"},
    "scale_row": {"inconsistent"},
    "future": {"missing"},
    "twin": {"coverage"},
}


def test_every_kind_has_a_defect_planted() -> None:
    assert set(PLANTS) == set(KINDS)


@given(seed=st.integers(0, 10**6))
@settings(max_examples=10)
def test_nothing_is_found_in_a_sound_market(seed: int) -> None:
    assert found(market(seed)) == []


@pytest.mark.parametrize("kind", KINDS)
@given(seed=st.integers(0, 10**6), symbol=st.integers(0, SYMBOLS - 1), session=st.integers(25, SESSIONS - 30))
@settings(max_examples=8)
def test_what_is_planted_is_found_and_nothing_else(kind: Kind, seed: int, symbol: int, session: int) -> None:
    """One defect, one finding of its kind, on its Symbol and its days; and none of another kind."""
    planted = PLANTS[kind](market(seed), symbol, session)
    findings = [each for each in found(planted) if each.kind not in BESIDES.get(kind, set())]
    (finding,) = findings
    assert finding.kind == kind
    assert finding.severity == severity_of(kind)
    codes = {market().listings[symbol].symbol, market().listings[(symbol + 1) % SYMBOLS].symbol}
    assert finding.symbol is None if kind in OF_THE_MARKET else finding.symbol in codes
    if kind not in ("twin", "future", "closed_day", "stale", "frozen"):
        assert finding.first_on == DAYS[session].astype(object)
    assert finding.en
    assert finding.ko
    assert "{" not in finding.en + finding.ko


def test_a_run_does_not_depend_on_the_order_of_rows() -> None:
    """And finds the same twice."""
    bars = holed(split(halted(market(), 7, 50), 20, 60), 3, 40)
    shuffled = np.random.default_rng(5).permutation(len(bars))
    other = replace(bars, **{name: getattr(bars, name)[shuffled] for name in BAR_COLUMNS})
    first, second, third = (examine(each, PUBLISHED, TODAY).findings for each in (bars, bars, other))
    assert first == second == third
    assert len(first) == 3


def test_empty_and_tiny_markets() -> None:
    bars = market()
    for count in (0, 1, 2, 11):
        some = replace(bars, **{name: getattr(bars, name)[:count] for name in BAR_COLUMNS})
        assert hole_calendar(replace(some, listings=bars.listings[:1]), PUBLISHED).missing == 0
        assert [each for each in found(some) if each.symbol == bars.listings[0].symbol] == []


def test_the_limit_is_that_of_the_day() -> None:
    """20 % is beyond the limit before 2015-06-15, and within it after; a foreign listing has no Korean limit."""
    days = np.array(["2015-06-11", "2015-06-12", "2015-06-15", "2015-06-16"], dtype="datetime64[D]")
    close = np.array([100.0, 120.0, 144.0, 190.0])
    for listing, expected in (
        (Listing(Symbol("005930")), [0, Flag.JUMP, 0, Flag.JUMP]),
        (Listing(Symbol("005930"), market="KOSDAQ GLOBAL"), [0, Flag.JUMP, 0, Flag.JUMP]),
        (Listing(Symbol("AAPL")), [0, 0, 0, Flag.JUMP]),
        (Listing(Symbol("005930"), market="NASDAQ"), [0, 0, 0, Flag.JUMP]),
    ):
        bars = BarColumns(
            (listing,),
            np.zeros(4, dtype=np.int32),
            days,
            close,
            close,
            close,
            close,
            close,
            close,
            np.zeros(4, np.uint8),
        )
        assert flag_rows(bars).tolist() == expected


def test_delisting_and_a_code_in_use_again_are_no_holes() -> None:
    """A Symbol that is gone is not missed; between two listings of a code nothing is missing."""
    bars = ended(holed(market(), 3, 60), 9, 100)
    listings = list(bars.listings)
    gone, first, second = (DAYS[place].astype(object) for place in (99, 59, 64))
    listings[9] = Listing(listings[9].symbol, delisted_on=gone)
    listings[3] = Listing(listings[3].symbol, listed_on=second, earlier=(Span(None, first),))
    assert found(replace(bars, listings=tuple(listings))) == []
    begun = Listing(listings[0].symbol, listed_on=DAYS[10].astype(object))
    late = without(bars, (bars.symbol == 0) & (bars.day < DAYS[15]))
    (finding,) = found(replace(late, listings=(begun, *listings[1:])))
    assert (finding.kind, finding.detail.sessions) == ("missing", 5)


def test_the_gate_of_a_panel_is_that_of_a_run() -> None:
    """`coverage` of each Session equals what the run says; a day without any bar has none of those expected."""
    bars = half(ended(market(), 4, 90), 0, 70)
    panel = build_panel(bars)
    for each in examine(bars, PUBLISHED, TODAY).coverages:
        assert coverage(panel, each.session) == each
    passed = coverage(panel, DAYS[70].astype(object), 30.0)
    assert (passed.present, passed.passes) == (12, True)
    assert not coverage(panel, DAYS[70].astype(object)).passes
    after = coverage(panel, date(2026, 11, 23))
    assert (after.expected, after.present, after.ratio, after.passes) == (24, 0, 0.0, False)


def test_a_bar_without_trade_on_a_day_without_sessions() -> None:
    some = replace(market(), **{name: getattr(market(), name)[:1] for name in BAR_COLUMNS})
    sunday = replace(some, day=np.array(["2026-11-15"], dtype="datetime64[D]"), volume=np.zeros(1))
    assert [each.kind for each in found(sunday)] == ["closed_day", "halt"]


def test_a_market_with_days_of_its_own_keeps_them() -> None:
    """Bars on every day of the week are no defect where the exchange calendar is not theirs."""
    bars = market()
    every = np.datetime64("2026-06-01") + np.arange(SESSIONS)
    result = examine(replace(bars, day=np.tile(every, SYMBOLS)), PUBLISHED, TODAY)
    assert (result.is_exchange, result.findings) == (False, ())


def test_the_calendar_of_holes() -> None:
    bars = halted(holed(market(), 0, 40), 0, 60)
    one = without(bars, bars.symbol != 0)
    of_one = replace(one, listings=one.listings[:1])
    calendar = hole_calendar(of_one, PUBLISHED, DAYS)
    assert (calendar.bars, calendar.missing, calendar.halted, calendar.sessions) == (SESSIONS - 4, 4, 3, SESSIONS)
    assert [hole.kind for hole in calendar.holes] == ["missing", "halt"]
    signs = "".join(month.signs for month in calendar.months)
    assert (signs.count("X"), signs.count("h")) == (4, 3)
    assert set(signs) == {"·", "X", "h"}


@pytest.fixture(scope="module")
def simulated() -> SimulatedMarket:
    return simulate_market(SEED, LAST, sessions=500, companies=400)


def test_a_simulated_market_has_its_truth_and_no_more(simulated: SimulatedMarket) -> None:
    """Raw bars: halts, and exchanged shares beyond the limit; jumps only in liquidations and where shares were
    exchanged. Adjusted bars: no exchange at all."""
    truth = simulated.truth
    halts = {(halt.symbol, halt.first_on) for halt in truth.halts}
    actions = {(action.symbol, action.on): action.ratio for action in truth.actions}
    liquidated = {each.symbol for each in truth.delistings if each.kind == "liquidation"}
    for bars, exchanged in ((simulated.bars_raw, actions), (simulated.bars, {})):
        findings = examine(bars, PUBLISHED, TODAY).findings
        assert {each.kind for each in findings} <= {"halt", "split", "jump", "frozen"}
        assert {(each.symbol, each.first_on) for each in findings if each.kind == "halt"} == halts
        steps = {(each.symbol, each.first_on): each for each in findings if each.kind in ("split", "jump")}
        assert all(step in exchanged or step[0] in liquidated for step in steps)
        for step, ratio in exchanged.items():
            if ratio >= 2 or ratio <= 0.5:
                assert steps[step].kind == "split", steps[step]
                old, new = map(int, steps[step].detail.fraction.split(":"))
                assert new / old == ratio

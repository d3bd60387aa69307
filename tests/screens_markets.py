"""Markets and expressions that the tests of screens share: invented bars, and trees of the language."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import numpy as np
from hypothesis import strategies as st

from ralph.market.columns import BarColumns
from ralph.market.symbol import Listing, Symbol
from ralph.screens.tree import (
    Across,
    All,
    Any,
    Arithmetic,
    Belongs,
    Comparison,
    Condition,
    Count,
    Crossing,
    Field,
    Framed,
    Function,
    History,
    Lasting,
    Negative,
    Net,
    Not,
    Number,
    Numeric,
    Offset,
    Reading,
    Since,
    is_constant,
    walk,
)

FIRST_DAY = np.datetime64("2025-01-02")


def invented(symbols: int = 12, days: int = 60, seed: int = 1, step: float = 100.0) -> BarColumns:
    """Random walks on a grid of `step` won, with late listings, halts, days without a bar, and two flagged bars."""
    random = np.random.default_rng(seed)
    starts = np.where(np.arange(symbols) % 4 == 3, random.integers(0, days, symbols), 0)
    has_bar = (np.arange(days)[:, None] >= starts) & (random.random((days, symbols)) > 0.05)
    has_bar[-1, 0] = has_bar[:, 0].any()
    closes = np.maximum(step, 20 * step + step * random.integers(-1, 2, (days, symbols)).cumsum(axis=0))
    opens = np.maximum(step, closes + step * random.integers(-2, 3, (days, symbols)))
    volumes = np.where(random.random((days, symbols)) > 0.07, random.integers(1, 50, (days, symbols)) * 10.0, 0.0)
    column, day = np.nonzero(has_bar.T)
    close, open_ = closes[day, column], opens[day, column]
    flags = np.where(random.random(close.size) < 0.01, 4, 0).astype(np.uint8)
    listings = tuple(
        Listing(Symbol(f"{index:06d}"), name=f"회사 {index}", market="KOSPI" if index % 2 else "KOSDAQ")
        for index in range(symbols)
    )
    return BarColumns(
        listings=listings,
        symbol=column.astype(np.int32),
        day=FIRST_DAY + day,
        open=open_,
        high=np.maximum(open_, close) + step,
        low=np.maximum(np.minimum(open_, close) - step, step / 2),
        close=close,
        volume=volumes[day, column],
        value=np.full(close.size, np.nan),
        flags=flags,
    )


def until(bars: BarColumns, day: date) -> BarColumns:
    """The same bars without those after a day."""
    kept = bars.day <= np.datetime64(day)
    arrays = {
        name: getattr(bars, name)[kept]
        for name in ("symbol", "day", "open", "high", "low", "close", "volume", "value", "flags")
    }
    return BarColumns(listings=bars.listings, **arrays)


def _windowed(parts: tuple[str, Numeric, int]) -> Numeric:
    name, inner, bars = parts
    return inner if is_constant(inner) else History(name, inner, bars)  # type: ignore[arg-type]


def _framed(pair: tuple[str, Numeric]) -> Numeric:
    frame, inner = pair
    outside = any(isinstance(below, Framed | Across | Net | Belongs) for below in walk(inner))
    inside = any(isinstance(below, Field | Reading) for below in walk(inner))
    return Framed(frame, inner) if inside and not outside else inner  # type: ignore[arg-type]


def _counted(parts: tuple[str, Comparison, int]) -> Numeric:
    kind, part, bars = parts
    if is_constant(part):
        return Field("close")
    return Count(part, bars) if kind == "count" else Since(part)


def _lasting(parts: tuple[str, Condition, int]) -> Condition:
    name, part, bars = parts
    return part if is_constant(part) else Lasting(name, part, bars)  # type: ignore[arg-type]


def _across(pair: tuple[str, Numeric]) -> Numeric:
    name, inner = pair
    return inner if is_constant(inner) else Across(name, inner)  # type: ignore[arg-type]


def _offset(pair: tuple[Numeric, int]) -> Numeric:
    inner, bars = pair
    return inner if isinstance(inner, Number | Offset) else Offset(inner, bars)


def _negative(inner: Numeric) -> Numeric:
    return Number(0.0 - inner.value) if isinstance(inner, Number) else Negative(inner)


def _flat(kind: type[All | Any]) -> Callable[[list[Condition]], Condition]:
    def join(parts: list[Condition]) -> Condition:
        flat: list[Condition] = []
        for part in parts:
            flat += part.parts if isinstance(part, kind) else (part,)
        return kind(tuple(flat))

    return join


def _sourced(pair: tuple[Numeric, Reading]) -> Numeric:
    source, reading = pair
    if isinstance(source, Field) or is_constant(source) or reading.indicator == "obv":
        return reading
    return Reading(reading.indicator, reading.params, reading.mode, reading.output, source)


def numbers(readings: st.SearchStrategy[Reading]) -> st.SearchStrategy[Numeric]:
    """Numbers of every kind."""
    leaves: st.SearchStrategy[Numeric] = st.one_of(
        st.sampled_from([Field("open"), Field("close"), Field("volume"), Field("hl2")]),
        st.sampled_from([0.0, 1.0, 2.0, 100.0, 2000.0, -3.0, 0.5]).map(Number),
        readings,
    )

    def grow(inner: st.SearchStrategy[Numeric]) -> st.SearchStrategy[Numeric]:
        return st.one_of(
            st.builds(Arithmetic, st.sampled_from(["+", "-", "*", "/"]), inner, inner),
            inner.map(_negative),
            st.builds(Function, st.sampled_from(["min", "max"]), st.tuples(inner, inner)),
            st.builds(Function, st.just("abs"), st.tuples(inner)),
            st.tuples(inner, st.integers(1, 4)).map(_offset),
            st.tuples(st.sampled_from(["change", "percentile"]), inner, st.integers(2, 5)).map(_windowed),
            st.tuples(st.sampled_from(["weekly", "monthly"]), inner).map(_framed),
            st.tuples(inner, readings).map(_sourced),
        )

    return st.recursive(leaves, grow, max_leaves=6)


def conditions(readings: st.SearchStrategy[Reading], *, everything: bool = False) -> st.SearchStrategy[Condition]:
    """Conditions of every kind; `everything` adds what needs other Symbols, lists, flows and figures of companies."""
    number = numbers(readings)
    if everything:
        names = ["rank", "market_percentile", "market_median", "sector_rank", "sector_median"]
        number = st.one_of(
            number,
            st.tuples(st.sampled_from(names), number).map(_across),
            st.just(Across("rs_rating")),
            st.sampled_from([Field("market_cap"), Field("shares"), Field("listing_age")]),
            st.builds(Net, st.sampled_from(["foreign", "inst", "indiv"]), st.integers(1, 9)),
        )
    simple = st.builds(Comparison, st.sampled_from(["<", ">"]), number, number)
    counted = st.tuples(st.sampled_from(["count", "since"]), simple, st.integers(1, 5)).map(_counted)
    number = st.one_of(number, counted)
    leaves: st.SearchStrategy[Condition] = st.one_of(
        st.builds(Comparison, st.sampled_from(["<", "<=", ">", ">=", "==", "!="]), number, number),
        st.builds(Crossing, st.sampled_from(["above", "below"]), number, number),
    )

    if everything:
        several = st.lists(st.sampled_from(["KOSPI", "반도체", "a b", "x-1"]), min_size=1, max_size=3, unique=True)
        leaves = st.one_of(
            leaves,
            st.builds(Belongs, st.sampled_from(["market", "sector"]), several.map(tuple)),
            st.builds(Belongs, st.sampled_from(["list", "screen"]), several.map(lambda names: (names[0],))),
        )

    def grow(inner: st.SearchStrategy[Condition]) -> st.SearchStrategy[Condition]:
        return st.one_of(
            st.builds(Not, inner),
            st.tuples(st.sampled_from(["any", "all"]), inner, st.integers(1, 5)).map(_lasting),
            st.lists(inner, min_size=2, max_size=3).map(_flat(All)),
            st.lists(inner, min_size=2, max_size=3).map(_flat(Any)),
            st.tuples(inner.filter(lambda one: not isinstance(one, Offset)), st.integers(1, 3)).map(
                lambda pair: Offset(*pair)
            ),
        )

    return st.recursive(leaves, grow, max_leaves=5)


EXACT_READINGS = st.builds(
    lambda name, period: Reading(name, (("period", float(period)),), "tv", name),
    st.sampled_from(["highest", "lowest"]),
    st.integers(1, 4),
)
"""Indicators whose results are exact in any order of computation."""

ANY_READINGS = st.one_of(
    EXACT_READINGS,
    st.sampled_from(
        [
            Reading("sma", (("period", 20.0),), "tv", "sma"),
            Reading("rsi", (("period", 14.0),), "talib", "rsi"),
            Reading("macd", (("fast", 12.0), ("slow", 26.0), ("signal", 9.0)), "tv", "hist"),
            Reading("bb", (("period", 20.0), ("mult", 2.5)), "tv", "lower"),
            Reading("obv", (), "tv", "obv"),
        ]
    ),
)

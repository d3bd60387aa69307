"""Weekly and monthly bars from daily ones: what is kept, what is partial, and that nothing closed ever changes."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ralph.errors import BadParameter
from ralph.market.calendar import PUBLISHED, Calendar
from ralph.market.changes import Changes
from ralph.market.columns import BAR_COLUMNS, BarColumns
from ralph.market.flags import Flag
from ralph.market.periods import Period
from ralph.market.resampling import PeriodFrames, resample_days
from ralph.market.symbol import Listing, Symbol
from ralph.market.timeframes import Timeframe, parse_timeframe

PERIODS = st.sampled_from(["week", "month"])
SESSIONS = PUBLISHED.sessions_between(date(2025, 9, 1), date(2026, 2, 27))


def bars_of(keys: list[tuple[int, date]], seed: int = 7) -> BarColumns:
    """Bars at these (Symbol, day), some without trade, some without value, whole won so that sums are exact."""
    rng = np.random.default_rng(seed)
    count = len(keys)
    low, high = np.sort(rng.integers(1_000, 90_000, (2, count)), axis=0).astype(float)
    open_, close = (low + np.floor((high - low) * rng.random(count)) for _ in range(2))
    volume = rng.integers(0, 5, count) * 100.0
    columns: dict[str, Any] = {"open": open_, "high": high, "low": low, "close": close, "volume": volume}
    columns["value"] = np.where(rng.random(count) < 0.2, np.nan, close * volume)
    flags = np.where(volume == 0, Flag.NO_TRADE, rng.choice([0, Flag.JUMP, Flag.INCONSISTENT], count))
    return BarColumns(
        tuple(Listing(Symbol(f"00000{index}")) for index in range(4)),
        np.array([symbol for symbol, _ in keys], dtype=np.int32),
        np.array([day for _, day in keys], dtype="datetime64[D]"),
        **columns,
        flags=flags.astype(np.uint8),
    )


MARKETS = st.builds(
    bars_of,
    st.lists(st.tuples(st.integers(0, 3), st.sampled_from(SESSIONS)), max_size=120, unique=True),
    st.integers(0, 1_000),
)


def part(bars: BarColumns, chosen: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> BarColumns:
    return replace(bars, **{name: getattr(bars, name)[chosen] for name in BAR_COLUMNS})


def slow(bars: BarColumns, period: Period, through: date) -> dict[tuple[int, date], tuple[float, ...]]:
    """The same bars, one at a time, in plain Python."""
    frames: dict[tuple[int, date], tuple[float, ...]] = {}
    for index in sorted(range(len(bars)), key=lambda each: bars.day[each]):
        day: date = bars.day[index].astype(object)
        if bars.volume[index] == 0 or day > through:
            continue
        begins = day - timedelta(days=day.weekday()) if period == "week" else day.replace(day=1)
        key = (int(bars.symbol[index]), begins)
        open_, high, low, close = (float(getattr(bars, name)[index]) for name in ("open", "high", "low", "close"))
        volume, value = float(bars.volume[index]), float(bars.value_traded()[index])
        flags = int(bars.flags[index])
        if key in frames:
            before = frames[key]
            open_, high, low = before[0], max(before[1], high), min(before[2], low)
            volume, value, flags = before[4] + volume, before[5] + value, int(before[6]) | flags
        frames[key] = (open_, high, low, close, volume, value, flags)
    return frames


def as_rows(frames: PeriodFrames) -> dict[tuple[int, date], tuple[float, ...]]:
    bars = frames.bars
    columns = [getattr(bars, name).tolist() for name in ("open", "high", "low", "close", "volume", "value", "flags")]
    keys = list(zip(bars.symbol.tolist(), bars.day.tolist(), strict=True))
    assert keys == sorted(set(keys))
    return dict(zip(keys, zip(*columns, strict=True), strict=True))


@given(MARKETS, PERIODS, st.sampled_from(SESSIONS))
def test_frames_are_what_adding_up_by_hand_gives(bars: BarColumns, period: Period, through: date) -> None:
    assert as_rows(resample_days(bars, period, through, PUBLISHED)) == slow(bars, period, through)


@given(MARKETS, PERIODS)
def test_volume_and_value_are_kept_and_extremes_and_ends_are_those_of_the_days(
    bars: BarColumns, period: Period
) -> None:
    frames = resample_days(bars, period, SESSIONS[-1], PUBLISHED)
    traded = bars.volume > 0
    assert frames.bars.volume.sum() == bars.volume.sum()
    assert frames.bars.value.sum() == bars.value_traded()[traded].sum()
    for symbol in range(4):
        own, made = traded & (bars.symbol == symbol), frames.bars.symbol == symbol
        assert made.any() == own.any()
        if own.any():
            order = np.argsort(bars.day[own])
            assert frames.bars.high[made].max() == bars.high[own].max()
            assert frames.bars.low[made].min() == bars.low[own].min()
            assert frames.bars.open[made][0] == bars.open[own][order[0]]
            assert frames.bars.close[made][-1] == bars.close[own][order[-1]]
            assert frames.last_day[made][-1] == bars.day[own].max()


@given(MARKETS, PERIODS, st.sampled_from(SESSIONS), st.sampled_from(SESSIONS))
def test_a_closed_bar_never_changes_when_later_days_arrive(
    bars: BarColumns, period: Period, one: date, other: date
) -> None:
    earlier, later = min(one, other), max(one, other)
    known = part(bars, bars.day <= np.datetime64(earlier))
    then = resample_days(known, period, earlier, PUBLISHED)
    assert as_rows(then) == as_rows(resample_days(bars, period, earlier, PUBLISHED))
    now = as_rows(resample_days(bars, period, later, PUBLISHED))
    closed = [key for key, is_partial in zip(as_rows(then), then.partial, strict=True) if not is_partial]
    assert {key: now[key] for key in closed} == {key: as_rows(then)[key] for key in closed}


@given(MARKETS, PERIODS, st.sampled_from(SESSIONS))
def test_a_bar_is_partial_while_a_session_of_its_period_is_to_come(
    bars: BarColumns, period: Period, through: date
) -> None:
    frames = resample_days(bars, period, through, PUBLISHED)
    for begins, is_partial in zip(frames.bars.day.tolist(), frames.partial.tolist(), strict=True):
        ends = begins + timedelta(days=6) if period == "week" else (begins + timedelta(days=31)).replace(day=1)
        ends -= timedelta(days=0 if period == "week" else 1)
        assert is_partial == any(day > through for day in PUBLISHED.sessions_between(begins, ends))


@given(MARKETS, PERIODS, st.randoms(use_true_random=False))
def test_the_order_of_the_days_does_not_matter(bars: BarColumns, period: Period, random: object) -> None:
    order = np.arange(len(bars))
    random.shuffle(order)  # type: ignore[attr-defined]
    mixed = replace(bars, **{name: getattr(bars, name)[order] for name in BAR_COLUMNS})
    assert as_rows(resample_days(mixed, period, SESSIONS[-1], PUBLISHED)) == as_rows(
        resample_days(bars, period, SESSIONS[-1], PUBLISHED)
    )


def test_a_week_is_over_on_its_last_session_not_on_friday() -> None:
    """2025-10-02, a Thursday, was the last Session before a holiday of eight days."""
    bars = bars_of([(0, date(2025, 9, 29)), (0, date(2025, 10, 2))])
    bars = replace(bars, volume=np.array([100.0, 100.0]))
    week = resample_days(bars, "week", date(2025, 10, 2), PUBLISHED)
    assert week.partial.tolist() == [False]
    assert week.last_day.tolist() == [date(2025, 10, 2)]
    assert resample_days(bars, "week", date(2025, 10, 1), PUBLISHED).partial.tolist() == [True]
    opened = Calendar(Changes(opened=frozenset({date(2025, 10, 3)})))
    assert resample_days(bars, "week", date(2025, 10, 2), opened).partial.tolist() == [True]


def test_without_a_calendar_every_weekday_counts_and_weekends_where_they_trade() -> None:
    stock = replace(bars_of([(0, date(2018, 1, 4)), (0, date(2018, 1, 5))]), volume=np.ones(2))
    assert resample_days(stock, "week", date(2018, 1, 5), None).partial.tolist() == [False]
    assert resample_days(stock, "week", date(2018, 1, 4), None).partial.tolist() == [True]
    coin = replace(bars_of([(0, date(2018, 1, 6)), (0, date(2018, 1, 7))]), volume=np.ones(2))
    assert resample_days(coin, "week", date(2018, 1, 6), None).partial.tolist() == [True]
    assert resample_days(coin, "week", date(2018, 1, 7), None).partial.tolist() == [False]


def test_the_real_market_agrees_with_another_library(shared_dir: Path) -> None:
    """All weeks of 300 Symbols, against polars."""
    stored = pl.read_parquet(shared_dir / "data" / "krx_daily.parquet").filter(pl.col("volume") > 0)
    codes = stored["symbol"].unique().sort()[:300]
    stored = stored.filter(pl.col("symbol").is_in(codes.implode())).sort("symbol", "date")
    names = ("open", "high", "low", "close", "volume")
    prices: dict[str, Any] = {name: stored[name].cast(pl.Float64).to_numpy() for name in names}
    bars = BarColumns(
        tuple(Listing(Symbol(code)) for code in codes),
        codes.search_sorted(stored["symbol"]).cast(pl.Int32).to_numpy(),
        stored["date"].to_numpy().astype("datetime64[D]"),
        **prices,
        value=np.full(len(stored), np.nan),
        flags=np.zeros(len(stored), dtype=np.uint8),
    )
    frames = resample_days(bars, "week", date(2026, 5, 29), PUBLISHED)
    expected = stored.group_by("symbol", pl.col("date").dt.truncate("1w")).agg(
        pl.col("open").first(),
        pl.col("high").max(),
        pl.col("low").min(),
        pl.col("close").last(),
        pl.col("volume").sum(),
    )
    expected = expected.sort("symbol", "date")
    assert len(frames.bars) == len(expected) > 20_000
    assert (frames.bars.day == expected["date"].to_numpy()).all()
    for name in ("open", "high", "low", "close", "volume"):
        assert (getattr(frames.bars, name) == expected[name].to_numpy()).all(), name
    assert not frames.partial.any()


@pytest.mark.parametrize(
    ("text", "frame", "written"),
    [
        ("1d", Timeframe("day"), "1d"),
        ("1w", Timeframe("week"), "1w"),
        ("1mo", Timeframe("month"), "1mo"),
        ("1m", Timeframe("minute", 1), "1m"),
        (" 15m", Timeframe("minute", 15), "15m"),
        ("4h", Timeframe("minute", 240), "240m"),
        ("1440m", Timeframe("minute", 1_440), "1440m"),
    ],
)
def test_a_timeframe_is_read_as_traders_write_it(text: str, frame: Timeframe, written: str) -> None:
    assert parse_timeframe(text) == frame
    assert str(frame) == written
    assert parse_timeframe(str(frame)) == frame


@pytest.mark.parametrize(
    "text", ["", "d", "2d", "3w", "0m", "1441m", "25h", "1M", "5", "5min", "-5m", "٣m", "1٣m", "1d\n1w"]
)
def test_a_timeframe_that_cannot_be_made_is_refused(text: str) -> None:
    with pytest.raises(BadParameter, match=r"there is no timeframe .*; use 1d, 1w, 1mo, or minutes such as"):
        parse_timeframe(text)

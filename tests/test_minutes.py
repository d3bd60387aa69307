"""Minute frames on the grid of the Sessions: late openings, the closing print, partial frames, laws."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ralph.market.calendar import PUBLISHED, SEOUL
from ralph.market.grid import Grid, clock_grid, seconds
from ralph.market.minutes import MINUTE, MinuteColumns, MinuteFrames, resample_minutes
from ralph.market.symbol import Listing, Symbol

USUAL, FIRST, EXAM = date(2026, 11, 20), date(2026, 1, 2), date(2026, 11, 19)
GRID = PUBLISHED.grid(date(2025, 12, 29), date(2026, 1, 5))
BEGIN = np.datetime64("2025-12-28T22:00:00", "s")  # two hours before the first opening
NAMES = ("open", "high", "low", "close", "volume", "value", "flags")
FRAMES = st.sampled_from([1, 3, 5, 10, 15, 30, 60, 120, 240, 390])


def minutes_of(keys: list[tuple[int, int]], seed: int = 7) -> MinuteColumns:
    """Bars at these (Symbol, minutes after BEGIN), some without trade, in whole won."""
    rng = np.random.default_rng(seed)
    keys = sorted(keys)
    count = len(keys)
    low, high = np.sort(rng.integers(1_000, 90_000, (2, count)), axis=0).astype(np.float64)
    open_, close = (low + np.floor((high - low) * rng.random(count)) for _ in range(2))
    volume = rng.integers(0, 4, count) * 10.0
    columns: dict[str, Any] = {"open": open_, "high": high, "low": low, "close": close, "volume": volume}
    return MinuteColumns(
        tuple(Listing(Symbol(f"00000{index}")) for index in range(3)),
        np.array([symbol for symbol, _ in keys], dtype=np.int32),
        BEGIN + np.array([minute for _, minute in keys], dtype=np.int64) * MINUTE,
        **columns,
        value=np.where(rng.random(count) < 0.2, np.nan, close * volume),
        flags=rng.choice([0, 4], count).astype(np.uint8),
    )


# Around the Sessions of 12-29 (usual) and 01-02 (late), with minutes outside of their hours.
AT = st.integers(0, 700) | st.integers(5_760, 6_500)
MARKETS = st.builds(
    minutes_of, st.lists(st.tuples(st.integers(0, 2), AT), max_size=150, unique=True), st.integers(0, 1_000)
)
INSTANTS = st.builds(lambda minute: BEGIN + minute * MINUTE, AT)


def at(day: date, clock: str) -> np.datetime64:
    hour, minute = map(int, clock.split(":"))
    return seconds(datetime(day.year, day.month, day.day, hour, minute, tzinfo=SEOUL))


def clocks(frames: MinuteFrames) -> list[str]:
    return [f"{each + timedelta(hours=9):%H:%M}" for each in frames.bars.opened_at.tolist()]


def whole(day: date, *, closing_print: bool = True) -> MinuteColumns:
    """A bar a minute from an hour before the opening to an hour after the close, volume 1 each."""
    count = 660
    columns: dict[str, Any] = dict.fromkeys(NAMES[:-1], np.ones(count))
    opened_at = at(day, "08:00") + np.arange(count) * MINUTE
    bars = MinuteColumns(
        (Listing(Symbol("000000")),),
        np.zeros(count, dtype=np.int32),
        opened_at,
        **columns,
        flags=np.zeros(count, dtype=np.uint8),
    )
    if not closing_print:
        kept = opened_at != seconds(PUBLISHED.closes_at(day))
        return replace(bars, **{name: getattr(bars, name)[kept] for name in ("symbol", "opened_at", *NAMES)})
    return bars


@pytest.mark.parametrize(
    ("day", "minutes", "opens", "volumes"),
    [
        (USUAL, 60, ["09:00", "10:00", "11:00", "12:00", "13:00", "14:00", "15:00"], [60] * 6 + [31]),
        (USUAL, 240, ["09:00", "13:00"], [240, 151]),
        (USUAL, 390, ["09:00"], [391]),
        (FIRST, 60, ["10:00", "11:00", "12:00", "13:00", "14:00", "15:00"], [60] * 5 + [31]),
        (FIRST, 240, ["10:00", "14:00"], [240, 91]),
        (EXAM, 120, ["10:00", "12:00", "14:00", "16:00"], [120] * 3 + [31]),
    ],
)
def test_frames_are_counted_from_the_opening_and_end_with_the_close(
    day: date, minutes: int, opens: list[str], volumes: list[int]
) -> None:
    """The minute that begins at the close is the closing auction's print and belongs to the last frame."""
    frames = resample_minutes(whole(day), minutes, PUBLISHED.grid(day, day), at(day, "23:00"))
    assert clocks(frames) == opens
    assert frames.bars.volume.tolist() == volumes
    assert not frames.partial.any()


def test_the_last_frame_is_open_until_the_closing_print_has_had_its_minute() -> None:
    bars, grid = whole(USUAL), PUBLISHED.grid(USUAL, USUAL)
    assert resample_minutes(bars, 30, grid, at(USUAL, "15:00")).partial.tolist() == [False] * 12
    assert resample_minutes(bars, 30, grid, at(USUAL, "15:29")).partial.tolist() == [False] * 12 + [True]
    assert resample_minutes(bars, 30, grid, at(USUAL, "15:30")).partial.tolist() == [False] * 12 + [True]
    assert resample_minutes(bars, 30, grid, at(USUAL, "15:31")).partial.tolist() == [False] * 13


def test_minutes_stay_themselves() -> None:
    bars = whole(USUAL, closing_print=False)
    frames = resample_minutes(bars, 1, PUBLISHED.grid(USUAL, USUAL), at(USUAL, "20:00"))
    assert (frames.bars.opened_at == PUBLISHED.minute_grid(USUAL)).all()


def slow(
    bars: MinuteColumns, minutes: int, grid: Grid, through: np.datetime64
) -> dict[tuple[int, object], list[float]]:
    """The same frames, one bar at a time, in plain Python."""
    frames: dict[tuple[int, object], list[float]] = {}
    spans = list(zip(grid.opens_at.tolist(), grid.closes_at.tolist(), strict=True))
    for index, opened_at in enumerate(bars.opened_at.tolist()):
        if bars.volume[index] == 0 or opened_at + timedelta(minutes=1) > through.astype(object):
            continue
        for opens_at, closes_at in spans:
            if opens_at <= opened_at <= closes_at:
                within = min(opened_at, closes_at - timedelta(minutes=1)) - opens_at
                key = (
                    int(bars.symbol[index]),
                    opens_at + within // timedelta(minutes=minutes) * timedelta(minutes=minutes),
                )
                row = [float(getattr(bars, name)[index]) for name in ("open", "high", "low", "close", "volume")]
                row += [float(bars.value_traded()[index]), int(bars.flags[index])]
                if key in frames:
                    old = frames[key]
                    row = [old[0], max(old[1], row[1]), min(old[2], row[2]), row[3], old[4] + row[4], old[5] + row[5]]
                    row.append(int(old[6]) | int(bars.flags[index]))
                frames[key] = row
    return frames


def as_rows(frames: MinuteFrames) -> dict[tuple[int, object], list[float]]:
    bars = frames.bars
    keys = list(zip(bars.symbol.tolist(), bars.opened_at.tolist(), strict=True))
    assert keys == sorted(set(keys))
    rows = zip(*(getattr(bars, name).tolist() for name in NAMES), strict=True)
    return dict(zip(keys, map(list, rows), strict=True))


@given(MARKETS, FRAMES, INSTANTS)
def test_frames_are_what_adding_up_by_hand_gives(bars: MinuteColumns, minutes: int, through: np.datetime64) -> None:
    assert as_rows(resample_minutes(bars, minutes, GRID, through)) == slow(bars, minutes, GRID, through)


@given(MARKETS, FRAMES)
def test_volume_and_extremes_within_the_hours_are_kept(bars: MinuteColumns, minutes: int) -> None:
    frames = resample_minutes(bars, minutes, GRID, BEGIN + 100_000 * MINUTE)
    inside = (GRID.segment_of(bars.opened_at) >= 0) & (bars.volume > 0)
    assert frames.bars.volume.sum() == bars.volume[inside].sum()
    assert frames.bars.value.sum() == bars.value_traded()[inside].sum()
    assert frames.bars.high.max(initial=0) == bars.high[inside].max(initial=0)
    assert frames.bars.low.min(initial=1e9) == bars.low[inside].min(initial=1e9)
    assert not frames.partial.any()


@given(MARKETS, FRAMES, INSTANTS, INSTANTS)
def test_a_closed_frame_never_changes_when_later_minutes_arrive(
    bars: MinuteColumns, minutes: int, one: np.datetime64, other: np.datetime64
) -> None:
    earlier, later = min(one, other), max(one, other)
    then = resample_minutes(bars, minutes, GRID, earlier)
    now = as_rows(resample_minutes(bars, minutes, GRID, later))
    closed = [key for key, is_partial in zip(as_rows(then), then.partial, strict=True) if not is_partial]
    assert {key: now[key] for key in closed} == {key: as_rows(then)[key] for key in closed}
    assert (then.partial | (then.bars.opened_at + MINUTE <= earlier)).all()


@given(MARKETS, st.sampled_from([(5, 30), (10, 120), (30, 240), (15, 60)]))
def test_long_frames_from_short_ones_are_those_from_minutes(bars: MinuteColumns, frames: tuple[int, int]) -> None:
    short, long = frames
    end = BEGIN + 100_000 * MINUTE
    between = resample_minutes(bars, short, GRID, end).bars
    assert as_rows(resample_minutes(between, long, GRID, end)) == as_rows(resample_minutes(bars, long, GRID, end))


def test_outside_of_every_segment_is_nowhere() -> None:
    empty = Grid.of([], prints_at_close=True)
    assert empty.segment_of(np.array([BEGIN])).tolist() == [-1]
    frames = resample_minutes(minutes_of([(0, 1), (0, 2)]), 5, empty, BEGIN + 100 * MINUTE)
    assert len(frames.bars) == 0
    assert frames.partial.size == 0


def test_a_market_that_never_closes_is_counted_on_the_clock(shared_dir: Path) -> None:
    """A minute a bar, into hours: those of the exchange itself."""
    minutes = pl.read_parquet(shared_dir / "data" / "crypto_1m.parquet").filter(pl.col("symbol") == "BTCUSDT")[:40_000]
    hours = pl.read_parquet(shared_dir / "data" / "crypto_1h.parquet")
    prices: dict[str, Any] = {name: minutes[name].to_numpy() for name in ("open", "high", "low", "close", "volume")}
    bars = MinuteColumns(
        (Listing(Symbol("BTCUSDT")),),
        np.zeros(len(minutes), dtype=np.int32),
        minutes["ts"].to_numpy().astype("datetime64[s]"),
        **prices,
        value=np.full(len(minutes), np.nan),
        flags=np.zeros(len(minutes), dtype=np.uint8),
    )
    days = minutes["ts"].dt.date()
    first, last = days[0], days[-1]
    frames = resample_minutes(bars, 60, clock_grid(first, last), bars.opened_at[-1] + MINUTE)
    expected = hours.filter(
        pl.col("ts").is_in(pl.Series(frames.bars.opened_at.tolist()).dt.cast_time_unit("ms").implode())
    )
    found = np.isin(frames.bars.opened_at, expected["ts"].to_numpy().astype("datetime64[s]")) & ~frames.partial
    assert np.count_nonzero(found) > 500
    expected = expected.filter(pl.col("ts").is_in(pl.Series(frames.bars.opened_at[found].tolist()).implode()))
    for name in ("open", "high", "low", "close"):
        differ = getattr(frames.bars, name)[found] != expected[name].to_numpy()
        assert np.count_nonzero(differ) <= 3, name  # minutes lost in an outage


def test_numbered_bars_keep_their_order() -> None:
    bars = whole(USUAL)
    daily = bars.numbered()
    assert (np.diff(daily.day) == np.timedelta64(1, "D")).all()
    assert daily.close is bars.close

"""/api/v1/symbols/{code}/bars: the bars of one Symbol in any timeframe, with indicators beside them."""

from __future__ import annotations

import asyncio
from concurrent.futures import Executor
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Annotated

import msgspec
import numpy as np
from litestar import get
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, QueryParameter
from numpy.typing import NDArray

from ralph import screens
from ralph.api.problems import PROBLEMS
from ralph.errors import DataNotFound, UnknownSymbol
from ralph.market.calendar import SEOUL, Calendar
from ralph.market.columns import BarColumns, adjust_bars
from ralph.market.flags import Flag
from ralph.market.grid import clock_grid, seconds
from ralph.market.minutes import MINUTE, MinuteColumns, adjust_minutes, resample_minutes
from ralph.market.panel import Panel
from ralph.market.periods import Days
from ralph.market.resampling import resample_days
from ralph.market.symbol import Listing, Symbol, parse_symbol
from ralph.market.ticks import LIMITS, board_of
from ralph.market.timeframes import Timeframe, parse_timeframe
from ralph.screens.tree import Reading
from ralph.store.actions import confirmed_actions
from ralph.store.bars import load_bars, load_minutes
from ralph.store.database import Database
from ralph.store.markets import Markets

BARS = 10_000  # forty years of days; of minute bars the newest
BARS_MAX = 100_000
MINUTES_READ_MAX = 200_000  # two years of minute bars; frames are made from so many at most

_OFFSET = np.timedelta64(9 * 3_600, "s")  # Seoul's from UTC
_MINUTE = timedelta(minutes=1)


class ChartBar(msgspec.Struct, frozen=True, omit_defaults=True):
    """One bar: prices in won, volume in shares, value in won traded (null where the source has none).

    on is the Session, of a week its Monday, of a month its first day; last_on the last Session of a week or month that
    traded; at the instant at which a minute frame begins. partial: its time was not over, it may still change.
    """

    on: date
    open: float
    high: float
    low: float
    close: float
    volume: float
    value: float | None
    flags: list[str]
    last_on: date | None = None
    at: datetime | None = None
    partial: bool = False


class BarsAnswer(msgspec.Struct, frozen=True):
    """A Symbol's bars, and for each indicator asked for its outputs, one number a bar (null where there is none).

    truncated: there are older bars in the asked range; ask for them with an earlier `to`.
    """

    workspace: str
    simulated: bool
    symbol: str
    name: str | None
    timeframe: str
    bars: list[ChartBar]
    indicators: dict[str, dict[str, list[float]]]
    truncated: bool


@dataclass(frozen=True, eq=False)
class _Frames:
    """Bars of one Symbol in the asked timeframe; `session` and `last_day` are days, `opened_at` only within a day.
    is_cut: older minute bars than could be read at once are stored."""

    bars: BarColumns
    session: Days
    partial: NDArray[np.bool_]
    last_day: Days | None = None
    opened_at: NDArray[np.datetime64] | None = None
    is_cut: bool = False


@get(
    "/{code:str}/bars",
    operation_id="listBars",
    summary="Bars of a Symbol, with indicators",
    tags=["symbols"],
    responses=PROBLEMS,
)
async def list_bars(
    code: FromPath[str],
    database: NamedDependency[Database],
    markets: NamedDependency[Markets],
    kernels: NamedDependency[Executor],
    calendar: NamedDependency[Calendar],
    timeframe: FromQuery[str] = "1d",
    since: Annotated[date | None, QueryParameter(query="from", description="First Session.")] = None,
    until: Annotated[date | None, QueryParameter(query="to", description="Last Session.")] = None,
    limit: Annotated[int, QueryParameter(ge=1, le=BARS_MAX, description="At most this many, the newest.")] = BARS,
    indicators: FromQuery[str | None] = None,
    workspace: FromQuery[str | None] = None,
) -> BarsAnswer:
    """A Symbol's bars from `from` to `to`, oldest first: `1d`, made from them `1w` and `1mo`, and minutes such as `5m`
    where minute bars are stored. A bar whose time was not over is `partial`. `indicators` is a list like
    `macd(12,26,9),rsi(14)`; each is computed over the Symbol's whole history, so the first bar shown has its value too.
    """
    panel = markets.panel(workspace)
    frame = parse_timeframe(timeframe)
    asked = screens.parse_indicators(indicators) if indicators else ()
    symbol = parse_symbol(code)
    if symbol is None:
        raise UnknownSymbol(f"there is no symbol {code[:40]!r}", field="code", accepted="a code such as 005930")
    newest: date = panel.sessions[-1].astype(object) if panel.sessions.size else date.min
    async with database.acquire() as connection:
        actions = await confirmed_actions(connection, panel.workspace, symbol)
        if frame.is_minutes:
            before = datetime.combine(until, datetime.max.time(), SEOUL) if until else datetime.max.replace(tzinfo=UTC)
            minutes = await load_minutes(connection, panel.workspace, symbol, before, MINUTES_READ_MAX)
            known_on = _known_on(newest, minutes.session_on(), until)
            frames = _minute_frames(adjust_minutes(minutes, actions, known_on), frame, newest, calendar)
        else:
            daily = await load_bars(connection, panel.workspace, symbol)
            known_on = _known_on(newest, daily.day, until)
            frames = _day_frames(adjust_bars(daily, actions, known_on), frame, min(newest, until or date.max), calendar)
    ends_on = frames.session if frames.last_day is None else frames.last_day
    first = int(np.searchsorted(ends_on, _day(since, date.min)))
    end = int(np.searchsorted(frames.session, _day(until, date.max) + 1))
    shown = slice(max(first, end - limit), max(first, end))
    loop = asyncio.get_running_loop()
    computed = await loop.run_in_executor(kernels, _computed, asked, frames, panel, symbol) if asked else {}
    return BarsAnswer(
        workspace=panel.workspace,
        simulated=panel.simulated,
        symbol=symbol,
        name=frames.bars.listings[0].name,
        timeframe=str(frame),
        bars=_rows(frames, shown),
        indicators={
            text: {name: values[shown].tolist() for name, values in outputs.items()}
            for text, outputs in computed.items()
        },
        truncated=shown.start > first or (frames.is_cut and first == 0),
    )


def _computed(
    asked: tuple[Reading, ...], frames: _Frames, panel: Panel, symbol: Symbol
) -> dict[str, dict[str, NDArray[np.float64]]]:
    """The indicators along the frames; those that need an index have it on days, as the Panel knows it."""
    beside = {"session": frames.session.astype(np.float64)}
    if "index_close" in screens.inputs_of(asked):
        beside["index_close"] = _index_closes(panel, symbol, frames)
    return screens.compute_indicators(asked, frames.bars, beside)


def _index_closes(panel: Panel, symbol: Symbol, frames: _Frames) -> NDArray[np.float64]:
    """The index of the market at each daily bar; NaN where it is not known, and for frames that are no days."""
    closes = np.full(len(frames.bars), np.nan)
    column = panel.columns.get(symbol)
    if column is None or frames.last_day is not None or frames.opened_at is not None:
        return closes
    view = panel.as_of().latest
    session = view.session_of(view.height)[:, column]
    known = panel.sessions[session[session >= 0]]
    values = view.newest("index_close", view.height)[session >= 0, column]
    _, at, there = np.intersect1d(frames.session, known, return_indices=True)
    closes[at] = values[there]
    return closes


def _day_frames(daily: BarColumns, frame: Timeframe, through: date, calendar: Calendar) -> _Frames:
    """Weeks and months hold no day after `through`, so that a chart as of a date does not look ahead."""
    if frame.unit == "day" or not len(daily):
        return _Frames(daily, daily.day, np.zeros(len(daily), dtype=np.bool_))
    known = calendar if _is_korean(daily.listings[0]) else None
    made = resample_days(daily, "week" if frame.unit == "week" else "month", through, known)
    return _Frames(made.bars, made.bars.day, made.partial, last_day=made.last_day)


def _minute_frames(minutes: MinuteColumns, frame: Timeframe, newest: date, calendar: Calendar) -> _Frames:
    """Minute frames up to the newest bar, and to the end of the newest Session of which daily bars are stored."""
    listing = minutes.listings[0]
    if not len(minutes):
        raise DataNotFound(
            f"no minute bars of {listing.symbol} are stored, so there is no {frame}; use 1d, 1w or 1mo",
            field="timeframe",
            accepted="1d, 1w or 1mo",
        )
    is_cut = len(minutes) >= MINUTES_READ_MAX
    first, last = (minutes.opened_at[[0, -1]] + _OFFSET).astype("datetime64[D]").astype(object)
    first += timedelta(days=1 if is_cut else 0)  # of its first day only a part was read
    through = minutes.opened_at[-1] + MINUTE
    if _is_korean(listing):
        grid = calendar.grid(first, last)
        if newest > date.min and calendar.is_session(newest):
            through = max(through, seconds(calendar.closes_at(newest) + _MINUTE))
    else:
        grid = clock_grid(first - timedelta(days=0 if is_cut else 1), last)
    made = resample_minutes(minutes, frame.count, grid, through)
    session = (made.bars.opened_at + _OFFSET).astype("datetime64[D]")
    return _Frames(made.bars.numbered(), session, made.partial, opened_at=made.bars.opened_at, is_cut=is_cut)


def _is_korean(listing: Listing) -> bool:
    """Whether the exchange calendar holds for it; a Symbol without a market is taken for a Korean one."""
    return listing.market is None or board_of(listing.market) in LIMITS


def _day(day: date | None, default: date) -> np.datetime64:
    return np.datetime64(day or default, "D")


def _known_on(newest: date, days: Days, until: date | None) -> np.datetime64:
    """The day whose actions adjust a chart; the Panel may be behind what is stored."""
    known: np.datetime64 = min(max([_day(newest, newest), *days[-1:]]), _day(until, date.max))
    return known


def _rows(frames: _Frames, shown: slice) -> list[ChartBar]:
    bars = frames.bars
    columns = [getattr(bars, name)[shown].tolist() for name in ("open", "high", "low", "close", "volume", "value")]
    flags = [_names(bits) for bits in bars.flags[shown].tolist()]
    session = frames.session[shown].tolist()
    nothing = [None] * len(session)
    last_on = nothing if frames.last_day is None else frames.last_day[shown].tolist()
    at = (
        nothing if frames.opened_at is None else [each.replace(tzinfo=UTC) for each in frames.opened_at[shown].tolist()]
    )
    partial = frames.partial[shown].tolist()
    return [ChartBar(*row) for row in zip(session, *columns, flags, last_on, at, partial, strict=True)]


def _names(flags: int) -> list[str]:
    return [str(flag.name).lower() for flag in Flag if flags & flag] if flags else []

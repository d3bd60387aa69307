"""Scans as of a minute of a stored Session: the live market's own scans, and every other over the bar so far."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, datetime
from datetime import time as clock

import numpy as np
from numpy.typing import NDArray

from ralph import scanners
from ralph.errors import BadParameter, DataNotFound
from ralph.market.calendar import SEOUL, Calendar, instant
from ralph.market.cut import before
from ralph.market.minutes import MinuteColumns
from ralph.market.panel import Panel
from ralph.market.running import RunningPanel, SoFar
from ralph.market.view import View
from ralph.scanners import checks
from ralph.scanners.around import Around
from ralph.scanners.cards import ScannerCard
from ralph.scanners.component import Component
from ralph.scanners.day import MarketDay
from ralph.scanners.running import Asked, ScanAnswer, look_at
from ralph.scanners.setup import Setup
from ralph.store.database import Database
from ralph.store.session_minutes import load_session_minutes, newest_minutes_before
from ralph.store.usual_volume import hours_before, load_usual_volume
from ralph.tape.events import Scanned, instant_of
from ralph.tape.frame import SessionFrame, limits_on
from ralph.tape.minutes import ClosedBars
from ralph.tape.scans import SCANS
from ralph.tape.stored import closed_bars, day_of, tell

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

MINUTE = "1m"
DAYTRADING = "daytrading"
_BY_NAME = {scan.name: scan for scan in SCANS}


@dataclass(frozen=True, eq=False)
class SessionMinutes:
    """What is stored of a Session and looked at until a moment.

    universe      the Symbols that have minute bars, in order of code; hours, until: UTC nanoseconds
    usual_volume  [minutes, universe], None where it cannot be told
    """

    on: date
    minutes: MinuteColumns
    universe: tuple[str, ...]
    hours: tuple[int, int]
    until: int
    usual_volume: FloatArray | None


@dataclass(frozen=True, eq=False)
class MinuteQuestion:
    """What is asked of a Session: a scan by name with its parameters, and whom."""

    name: str
    params: dict[str, float]
    members: Callable[[View], NDArray[np.bool_]]
    asked: Callable[[NDArray[np.bool_]], Asked]


def only_minutes(name: str) -> bool:
    """Whether a scan can be told from minute bars alone."""
    return name in _BY_NAME and name not in scanners.load()


def minute_cards() -> list[ScannerCard]:
    """The scans that daily bars cannot tell."""
    return [
        ScannerCard(name=one.name, en=one.find.en, ko=one.find.ko, version=1, timeframe=MINUTE, params=(), chance=None)
        for one in SCANS
        if only_minutes(one.name)
    ]


def bind(name: str, given: dict[str, float]) -> dict[str, float]:
    """The parameters of a scan of minutes; NotFound, BadParameter."""
    if name not in _BY_NAME:
        return scanners.find(name).bind(given)
    if given:
        raise BadParameter(
            f"{name} takes no parameters within a Session", field=f"params.{min(given)}", accepted="no parameters"
        )
    return {}


async def load(database: Database, calendar: Calendar, panel: Panel, on: date | None, at: str | None) -> SessionMinutes:
    """The minute bars of a Session (the newest of the Panel) until a time of it, such as 10:30 (its close).

    BadParameter for a time outside its hours, DataNotFound where it has no minute bars.
    """
    day = panel.as_of(on).on
    opens_at, closes_at = calendar.opens_at(day), calendar.closes_at(day)
    hours = _nanoseconds(opens_at), _nanoseconds(closes_at)
    until = _until(calendar, day, at)
    async with database.acquire() as connection:
        minutes = await load_session_minutes(connection, panel.workspace, hours)
        if minutes is None:
            newest = await newest_minutes_before(connection, panel.workspace, opens_at)
            nearest = "none before it" if newest is None else f"the newest before it are of {newest}"
            accepted = "a Session whose minutes were imported" if newest is None else str(newest)
            raise DataNotFound(f"no minute bars of {day}: {nearest}", field="as_of", accepted=accepted)
        universe = tuple(listing.symbol for listing in minutes.listings)
        older = hours_before(calendar, panel.sessions.astype(object).tolist(), day)
        usual = await load_usual_volume(connection, panel.workspace, older, universe)
    return SessionMinutes(day, minutes, universe, hours, until, usual)


def _until(calendar: Calendar, day: date, at: str | None) -> int:
    opens_at, closes_at = calendar.opens_at(day), calendar.closes_at(day)
    if at is None:
        return _nanoseconds(closes_at) + 60_000_000_000  # the closing auction's bar begins at the close
    opens, closes = (f"{each.astimezone(SEOUL):%H:%M}" for each in (opens_at, closes_at))
    try:
        moment = instant(day, clock.fromisoformat(at))
    except ValueError:
        raise BadParameter(f"{at[:20]!r} is no time; write 10:30", field="at", accepted="HH:MM") from None
    if not opens_at < moment <= closes_at:
        raise BadParameter(
            f"the Session of {day} is open from {opens} to {closes}; {at} is not within it",
            field="at",
            accepted=f"a time after {opens}, up to {closes}",
        )
    return _nanoseconds(moment)


def _nanoseconds(at: datetime) -> int:
    return int(at.timestamp()) * 1_000_000_000


def answer(panel: Panel, stored: SessionMinutes, question: MinuteQuestion) -> ScanAnswer:
    """What a scan finds until the moment; DataNotFound where no minute was over."""
    started = time.perf_counter()
    minutes = closed_bars(stored.universe, stored.minutes, stored.hours, stored.until)
    if not minutes:
        first = instant_of(int(stored.minutes.opened_at.min().astype("datetime64[ns]").astype(np.int64)))
        raise DataNotFound(f"no minute was over by then: the first begins at {first:%H:%M}", field="at")
    view = _running_view(panel, stored, minutes)
    around = Around(view)
    asked = question.asked(question.members(view))
    looked_at, excluded = look_at(around, asked)
    day = MarketDay(view, looked_at, around)
    found = _found(day, stored, minutes, question)
    return ScanAnswer(
        workspace=panel.workspace,
        simulated=panel.simulated,
        as_of=stored.on,
        data_version=panel.data_version,
        expression=question.name,
        version=1 if question.name in _BY_NAME else scanners.find(question.name).version,
        params=question.params,
        total_scanned=day.size,
        total_matches=len(found),
        hit_rate=len(found) / day.size if day.size else None,
        chance_rate=None,
        matches=found[: asked.limit],
        excluded=excluded,
        timing_ms=1_000 * (time.perf_counter() - started),
        at=instant_of(min(stored.until, stored.hours[1])),
    )


def _running_view(panel: Panel, stored: SessionMinutes, minutes: list[ClosedBars]) -> View:
    """The market with the Session so far as its newest bar; nothing of the day but these minutes is seen."""
    older = before(panel, stored.on)
    day, beside = np.datetime64(stored.on, "D"), panel.beside
    known = np.flatnonzero(beside.day < day)
    flows = {name: values[known] for name, values in beside.flows.items()}
    beside = replace(beside, symbol=beside.symbol[known], day=beside.day[known], flows=flows)
    so_far = day_of(minutes, len(stored.universe))
    traded = np.flatnonzero(so_far.count)
    bars = SoFar(
        stored.until,
        traded,
        so_far.open[traded],
        so_far.high[traded],
        so_far.low[traded],
        so_far.close[traded],
        so_far.volume[traded].astype(np.float64),
        so_far.value[traded],
    )
    running = RunningPanel(replace(older, beside=beside), stored.on, stored.universe)
    return running.lay(bars).as_of()


def _found(day: MarketDay, stored: SessionMinutes, minutes: list[ClosedBars], question: MinuteQuestion) -> list[Setup]:
    params = question.params
    if question.name not in (*_BY_NAME, DAYTRADING):
        return scanners.find(question.name).find(day, params)
    panel = day.view.panel
    column = np.array([panel.columns.get(code, -1) for code in stored.universe], dtype=np.int64)  # type: ignore[call-overload]
    frame = _frame(day.view, stored, column)
    told = tell(frame, minutes, stored.usual_volume)
    if question.name == DAYTRADING:
        relative = np.full(len(panel.listings), np.nan)
        relative[column[column >= 0]] = told.relative_volume[column >= 0]
        return checks.find_running(day, params, relative[day.columns])
    there = {panel.symbols[lane] for lane in day.columns}
    found = [_setup(each) for each in told.scanned if each.scan == question.name and each.symbol in there]
    return sorted(found, key=lambda setup: (-setup.score, setup.symbol))


def _frame(view: View, stored: SessionMinutes, column: IntArray) -> SessionFrame:
    """Base prices are the closes before, in shares of the Session; the column of who has not traded yet is -1."""
    known = column >= 0
    listings = [view.panel.listings[at] if at >= 0 else None for at in column.tolist()]
    closes = np.full(column.size, np.nan)
    if view.height > 1:
        closes[known] = view.newest("close", 2)[0, column[known]]
    lowest, highest = np.full(column.size, np.nan), np.full(column.size, np.nan)
    there = [each for each in listings if each is not None]
    lowest[known], highest[known] = limits_on(stored.on, there, closes[known])
    return SessionFrame(
        on=stored.on,
        universe=stored.universe,
        names=tuple(None if each is None else each.name for each in listings),
        before=closes,
        lowest=lowest,
        highest=highest,
        opens_at=stored.hours[0],
        closes_at=stored.hours[1],
    )


def _setup(scanned: Scanned) -> Setup:
    reason = scanned.reasons[0]
    (value,) = scanned.values.values()
    part = Component(name="value", points=scanned.score, maximum=100.0, value=value, en=reason.en, ko=reason.ko)
    return Setup(
        symbol=scanned.symbol,  # type: ignore[arg-type]
        name=scanned.name,
        state="triggered",
        score=scanned.score,
        pivot=scanned.price,
        components=(part,),
        values=scanned.values,
        at=scanned.at,
    )

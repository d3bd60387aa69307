"""Sessions that can be played: the simulated market's next one, a recording, or a path through stored bars."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

from ralph.errors import BadParameter
from ralph.market.calendar import Calendar
from ralph.market.minutes import MinuteColumns
from ralph.market.panel import Panel
from ralph.market.symbol import Listing, Symbol
from ralph.market.tick import INDEX_NAMES
from ralph.market.ticks import LADDERS, Ladder, ladder_on
from ralph.signals.trading import Trading
from ralph.simulator.live import DayHours, IndexDay, LiveDay
from ralph.simulator.live_market import LiveMarket
from ralph.simulator.live_minutes import PRINTS_A_MINUTE, DayBars, Ladders, MinutePaths, draw_paths
from ralph.simulator.market import SEED
from ralph.tape.frame import SessionFrame, limits_on

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Playable:
    """A Session with what is known before it begins, and the last close of each Symbol as traded [symbols]."""

    day: LiveDay
    frame: SessionFrame
    last_close: FloatArray


def next_of_demo(panel: Panel, calendar: Calendar) -> Playable | None:
    """The Session after the newest of the demo market; None where the Panel is not what its seed gives. Takes seconds:
    the exchange plays all Sessions before it."""
    market = LiveMarket(SEED, panel.sessions.size)
    last = _last_closes(panel, panel.sessions.size - 1)
    if any(last.get(code) != close for code, close in market.closes().items()):
        return None
    on = calendar.next_session(panel.sessions[-1].astype(object))
    return _playable(panel, market.step(on), last)


def stored_day(
    panel: Panel, on: date, calendar: Calendar, minutes: MinuteColumns | None = None, seed: int = SEED
) -> Playable:
    """A Session of a Panel: along its minute bars where there are some, else along a path through its daily bars, the
    same for the same seed. DataNotFound where the Panel has no such Session."""
    index = panel.session_view(on).index
    trading = Trading(panel, index)
    there = np.flatnonzero(panel.rows[index] != -1)
    listings = [panel.listings[column] for column in there]
    prices, volume = trading.prices[:, there], _whole_volume(trading, there)
    opened, high, low, close = (np.nan_to_num(row) for row in prices)
    bars = DayBars(opened, high, low, close, volume)
    hours = DayHours.of(calendar, on)
    known = _last_closes(panel, index - 1) if index else {}
    last = np.array([known.get(listing.symbol, np.nan) for listing in listings])
    before = np.where(np.isnan(last), bars.open, last)
    ladders = _ladders(on, listings)
    paths = draw_paths(seed, str(on), bars, hours.minutes, ladders)
    if minutes is not None:
        _lay(paths, minutes, [listing.symbol for listing in listings], hours)
    value = (bars.close * volume).astype(np.float64)
    markets = np.array([listing.market or "" for listing in listings])
    weights = np.stack(
        [np.where(markets == name, value / np.maximum(bars.close, 1e-9), 0.0) for name in INDEX_NAMES], 1
    )
    day = LiveDay(
        on=on,
        seed=seed,
        universe=tuple(listing.symbol for listing in listings),
        hours=hours,
        before=before,
        paths=paths,
        ladders=ladders,
        halted=volume == 0,
        indices=_indices(panel, index),
        weights=weights,
    )
    return _playable(panel, day, known)


def _playable(panel: Panel, day: LiveDay, last: dict[str, float]) -> Playable:
    listings = [_listing(panel, code) for code in day.universe]
    lowest, highest = limits_on(day.on, listings, day.before)
    frame = SessionFrame(
        on=day.on,
        universe=day.universe,
        names=tuple(listing.name for listing in listings),
        before=day.before,
        lowest=lowest,
        highest=highest,
        opens_at=day.hours.opens_at,
        closes_at=day.hours.closes_at,
        indices=_closes_before(panel, day.on),
        sectors=_sectors(panel, day.on, day.universe),
        workspace=panel.workspace,
        simulated=panel.simulated,
        data_version=panel.data_version,
    )
    return Playable(day, frame, np.array([last.get(code, np.nan) for code in day.universe]))


def _listing(panel: Panel, code: str) -> Listing:
    column = panel.columns.get(Symbol(code))
    return Listing(symbol=Symbol(code)) if column is None else panel.listings[column]


def _sectors(panel: Panel, on: date, universe: Sequence[str]) -> dict[str, IntArray]:
    columns = np.array([panel.columns.get(Symbol(code), -1) for code in universe], dtype=np.int64)
    found = {}
    for name in panel.roster.sectors:
        places = np.flatnonzero((columns >= 0) & panel.roster.in_sector(name, on)[columns])
        if places.size:
            found[name] = places
    return found


def _last_closes(panel: Panel, index: int) -> dict[str, float]:
    """The newest close up to a Session, as traded, of everybody who has one."""
    rows = panel.rows[: index + 1]
    has_bar = rows >= 0
    newest = np.where(has_bar.any(axis=0), index - has_bar[::-1].argmax(axis=0), -1)
    found = {}
    for session in np.unique(newest[newest >= 0]).tolist():
        closes = Trading(panel, session).prices[3]
        for column in np.flatnonzero(newest == session).tolist():
            found[panel.symbols[column]] = float(closes[column])
    return {str(code): close for code, close in found.items()}


def _whole_volume(trading: Trading, columns: IntArray) -> IntArray:
    """Shares as traded, whole ones: those of adjusted bars are rounded."""
    rows = trading.panel.rows[trading.index, columns]
    volume = np.where(rows >= 0, trading.panel.fields["volume"][np.maximum(rows, 0), columns], 0.0)
    closes = trading.panel.fields["close"][np.maximum(rows, 0), columns]
    as_traded = trading.prices[3][columns]
    with np.errstate(divide="ignore", invalid="ignore"):
        volume = np.where(rows >= 0, volume * closes / as_traded, 0.0)  # what prices gained, volumes lost
    high, low = trading.prices[1:3, columns]
    least = np.where(high == low, 1, PRINTS_A_MINUTE)
    return np.where(rows >= 0, np.maximum(np.rint(volume), least), 0).astype(np.int64)


def _ladders(on: date, listings: Sequence[Listing]) -> Ladders:
    known: list[Ladder] = []
    of = np.zeros(len(listings), dtype=np.int64)
    for place, listing in enumerate(listings):
        try:
            ladder = ladder_on(on, listing.market or "KOSPI", (listing.kind or "common").lower())
        except BadParameter:  # of another exchange, or before the oldest rules
            ladder = LADDERS["KOSPI"][0]
        if ladder not in known:
            known.append(ladder)
        of[place] = known.index(ladder)
    return Ladders(tuple(known) or (LADDERS["KOSPI"][-1],), of)


def _lay(paths: MinutePaths, minutes: MinuteColumns, codes: list[Symbol], hours: DayHours) -> None:
    """Symbols that have minute bars follow them instead; a bar that begins at the close is the closing auction's."""
    place = {code: at for at, code in enumerate(codes)}
    column = np.array([place.get(listing.symbol, -1) for listing in minutes.listings], dtype=np.int64)[minutes.symbol]
    opened_at = minutes.opened_at.astype("datetime64[ns]").astype(np.int64)
    row = (opened_at - hours.opens_at) // 60_000_000_000
    last = paths.volume.shape[0] - 1
    row = np.where(opened_at >= hours.continuous_until, last, row)
    good = np.flatnonzero((column >= 0) & (row >= 0) & (minutes.volume > 0) & (opened_at <= hours.closes_at))
    mine = np.unique(column[good])
    paths.volume[:, mine] = 0
    paths.interrupted[mine] = -1
    for name in ("open", "high", "low", "close"):
        getattr(paths, name)[row[good], column[good]] = getattr(minutes, name)[good]
    paths.volume[row[good], column[good]] = np.maximum(np.rint(minutes.volume[good]), 1).astype(np.int64)


def _indices(panel: Panel, index: int) -> dict[str, IndexDay]:
    """Only closes of indices are in a Panel: they go straight from the close before to that of the Session."""
    found = {}
    before, now = (panel.sessions[max(0, at)] for at in (index - 1, index))
    for name, (days, closes) in panel.beside.indices.items():
        last, close = (closes[days == day] for day in (before, now))
        if last.size and close.size:
            first, end = float(last[0]), float(close[0])
            found[name] = IndexDay(first, max(first, end), min(first, end), end)
    return found


def _closes_before(panel: Panel, on: date) -> dict[str, float]:
    found = {}
    for name, (days, closes) in panel.beside.indices.items():
        older = np.flatnonzero(days < np.datetime64(on, "D"))
        if older.size:
            found[name] = float(closes[older[-1]])
    return found

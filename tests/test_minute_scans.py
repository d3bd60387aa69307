"""Scans within a stored Session: what live would have told, nothing after the minute, and the golden columns."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import asyncpg
import msgspec
import numpy as np
import pytest
from live_days import ON, frame_of
from numpy.typing import NDArray
from panel_bars import store_bars
from test_intraday import golden, needs_golden

from ralph.errors import BadParameter, DataNotFound, NotFound
from ralph.jobs.minute_scanning import MinuteQuestion, SessionMinutes, answer, bind, load, minute_cards, only_minutes
from ralph.jobs.scanning import Scanning, ScanRequest
from ralph.jobs.screening import Screening
from ralph.live.days import stored_day
from ralph.market.calendar import PUBLISHED
from ralph.market.columns import BarColumns, build_panel
from ralph.market.minutes import MinuteColumns
from ralph.market.panel import Panel
from ralph.market.symbol import Listing, Symbol
from ralph.scanners.running import Asked, ScanAnswer
from ralph.simulator.market import simulate
from ralph.store.database import Database
from ralph.store.markets import Markets
from ralph.store.panels import PanelStore
from ralph.store.session_minutes import load_session_minutes
from ralph.store.usual_volume import SESSIONS, hours_before, load_usual_volume
from ralph.tape.frame import SessionFrame
from ralph.tape.minutes import MINUTE_NS
from ralph.tape.scans import SCAN_NAMES
from ralph.tape.stored import closed_bars, tell

FloatArray = NDArray[np.float64]
LAST = date(2026, 5, 29)
DAY = date(2026, 5, 21)
MADE = (0, 1, True)  # flags, source, adjusted
NAMES = (*SCAN_NAMES, "daytrading", "range_expansion", "closing_bet", "vcp")


@pytest.fixture(scope="module")
def bars() -> BarColumns:
    return simulate(7, LAST, 80, 60)


@pytest.fixture(scope="module")
def panel(bars: BarColumns) -> Panel:
    return build_panel(bars)


@pytest.fixture(scope="module")
def stored(panel: Panel) -> SessionMinutes:
    """The minutes of a Session that its daily bars are made of, with half of their volume as the usual."""
    day = stored_day(panel, DAY, PUBLISHED).day
    paths, hours = day.paths, day.hours
    row, symbol = np.nonzero(paths.volume > 0)
    order = np.lexsort((row, symbol))
    row, symbol = row[order], symbol[order]
    opened_at = (hours.opens_at + row * MINUTE_NS).astype("datetime64[ns]").astype("datetime64[s]")
    volume = paths.volume[row, symbol].astype(np.float64)
    prices = {name: getattr(paths, name)[row, symbol] for name in ("open", "high", "low", "close")}
    minutes = MinuteColumns(
        listings=tuple(Listing(Symbol(code)) for code in day.universe),
        symbol=symbol.astype(np.int32),
        opened_at=opened_at,
        volume=volume,
        value=prices["close"] * volume * 1_000,  # busy enough to be looked at
        flags=np.zeros(row.size, dtype=np.uint8),
        **prices,
    )
    usual = np.cumsum(np.roll(paths.volume[:-1], 7, axis=0), axis=0) / 1.7
    span = hours.opens_at, hours.closes_at
    return SessionMinutes(DAY, minutes, day.universe, span, hours.closes_at + MINUTE_NS, usual)


def ask(panel: Panel, stored: SessionMinutes, name: str) -> ScanAnswer:
    question = MinuteQuestion(
        name,
        bind(name, {}),
        lambda view: view.listed,
        lambda members: Asked(members, universe_filter="none"),
    )
    return answer(panel, stored, question)


def cut_at(stored: SessionMinutes, until: int) -> SessionMinutes:
    """As it was stored at that moment: later bars are not there."""
    minutes = stored.minutes
    there = np.flatnonzero(minutes.opened_at.astype("datetime64[ns]").astype(np.int64) + MINUTE_NS <= until)
    columns = {name: getattr(minutes, name)[there] for name in MinuteColumns.__dataclass_fields__ if name != "listings"}
    return replace(stored, minutes=MinuteColumns(minutes.listings, **columns), until=until)


@pytest.fixture(scope="module")
def shorter(panel: Panel, bars: BarColumns) -> list[Panel]:
    """With the Session's own daily bars as the newest, and without them."""
    last = np.flatnonzero(bars.day < np.datetime64(DAY))
    names = [name for name in BarColumns.__dataclass_fields__ if name != "listings"]
    older = BarColumns(bars.listings, **{name: getattr(bars, name)[last] for name in names})
    return [build_panel(bars.traded(DAY)), build_panel(older)]


@pytest.mark.parametrize("name", NAMES)
def test_a_scan_sees_nothing_after_its_minute(
    panel: Panel, shorter: list[Panel], stored: SessionMinutes, name: str
) -> None:
    """Neither later minutes nor the Session's own daily bars, nor later Sessions."""
    for slot in (2, 95) if name == "daytrading" else (95,):
        until = stored.hours[0] + slot * MINUTE_NS
        whole = ask(panel, replace(stored, until=until), name)
        for other in shorter:
            found = ask(other, cut_at(stored, until), name)
            assert msgspec.json.encode(found.matches) == msgspec.json.encode(whole.matches), (name, slot)
        assert whole.as_of == DAY


@pytest.fixture(scope="module")
def at_the_close(panel: Panel, stored: SessionMinutes) -> dict[str, ScanAnswer]:
    return {name: ask(panel, stored, name) for name in SCAN_NAMES}


def test_what_was_found_stays_found(panel: Panel, stored: SessionMinutes, at_the_close: dict[str, ScanAnswer]) -> None:
    """The scans of minutes tell a Symbol once: later answers begin with the earlier ones."""
    for name in SCAN_NAMES:
        earlier = ask(panel, replace(stored, until=stored.hours[0] + 60 * MINUTE_NS), name).matches
        later = at_the_close[name].matches
        at = stored.hours[0] + 60 * MINUTE_NS
        assert sorted(each.symbol for each in earlier) == sorted(
            each.symbol for each in later if each.at is not None and each.at.timestamp() * 1e9 <= at
        )
        for each in later:
            assert each.at is not None
            assert 0.0 <= each.score <= 100.0
            assert each.components[0].en
            assert each.components[0].ko


def test_every_scan_finds_something_somewhere(at_the_close: dict[str, ScanAnswer]) -> None:
    found = {name: answer.total_matches for name, answer in at_the_close.items()}
    quiet = {name for name, count in found.items() if not count}
    assert quiet <= {"near_limit", "gap_up"}, found


def test_checks_measure_volume_by_the_time_of_day(panel: Panel, stored: SessionMinutes) -> None:
    """And say that it cannot be told where nothing is usual."""
    noon = replace(stored, until=stored.hours[0] + 180 * MINUTE_NS)
    known = {each.symbol: each for each in ask(panel, noon, "daytrading").matches}
    unknown = {each.symbol: each for each in ask(panel, replace(noon, usual_volume=None), "daytrading").matches}
    assert known
    for setup in known.values():
        part = next(each for each in setup.components if each.name == "volume_spike")
        assert part.points is not None
    for setup in unknown.values():
        part = next(each for each in setup.components if each.name == "volume_spike")
        assert part.points is None


@needs_golden
def test_scans_fire_where_the_golden_columns_say() -> None:
    """Five-minute bars taken for minutes: gaps, relative volumes and new highs are the columns'."""
    columns = {name: golden(name) for name in ("open", "high", "low", "close", "volume")}
    sessions, slots = columns["close"].shape
    usual = np.cumsum(columns["volume"], axis=1)
    opens_at = 1_800_000_000 * 10**9
    for session in range(10, sessions):
        last = columns["close"][session - 1][np.flatnonzero(columns["volume"][session - 1] > 0)[-1]]
        nothing = np.array([np.nan])
        frame = SessionFrame(
            ON, ("A",), (None,), np.array([last]), nothing, nothing, opens_at, opens_at + slots * MINUTE_NS
        )
        at = (opens_at + np.arange(slots) * MINUTE_NS).astype("datetime64[ns]").astype("datetime64[s]")
        own = {name: values[session] for name, values in columns.items()}
        minutes = MinuteColumns(
            (Listing(Symbol("A")),),
            np.zeros(slots, dtype=np.int32),
            at,
            value=np.full(slots, 1e12),
            flags=np.zeros(slots, dtype=np.uint8),
            **own,
        )
        closed = closed_bars(("A",), minutes, (frame.opens_at, frame.closes_at), frame.closes_at + MINUTE_NS)
        told = tell(frame, closed, usual[session - 10 : session].mean(axis=0)[:, None]).scanned
        fired = {each.scan: int(each.at.timestamp() - opens_at // 10**9) // 60 - 1 for each in told}
        traded = own["volume"] > 0
        rules = {
            "gap_up": (golden("def_gap_pct")[session] >= 3.0) & (np.arange(slots) <= 1),
            "relative_volume": golden("def_rvol_tod10")[session] >= 2.0,
            "volume_spike": golden("def_rvol_slot10")[session] >= 3.0,
            "new_high": (golden("def_new_intraday_high")[session] > 0) & (np.arange(slots) >= 30),
        }
        for name, holds in rules.items():
            first = np.flatnonzero(holds & traded)
            assert fired.get(name) == (int(first[0]) if first.size else None), (session, name)


def test_what_live_tells_is_what_the_stored_minutes_tell(panel: Panel, stored: SessionMinutes) -> None:
    """The same closes, VWAPs and ranges: scans by price fire at the same minutes for the same Symbols."""
    frame = replace(frame_of(stored_day(panel, DAY, PUBLISHED).day))
    closed = closed_bars(frame.universe, stored.minutes, stored.hours, stored.until)
    whole = tell(frame, closed, stored.usual_volume).scanned
    again = tell(frame, closed[:100], stored.usual_volume).scanned
    assert again == [each for each in whole if each.at <= max(one.at for one in again)]


def test_two_scans_are_told_by_minutes_alone() -> None:
    assert [each.name for each in minute_cards()] == ["opening_range_breakout", "vwap_reclaim"]
    assert not only_minutes("gap_up")
    with pytest.raises(BadParameter, match="no parameters") as refused:
        bind("vwap_reclaim", {"bars": 2})
    assert refused.value.field == "params.bars"
    with pytest.raises(NotFound):
        bind("nothing", {})


async def _store(connection: asyncpg.Connection, days: list[date], codes: list[str]) -> None:
    for code in codes:
        await connection.execute("INSERT INTO symbols (workspace_id, code, market) VALUES (1, $1, 'KOSPI')", code)
    ids = dict(await connection.fetch("SELECT code, id FROM symbols"))
    records = []
    for number, day in enumerate(days):
        await connection.execute("SELECT ensure_minute_partition($1)", day)
        begin = PUBLISHED.opens_at(day)
        for code in codes[: 1 + (number > 3)]:  # the second was not there at first
            records += [
                (
                    ids[code],
                    begin + timedelta(minutes=slot),
                    10.0,
                    11.0,
                    9.0,
                    10.0,
                    10.0 * (1 + number),
                    1e9,
                    0,
                    1,
                    True,
                )
                for slot in (0, 3, 390)
            ]
    await connection.copy_records_to_table("bars_minute", records=records)


@pytest.mark.anyio
async def test_the_usual_volume_is_the_mean_of_ten_sessions(database_url: str, panel: Panel) -> None:
    panel = replace(panel, workspace="main")
    sessions: list[date] = panel.sessions.astype(object).tolist()
    day = sessions[-1]
    database = Database()
    await database.connect(database_url)
    try:
        async with database.acquire() as connection:
            await _store(connection, sessions[-SESSIONS - 2 : -1], ["A", "B"])
            hours = hours_before(PUBLISHED, sessions, day)
            assert len(hours) == SESSIONS
            usual = await load_usual_volume(connection, "main", hours, ["B", "A", "C"])
            assert usual is not None
            assert usual.shape == (390, 3)
            mean = np.mean([10.0 * (1 + number) for number in range(1, SESSIONS + 1)])
            assert usual[0, 1] == usual[2, 1] == pytest.approx(mean)
            assert usual[3, 1] == usual[389, 1] == pytest.approx(2 * mean)
            assert np.isnan(usual[:, [0, 2]]).all()
            assert await load_usual_volume(connection, "main", hours[1:], ["A"]) is None
            assert await load_session_minutes(connection, "main", (0, 1)) is None
        with pytest.raises(DataNotFound, match="no minute bars") as absent:
            await load(database, PUBLISHED, panel, day, None)
        assert absent.value.accepted == str(sessions[-2])
        found = await load(database, PUBLISHED, panel, sessions[-2], "10:30")
        assert datetime.fromtimestamp(found.until / 1e9, UTC) == PUBLISHED.opens_at(sessions[-2]) + timedelta(
            minutes=90
        )
        for at in ("09:00", "15:31", "noon", "25:00"):
            with pytest.raises(BadParameter) as refused:
                await load(database, PUBLISHED, panel, sessions[-2], at)
            assert refused.value.field == "at"
    finally:
        await database.close()


@pytest.mark.anyio
async def test_a_stored_session_is_asked_by_its_minute(
    database_url: str, tmp_path: Path, bars: BarColumns, panel: Panel, stored: SessionMinutes
) -> None:
    """What comes from the database is what was put in."""
    minutes, database = stored.minutes, Database()
    await database.connect(database_url)
    try:
        async with database.acquire() as connection:
            await store_bars(connection, "main", bars)
            await connection.execute("SELECT ensure_minute_partition($1)", DAY)
            ids = dict(await connection.fetch("SELECT code, id FROM symbols"))
            codes = [ids[each.symbol] for each in minutes.listings]
            names = ("open", "high", "low", "close", "volume", "value")
            numbers = [getattr(minutes, name).tolist() for name in names]
            instants = [at.replace(tzinfo=UTC) for at in minutes.opened_at.astype(object).tolist()]
            places = [codes[at] for at in minutes.symbol.tolist()]
            records = [(*row, *MADE) for row in zip(places, instants, *numbers, strict=True)]
            await connection.copy_records_to_table("bars_minute", records=records)
        markets = Markets(database, PanelStore(tmp_path))
        await markets.refresh()
        with ThreadPoolExecutor(1) as kernels:
            screening = Screening(database, markets, kernels, observe=lambda seconds: None)
            scanning = Scanning(database, markets, screening, kernels, PUBLISHED)
            for name, at, slot in (("opening_range_breakout", "10:30", 90), ("daytrading", "15:30", 390)):
                request = ScanRequest(as_of=DAY, at=at, universe_filter="none")
                body = (await scanning.scan("main", name, request)).body
                until = stored.hours[0] + slot * MINUTE_NS
                expected = ask(panel, replace(stored, usual_volume=None, until=until), name)
                found = msgspec.json.decode(body, type=ScanAnswer)
                assert found.matches == expected.matches
                assert found.matches
                assert (found.as_of, found.at) == (DAY, expected.at)
    finally:
        await database.close()

"""Flows and index closes beside the bars: aligned with them, NaN where nobody says anything, read when they change."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from panel_bars import store_bars

from ralph.brokers.files import read_dated
from ralph.jobs.demo import beside_bars
from ralph.market.beside import BESIDE_FIELDS, FLOW_FIELDS, Beside
from ralph.market.columns import BarColumns, build_panel
from ralph.market.panel import Panel
from ralph.market.symbol import Listing, Past, Symbol
from ralph.simulator.market import simulate_market
from ralph.store import panels as panels_module
from ralph.store.bars import load_unsorted
from ralph.store.dated import import_dated
from ralph.store.panels import PanelStore

FIRST = date(2026, 1, 5)
TODAY = date(2026, 11, 20)
DAYS, SYMBOLS = 8, 4
cells = st.lists(st.tuples(st.integers(0, SYMBOLS - 1), st.integers(0, DAYS - 1)), unique=True)


def panel_of(bars: list[tuple[int, int]], traded: list[bool], listings: list[Listing]) -> Panel:
    """Bars of a Symbol on a day; some of them without trade."""
    count = len(bars)
    ones = np.ones(count)
    columns = BarColumns(
        listings=tuple(listings),
        symbol=np.array([symbol for symbol, _ in bars], dtype=np.int32),
        day=np.array([FIRST + timedelta(days=day) for _, day in bars], dtype="datetime64[D]"),
        open=ones,
        high=ones,
        low=ones,
        close=ones,
        volume=np.array(traded[:count], dtype=np.float64),
        value=ones,
        flags=np.zeros(count, dtype=np.uint8),
    )
    return build_panel(columns)


def expected(panel: Panel, said: dict[tuple[int, date], float], on: date) -> NDArray[np.float64]:
    """The slow twin: each Symbol's traded Sessions up to a day, one after the other, pushed to the end."""
    view = panel.as_of(on)
    wanted = np.full((view.height, len(panel.listings)), np.nan)
    for column in np.flatnonzero(view.traded).tolist():
        days = [day for at, day in enumerate(panel.sessions.tolist()) if panel.rows[at, column] >= 0 and day <= on]
        values = [said.get((column, day), np.nan) for day in days]
        wanted[view.height - len(values) :, column] = values
    return wanted


@given(
    bars=cells.filter(bool),
    traded=st.lists(st.booleans(), min_size=DAYS * SYMBOLS, max_size=DAYS * SYMBOLS),
    flows=st.dictionaries(st.tuples(st.integers(0, SYMBOLS), st.integers(-1, DAYS + 1)), st.floats(-1e18, 1e18)),
)
def test_flows_stand_at_the_bars_of_their_session(
    bars: list[tuple[int, int]], traded: list[bool], flows: dict[tuple[int, int], float]
) -> None:
    """On every Session, also for Symbols without bars and days without Session; nothing after the day is seen."""
    listings = [Listing(Symbol(f"S{number}")) for number in range(SYMBOLS)]
    panel = panel_of(bars, traded, listings)
    rows = list(flows)
    beside = Beside(
        codes=tuple(Symbol(f"S{number}") for number in range(SYMBOLS + 1)),
        symbol=np.array([symbol for symbol, _ in rows], dtype=np.int32),
        day=np.array([FIRST + timedelta(days=day) for _, day in rows], dtype="datetime64[D]"),
        flows={name: np.array(list(flows.values()), dtype=np.float64) for name in FLOW_FIELDS},
    )
    panel = replace(panel, beside=beside)
    said = {(symbol, FIRST + timedelta(days=day)): value for (symbol, day), value in flows.items()}
    for on in panel.sessions.tolist():
        view = panel.as_of(on)
        wanted, found = expected(panel, said, on), view.field("foreign_value")
        assert found.shape == wanted.shape
        assert np.array_equal(found[:, view.traded], wanted[:, view.traded], equal_nan=True)
        assert not found.flags.writeable
        assert np.isnan(view.field("index_close")[:, view.traded]).all()


@given(bars=cells.filter(bool), known=st.sets(st.integers(-1, DAYS + 1)))
def test_index_closes_follow_the_market_of_the_day_asked_about(bars: list[tuple[int, int]], known: set[int]) -> None:
    """A Symbol that moved is compared with the index of the market it was on then; unknown markets with KOSPI."""
    moved = FIRST + timedelta(days=4)
    listings = [
        Listing(Symbol("S0"), market="KOSPI"),
        Listing(Symbol("S1"), market="KOSDAQ GLOBAL"),
        Listing(Symbol("S2")),
        Listing(Symbol("S3"), market="KOSPI", past=(Past("market", "KOSDAQ", FIRST, moved - timedelta(days=1)),)),
    ]
    panel = panel_of(bars, [True] * DAYS * SYMBOLS, listings)
    days = [FIRST + timedelta(days=day) for day in sorted(known)]
    closes = {name: [base + day.toordinal() for day in days] for name, base in (("KOSPI", 0.5), ("KOSDAQ", 0.25))}
    stamps = np.array(days, dtype="datetime64[D]")
    panel = replace(panel, beside=Beside(indices={name: (stamps, np.array(each)) for name, each in closes.items()}))
    for on in panel.sessions.tolist():
        view = panel.as_of(on)
        names = ["KOSPI", "KOSDAQ", "KOSPI", "KOSDAQ" if on < moved else "KOSPI"]
        said = {
            (column, day): close
            for column, name in enumerate(names)
            for day, close in zip(days, closes[name], strict=True)
        }
        wanted = expected(panel, said, on)
        found = view.field("index_close")
        assert np.array_equal(found[:, view.traded], wanted[:, view.traded], equal_nan=True)


def test_without_flows_every_field_is_missing() -> None:
    panel = panel_of([(0, 0), (0, 1)], [True, True], [Listing(Symbol("S0"))])
    for name in BESIDE_FIELDS:
        assert np.isnan(panel.as_of().field(name)).all()


@pytest.mark.anyio
async def test_flows_come_with_the_panel_and_change_without_a_rebuild(
    connection: asyncpg.Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []

    async def count(connection: asyncpg.Connection, workspace: str, **how: Any) -> BarColumns:
        read.append(workspace)
        return await load_unsorted(connection, workspace, **how)

    monkeypatch.setattr(panels_module, "load_unsorted", count)
    market = simulate_market(3, date(2026, 1, 9), 30, 20)
    await store_bars(connection, "demo", market.bars)
    store = PanelStore(tmp_path / "panels")
    before = await store.load(connection, "demo")
    assert np.isnan(before.as_of().field("foreign_value")).all()
    for file in beside_bars(market):
        report = await import_dated(connection, "demo", file)
        assert (report.stored, report.rejected) == (len(file.rows), 0)
        if file.kind == "flows":
            flows = await store.load(connection, "demo")
            assert read == ["demo"], "the bars are the same files"
            assert flows.data_version > before.data_version
    panel = await store.load(connection, "demo")
    assert set(panel.beside.markets) == set(market.market_flows)
    for name, flow in market.market_flows.items():
        days, bought = panel.beside.markets[name]
        assert np.array_equal(days, flow.day.astype("datetime64[D]"))
        assert np.array_equal(bought, flow.classes["foreign"].astype(np.float64))
    view = panel.as_of()
    by_key = {
        (market.listings[symbol].symbol, day): float(value)
        for symbol, day, value in zip(
            market.flows.symbol, market.flows.day.tolist(), market.flows.foreign_net_value, strict=True
        )
    }
    said = {
        (column, day): by_key.get((symbol, day), np.nan)
        for symbol, column in panel.columns.items()
        for day in panel.sessions.tolist()
    }
    found = view.field("foreign_value")
    wanted = expected(panel, said, view.on)
    assert np.array_equal(found[:, view.traded], wanted[:, view.traded], equal_nan=True)
    total = view.field("foreign_value") + view.field("institution_value") + view.field("individual_value")
    assert not np.nan_to_num(total).any()
    closes = {name: index.close[-1] for name, index in market.indices.items()}
    of_market = np.array([closes[listing.market or ""] for listing in panel.listings])
    assert (of_market == view.field("index_close")[-1])[view.traded].all()
    again = await PanelStore(tmp_path / "panels").load(connection, "demo")
    assert again.beside.symbol.base is not None, "mapped"
    assert np.array_equal(again.beside.flows["foreign_shares"], panel.beside.flows["foreign_shares"])
    (tmp_path / "panels" / "demo" / "beside" / "manifest.json").write_text("torn")
    mended = await store.load(connection, "demo")
    assert np.array_equal(mended.as_of().field("foreign_value"), found, equal_nan=True)


@pytest.mark.anyio
async def test_a_correction_of_flows_is_seen(connection: asyncpg.Connection, tmp_path: Path) -> None:
    market = simulate_market(3, date(2026, 1, 9), 10, 5)
    await store_bars(connection, "main", market.bars)
    store, path = PanelStore(tmp_path / "panels"), tmp_path / "flows.csv"
    panel = await store.load(connection, "main")
    column = int(np.flatnonzero(panel.as_of().traded)[0])
    code = panel.listings[column].symbol
    for value in (5, -7):
        path.write_text(f"symbol,date,foreign_value\n{code},2026-01-09,{value}\n")
        await import_dated(connection, "main", read_dated(path, "flows", today=TODAY))
        panel = await store.load(connection, "main")
        assert panel.as_of().field("foreign_value")[-1, column] == value
    assert [each.name for each in (tmp_path / "panels" / "main").iterdir() if each.name.isdigit()] == ["3"]

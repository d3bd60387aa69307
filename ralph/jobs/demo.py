"""Fills the workspace `demo` with the simulated market, when there is nothing else to look at."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ralph.market.adjustment import Action, ActionKind
from ralph.market.columns import BarColumns
from ralph.market.dated import DatedKind, DatedRows, FileDated, simulated_rows
from ralph.market.rules import simulated_bars
from ralph.market.sessions import last_completed_session
from ralph.simulator.market import COMPANIES, SEED, simulate_market
from ralph.simulator.tables import SimulatedMarket
from ralph.simulator.truth import Truth
from ralph.store.action_files import write_actions
from ralph.store.database import Database
from ralph.store.dated import import_dated
from ralph.store.imports import lock_workspace
from ralph.store.ingest import Progress, import_bars
from ralph.store.symbols import ensure_symbols

DEMO = "demo"
NAME = "simulated market"

INDEX_NUMBERS = ("open", "high", "low", "close", "volume", "value", "market_cap")

Array: TypeAlias = NDArray[Any]

_IS_EMPTY = "SELECT NOT EXISTS (SELECT FROM bars_daily)"


async def fill_demo(database: Database, say: Callable[[str], None], progress: Progress) -> None:
    """Simulate and store the demo market, unless the database has bars of any workspace already."""
    async with database.acquire() as connection:
        if not await connection.fetchval(_IS_EMPTY):
            return
        say(f"  no bars yet: simulating three years of {COMPANIES:,} invented companies…")
        progress("simulate", 0, 0)
        market = await asyncio.to_thread(_simulate)
        # The bars come last: a start that is interrupted before them begins again, and storing twice changes nothing.
        async with connection.transaction():
            place = await lock_workspace(connection, DEMO)
            await ensure_symbols(connection, place.id, market.listings)
            await write_actions(connection, place, simulated_actions(market.truth), "simulator")
        for file in beside_bars(market):
            await import_dated(connection, DEMO, file, progress=progress)
        bars = simulated_bars(market.bars_raw, NAME)
        report = await import_bars(connection, DEMO, bars, adjusted=False, progress=progress)
        say(f"✓ {NAME}: {report.stored:,} bars — invented companies, not real prices")


def _simulate() -> SimulatedMarket:
    return simulate_market(SEED, last_completed_session(datetime.now(UTC)))


def beside_bars(market: SimulatedMarket) -> list[FileDated]:
    """What a simulated market has beside its bars, as rows to store: flows, listed shares, indices, market-wide flows.

    Market caps are shares x the price as traded; individuals take the other side of foreigners and institutions.
    """
    codes = [listing.symbol for listing in market.listings]
    flows, raw = market.flows, market.bars_raw
    by_symbol = {
        "foreign_value": flows.foreign_net_value,
        "institution_value": flows.institution_net_value,
        "foreign_shares": flows.foreign_net,
        "institution_shares": flows.institution_net,
        "foreign_held": flows.foreign_hold,
    }
    by_symbol["individual_value"] = -(flows.foreign_net_value + flows.institution_net_value)
    by_symbol["individual_shares"] = -(flows.foreign_net + flows.institution_net)
    at = _said(raw, market.shares)
    shares = {"shares": market.shares[at], "market_cap": market.shares[at] * raw.close[at]}
    indices = {name: {each: getattr(index, each) for each in INDEX_NUMBERS} for name, index in market.indices.items()}
    amounts = {
        name: {f"{each}_value": values for each, values in {**flow.classes, **flow.institutions}.items()}
        for name, flow in market.market_flows.items()
    }
    return [
        _file("flows", codes, flows.symbol, flows.day, by_symbol),
        _file("shares", codes, raw.symbol[at], raw.day[at], shares),
        _stacked("index", {name: index.day for name, index in market.indices.items()}, indices),
        _stacked("market-flows", {name: flow.day for name, flow in market.market_flows.items()}, amounts),
    ]


def _said(bars: BarColumns, shares: NDArray[np.int64]) -> NDArray[np.int64]:
    """The rows at which shares are said: where they change, at the beginning of each month, first and last."""
    month = bars.day.astype("datetime64[M]")
    said = np.ones(len(bars), dtype=np.bool_)
    said[1:] = (bars.symbol[1:] != bars.symbol[:-1]) | (shares[1:] != shares[:-1]) | (month[1:] != month[:-1])
    said[:-1] |= bars.symbol[1:] != bars.symbol[:-1]
    said[-1:] = True
    return np.flatnonzero(said)


def _file(kind: DatedKind, keys: Sequence[str], key: Array, day: Array, numbers: Mapping[str, Array]) -> FileDated:
    rows = DatedRows(keys, key.astype(np.int32), day, {name: each.astype(np.float64) for name, each in numbers.items()})
    return simulated_rows(kind, rows, NAME)


def _stacked(kind: DatedKind, days: Mapping[str, Array], numbers: Mapping[str, Mapping[str, Array]]) -> FileDated:
    """Rows of a few series, each by its name: their days, and their numbers by name."""
    key = np.repeat(np.arange(len(days)), [day.size for day in days.values()])
    names = next(iter(numbers.values()))
    joined = {name: np.concatenate([numbers[series][name] for series in days]) for name in names}
    return _file(kind, list(days), key, np.concatenate(list(days.values())), joined)


def simulated_actions(truth: Truth) -> list[Action]:
    """The simulated splits, reverse splits and bonus issues as actions."""
    kinds: dict[str, ActionKind] = {"split": "split", "reverse": "reverse_split", "bonus": "bonus"}
    return [Action(each.symbol, each.on, kinds[each.kind], each.ratio) for each in truth.actions]

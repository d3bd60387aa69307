"""Looking for unadjusted splits and the like in a workspace, and what one of them does to the bars around it."""

from __future__ import annotations

import asyncio
from datetime import date, timedelta

import msgspec
import numpy as np

from ralph.market.adjustment import Action
from ralph.market.columns import BarColumns, adjust_bars
from ralph.market.flags import RAW
from ralph.market.proposals import Proposal, propose
from ralph.market.symbol import Symbol
from ralph.store.actions import Findings, StoredAction, confirmed_actions, find_action, store_proposals
from ralph.store.bars import load_bars, load_columns
from ralph.store.base_prices import load_bases
from ralph.store.capital import load_capital
from ralph.store.database import Database

SHOWN_BARS = 5  # on each side of the day
_AROUND = timedelta(days=120)  # holds so many traded bars, but for the longest halts


class BarBeside(msgspec.Struct, frozen=True):
    """One traded bar around an action, won and shares: as stored, and as it is with the action applied, together with
    the other confirmed ones. is_raw: stored as traded, so that actions change it."""

    on: date
    close: float
    volume: float
    adjusted_close: float
    adjusted_volume: float
    is_raw: bool


class ShownAction(msgspec.Struct, frozen=True):
    """An action with the bars before and after its day."""

    adjustment: StoredAction
    bars: list[BarBeside]


async def find_proposals(database: Database, workspace: str, *, auto: bool) -> Findings:
    """Searches all raw bars of a workspace and replaces its open proposals; `auto` confirms where two sources agree."""
    async with database.acquire() as connection:
        bars = await load_columns(connection, workspace)
        capital = await load_capital(connection, workspace, bars.listings)
        base = await load_bases(connection, workspace, bars)
        found: list[Proposal] = await asyncio.to_thread(propose, bars, base, capital)
        return await store_proposals(connection, workspace, found, auto=auto)


async def show_action(database: Database, workspace: str, action_id: str) -> ShownAction:
    """An action and the traded bars around its day; NotFound where there is none of that id."""
    async with database.acquire() as connection:
        stored = await find_action(connection, workspace, action_id)
        symbol = Symbol(stored.symbol)
        bars = await load_bars(connection, workspace, symbol, stored.on - _AROUND, stored.on + _AROUND)
        others = await confirmed_actions(connection, workspace, symbol)
    this = Action(symbol, stored.on, stored.kind, stored.ratio)
    return ShownAction(stored, _beside(bars, stored.on, tuple(sorted({*others, this}))))


def _beside(bars: BarColumns, on: date, actions: tuple[Action, ...]) -> list[BarBeside]:
    if not len(bars):
        return []
    until = max(bars.day[-1], np.datetime64(on, "D"))
    after = adjust_bars(bars, actions, until)
    traded = np.flatnonzero(bars.volume > 0)
    middle = int(np.searchsorted(bars.day[traded], np.datetime64(on, "D")))
    shown = traded[max(0, middle - SHOWN_BARS) : middle + SHOWN_BARS]
    is_raw = bars.flags & RAW
    columns = (bars.day, bars.close, bars.volume, after.close, after.volume, is_raw > 0)
    return [BarBeside(*row) for row in zip(*(column[shown].tolist() for column in columns), strict=True)]

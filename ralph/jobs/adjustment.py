"""Looking for unadjusted splits and the like in a workspace, and what one of them does to the bars around it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import date, timedelta
from typing import TypeVar

import msgspec
import numpy as np

from ralph.config.sections import AdjustmentConfig
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
from ralph.store.imports import ImportReport

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
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            bars = await load_columns(connection, workspace, more=database.acquire)
            capital = await load_capital(connection, workspace, bars.listings)
            base = await load_bases(connection, workspace, bars)
        found: list[Proposal] = await asyncio.to_thread(propose, bars, base, capital)
        return await store_proposals(connection, workspace, found, auto=auto)


Outcome = TypeVar("Outcome")


async def follow_imports(
    database: Database, adjustment: AdjustmentConfig, outcomes: Sequence[Outcome | ImportReport]
) -> list[Outcome | ImportReport]:
    """What `adjustment.auto` does once files are stored: where raw bars or listed shares came, it searches their
    workspaces, confirms where two sources agree, and says so in the last report of each. Doing it twice changes
    nothing."""
    followed = list(outcomes)
    last = {
        each.workspace: at for at, each in enumerate(outcomes) if isinstance(each, ImportReport) and _may_tell(each)
    }
    for workspace, at in last.items() if adjustment.auto else ():
        found = await find_proposals(database, workspace, auto=True)
        report = followed[at]
        if isinstance(report, ImportReport) and found.added:
            note = (
                f"adjustment.auto: of {found.added:,} splits, bonus issues or the like that were found, two sources "
                f"agree on {found.confirmed:,}, which are confirmed; the others wait for you: ralph adjustments ls"
            )
            followed[at] = msgspec.structs.replace(report, notes=(*report.notes, note))
    return followed


def _may_tell(report: ImportReport) -> bool:
    """Whether something was stored from which an unadjusted split can be seen."""
    is_stored = report.stored + report.updated > 0 and not report.dry_run
    return is_stored and (report.kind == "shares" or (report.kind == "bars" and not report.adjusted))


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

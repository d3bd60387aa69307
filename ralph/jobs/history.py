"""A screen asked of every Session of a span: how many Symbols met it on each, and the first of them."""

from __future__ import annotations

import asyncio
from datetime import date
from typing import Any

import msgspec
import numpy as np

from ralph import screens
from ralph.errors import BadParameter, DataNotFound
from ralph.jobs.kind import JobContext, JobKind
from ralph.market.panel import Panel
from ralph.market.symbol import Symbol
from ralph.store.lists import is_list, named_universe
from ralph.store.panels import PanelStore
from ralph.telemetry import spanned

SYMBOLS_MAX = 100
SAVED_SESSIONS = 100  # a later attempt begins again behind the last so many


class HistoryArgs(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"since": "from", "until": "to"}):
    """A screen and the days it is asked about, both included; symbols: how many of each Session are named."""

    expression: str
    since: date
    until: date
    workspace: str = "main"
    universe: list[str] | str | None = None
    symbols: int = 10


class SessionMatches(msgspec.Struct, frozen=True):
    """The matches of one Session, the best first."""

    on: date
    total_matches: int
    symbols: list[Symbol]


class ScreenHistory(msgspec.Struct, frozen=True):
    """What a screen found on each Session of a span."""

    workspace: str
    simulated: bool
    data_version: str
    expression: str
    sessions: list[SessionMatches]


async def _run(context: JobContext, args: HistoryArgs) -> ScreenHistory:
    if not 0 <= args.symbols <= SYMBOLS_MAX:
        raise BadParameter(f"symbols cannot be {args.symbols}", field="symbols", accepted=f"0 to {SYMBOLS_MAX}")
    context.progress("load", 0, 0)
    async with context.database.acquire() as connection:
        panel = await PanelStore(context.config.home / "panel").load(
            connection, args.workspace, context.database.acquire
        )
        universe = args.universe
        if is_list(universe):
            universe = await named_universe(connection, panel.workspace, universe, panel.columns)
    asked = _sessions(panel, args)
    found = _reached(context.checkpoint, panel)
    request = screens.Request(expression=args.expression, universe=universe, limit=args.symbols or 1)
    expression = args.expression
    for index in range(len(found), len(asked)):
        with spanned("kernel screen"):
            answer = await asyncio.to_thread(screens.run, panel, msgspec.structs.replace(request, as_of=asked[index]))
        named = [match.symbol for match in answer.matches[: args.symbols]]
        found.append(SessionMatches(asked[index], answer.total_matches, named))
        expression = answer.expression
        context.progress("screen", index + 1, len(asked))
        if (index + 1) % SAVED_SESSIONS == 0:
            async with context.effect({"data_version": panel.data_version, "sessions": found}):
                pass
    return ScreenHistory(panel.workspace, panel.simulated, panel.data_version, expression, found)


def _sessions(panel: Panel, args: HistoryArgs) -> list[date]:
    first, last = np.datetime64(args.since, "D"), np.datetime64(args.until, "D")
    inside = panel.sessions[(panel.sessions >= first) & (panel.sessions <= last)]
    if not inside.size:
        known = f"{panel.sessions[0]} to {panel.sessions[-1]}" if panel.sessions.size else "none: there are no bars"
        raise DataNotFound(
            f"no Session from {args.since} to {args.until}; known: {known}", field="from", accepted=known
        )
    days: list[date] = inside.astype("datetime64[D]").astype(object).tolist()
    return days


def _reached(checkpoint: Any, panel: Panel) -> list[SessionMatches]:
    """What an earlier attempt found, unless bars have changed since."""
    if checkpoint is None or checkpoint["data_version"] != panel.data_version:
        return []
    return msgspec.convert(checkpoint["sessions"], list[SessionMatches])


SCREEN_HISTORY = JobKind(
    "screen_history",
    "Ask a screen of past days",
    "과거 날짜에 조건 검색",
    HistoryArgs,
    _run,
    "long",
    3_600.0,
    is_heavy=True,
)

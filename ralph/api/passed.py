"""/api/v1/symbols/{code}/screens: which screens a Symbol passed, and on which days."""

from __future__ import annotations

from datetime import date
from typing import Annotated

import msgspec
from litestar import get
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, QueryParameter

from ralph.api.problems import PROBLEMS
from ralph.errors import UnknownSymbol
from ralph.market.symbol import parse_symbol
from ralph.store.database import Database
from ralph.store.markets import Markets
from ralph.store.screen_hits import DAYS_MAX, Range, passed_by


class PassedDay(msgspec.Struct, frozen=True):
    """A Session on which a Symbol matched, with its score then and the version of the screen."""

    on: date
    version: int
    score: float


class PassedScreen(msgspec.Struct, frozen=True):
    """A screen, and the days on which the Symbol matched it, the newest first."""

    id: str
    name: str
    days: list[PassedDay]


class PassedPage(msgspec.Struct, frozen=True):
    """What runs of saved screens found; a day of which a screen was not run is not there.

    truncated: there are more, earlier than the last day shown; ask for them with `to`.
    """

    workspace: str
    simulated: bool
    symbol: str
    screens: list[PassedScreen]
    truncated: bool


@get(
    "/{code:str}/screens",
    operation_id="listPassedScreens",
    summary="Which saved screens a Symbol passed, and when",
    tags=["symbols"],
    responses=PROBLEMS,
)
async def list_passed(
    code: FromPath[str],
    database: NamedDependency[Database],
    markets: NamedDependency[Markets],
    since: Annotated[date | None, QueryParameter(name="from", description="First Session.")] = None,
    until: Annotated[date | None, QueryParameter(name="to", description="Last Session.")] = None,
    workspace: FromQuery[str | None] = None,
) -> PassedPage:
    """Which saved screens a Symbol passed, and on which days, from their logs of hits."""
    panel = markets.panel(workspace)
    symbol = parse_symbol(code)
    if symbol is None or symbol not in panel.columns:
        raise UnknownSymbol(f"there is no symbol {code[:40]!r}", field="code", accepted="a code such as 005930")
    async with database.acquire() as connection:
        found = await passed_by(connection, panel.workspace, symbol, Range(since, until))
    screens: dict[str, PassedScreen] = {}
    for each in found:
        screen = screens.setdefault(each.screen_id, PassedScreen(each.screen_id, each.screen, []))
        screen.days.append(PassedDay(each.as_of, each.version, each.score))
    return PassedPage(
        panel.workspace, panel.simulated, symbol, list(screens.values()), truncated=len(found) == DAYS_MAX
    )

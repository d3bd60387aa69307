"""/api/v1/symbols: what is listed."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated

import msgspec
from litestar import Router, get
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, QueryParameter

from ralph.api.bars import list_bars
from ralph.api.passed import list_passed
from ralph.api.problems import PROBLEMS
from ralph.api.quality import symbol_quality
from ralph.api.rating import show_rating
from ralph.api.signals import of_symbol
from ralph.errors import BadParameter
from ralph.market.roster import Roster, listing_on
from ralph.market.sessions import SEOUL
from ralph.market.symbol import Listing
from ralph.store.capital import Said, capital_of
from ralph.store.database import Database
from ralph.store.markets import Markets
from ralph.store.symbols import find_symbol, list_symbols

PAGE = 100
PAGE_MAX = 1_000
Limit = Annotated[int, QueryParameter(ge=1, le=PAGE_MAX, description="At most this many.")]


class SymbolPage(msgspec.Struct, frozen=True):
    """Symbols in order of code, or best first where searched; next is the cursor of the following page."""

    workspace: str
    simulated: bool
    symbols: list[Listing]
    next: str | None


class SymbolCard(msgspec.Struct, frozen=True):
    """One Symbol as of a day: whether it was listed, and the newest that was said of its shares and market cap, in
    shares and won, by then; null where nothing was."""

    workspace: str
    simulated: bool
    symbol: Listing
    as_of: date
    listed: bool
    capital: Said | None


class CapitalAnswer(msgspec.Struct, frozen=True):
    """What sources said of a Symbol's listed shares and market cap, by day. truncated: there is more before it."""

    workspace: str
    simulated: bool
    symbol: str
    capital: list[Said]
    truncated: bool


@get("/", operation_id="listSymbols", summary="Symbols, searched and in pages", tags=["symbols"], responses=PROBLEMS)
async def list_page(
    database: NamedDependency[Database],
    markets: NamedDependency[Markets],
    q: FromQuery[str | None] = None,
    market: FromQuery[str | None] = None,
    cursor: FromQuery[str | None] = None,
    limit: Limit = PAGE,
    workspace: FromQuery[str | None] = None,
) -> SymbolPage:
    """Symbols by code; with `q`, those whose code begins with it or whose Korean, English or old name, or its initial
    consonants (`ㅅㅅㅈㅈ`), holds it, best first."""
    panel = markets.panel(workspace)
    async with database.acquire() as connection:
        found = await list_symbols(
            connection,
            panel.workspace,
            search=_text("q", q),
            market=_text("market", market),
            after=_text("cursor", cursor),
            limit=limit + 1,
        )
    more = found[limit - 1].symbol if len(found) > limit else None
    return SymbolPage(panel.workspace, panel.simulated, found[:limit], more)


@get("/{code:str}", operation_id="getSymbol", summary="One Symbol", tags=["symbols"], responses=PROBLEMS)
async def show(
    code: FromPath[str],
    database: NamedDependency[Database],
    markets: NamedDependency[Markets],
    as_of: FromQuery[date | None] = None,
    workspace: FromQuery[str | None] = None,
) -> SymbolCard:
    """One Symbol: now, or as it was on a day, with its name, market, sector and state of then."""
    panel = markets.panel(workspace)
    day = as_of or datetime.now(SEOUL).date()
    async with database.acquire() as connection:
        listing = await find_symbol(connection, panel.workspace, _text("code", code) or "")
        said = await capital_of(connection, panel.workspace, listing.symbol, until=day)
    listed = bool(Roster([listing]).listed(day)[0])
    known = listing if as_of is None else listing_on(listing, day)
    return SymbolCard(panel.workspace, panel.simulated, known, day, listed, said[-1] if said else None)


@get(
    "/{code:str}/shares",
    operation_id="listShares",
    summary="Listed shares and market cap of a Symbol by day",
    tags=["symbols"],
    responses=PROBLEMS,
)
async def list_shares(
    code: FromPath[str],
    database: NamedDependency[Database],
    markets: NamedDependency[Markets],
    since: Annotated[date | None, QueryParameter(query="from", description="First day.")] = None,
    until: Annotated[date | None, QueryParameter(query="to", description="Last day.")] = None,
    limit: Limit = PAGE_MAX,
    workspace: FromQuery[str | None] = None,
) -> CapitalAnswer:
    """What sources said of a Symbol's listed shares and market cap, oldest first; the newest where there is more."""
    panel = markets.panel(workspace)
    async with database.acquire() as connection:
        listing = await find_symbol(connection, panel.workspace, _text("code", code) or "")
        span = {"since": since or date.min, "until": until or date.max}
        said = await capital_of(connection, panel.workspace, listing.symbol, **span, limit=limit + 1)
    return CapitalAnswer(panel.workspace, panel.simulated, listing.symbol, said[-limit:], len(said) > limit)


def _text(field: str, text: str | None) -> str | None:
    """Postgres cannot hold a NUL or a lone surrogate, so no name does."""
    if text is not None and ("\0" in text or not text.isprintable()):
        raise BadParameter(f"{field} holds characters that no symbol has", field=field, accepted="printable text")
    return text


_OF_ONE = [show, list_shares, list_bars, list_passed, show_rating, symbol_quality, of_symbol]

router = Router("/symbols", route_handlers=[list_page, *_OF_ONE])

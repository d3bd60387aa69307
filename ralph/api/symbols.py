"""/api/v1/symbols: what is listed, and the bars of one Symbol with indicators beside them."""

from __future__ import annotations

import asyncio
from concurrent.futures import Executor
from datetime import date
from typing import Annotated

import msgspec
import numpy as np
from litestar import Router, get
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, QueryParameter

from ralph import screens
from ralph.api.problems import PROBLEMS
from ralph.errors import BadParameter, UnknownSymbol
from ralph.market.columns import BarColumns
from ralph.market.flags import Flag
from ralph.market.symbol import Listing, Symbol, parse_symbol
from ralph.store.bars import load_bars
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
    """One Symbol."""

    workspace: str
    simulated: bool
    symbol: Listing


class DailyBar(msgspec.Struct, frozen=True):
    """One Session's bar: prices in won, volume in shares, value in won traded (null where the source has none)."""

    on: date
    open: float
    high: float
    low: float
    close: float
    volume: float
    value: float | None
    flags: list[str]


class BarsAnswer(msgspec.Struct, frozen=True):
    """A Symbol's bars, and for each indicator asked for its outputs, one number a bar (null where there is none)."""

    workspace: str
    simulated: bool
    symbol: str
    name: str | None
    timeframe: str
    bars: list[DailyBar]
    indicators: dict[str, dict[str, list[float]]]


@get("/", operation_id="listSymbols", tags=["symbols"], responses=PROBLEMS)
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


@get("/{code:str}", operation_id="getSymbol", tags=["symbols"], responses=PROBLEMS)
async def show(
    code: FromPath[str],
    database: NamedDependency[Database],
    markets: NamedDependency[Markets],
    workspace: FromQuery[str | None] = None,
) -> SymbolCard:
    """One Symbol."""
    panel = markets.panel(workspace)
    async with database.acquire() as connection:
        listing = await find_symbol(connection, panel.workspace, _text("code", code) or "")
    return SymbolCard(panel.workspace, panel.simulated, listing)


@get("/{code:str}/bars", operation_id="listBars", tags=["symbols"], responses=PROBLEMS)
async def list_bars(
    code: FromPath[str],
    database: NamedDependency[Database],
    markets: NamedDependency[Markets],
    kernels: NamedDependency[Executor],
    timeframe: FromQuery[str] = "1d",
    since: Annotated[date | None, QueryParameter(query="from", description="First Session.")] = None,
    until: Annotated[date | None, QueryParameter(query="to", description="Last Session.")] = None,
    indicators: FromQuery[str | None] = None,
    workspace: FromQuery[str | None] = None,
) -> BarsAnswer:
    """A Symbol's bars from `from` to `to`, oldest first. `indicators` is a list like `macd(12,26,9),rsi(14)`;
    each is computed over the Symbol's whole history, so the first bar shown has its value too."""
    panel = markets.panel(workspace)
    if timeframe != "1d":
        raise BadParameter(f"timeframe {timeframe[:20]!r} is not stored; use 1d", field="timeframe", accepted="1d")
    asked = screens.parse_indicators(indicators) if indicators else ()
    symbol = parse_symbol(code)
    if symbol is None:
        raise UnknownSymbol(f"there is no symbol {code[:40]!r}", field="code", accepted="a code such as 005930")
    async with database.acquire() as connection:
        bars = await load_bars(connection, panel.workspace, Symbol(symbol))
    shown = slice(*np.searchsorted(bars.day, [_day(since, date.min), _day(until, date.max) + 1]))
    loop = asyncio.get_running_loop()
    computed = await loop.run_in_executor(kernels, screens.compute_indicators, asked, bars) if asked else {}
    return BarsAnswer(
        workspace=panel.workspace,
        simulated=panel.simulated,
        symbol=symbol,
        name=bars.listings[0].name,
        timeframe=timeframe,
        bars=_rows(bars, shown),
        indicators={
            text: {name: values[shown].tolist() for name, values in outputs.items()}
            for text, outputs in computed.items()
        },
    )


def _day(day: date | None, default: date) -> np.datetime64:
    return np.datetime64(day or default, "D")


def _rows(bars: BarColumns, shown: slice) -> list[DailyBar]:
    fields = (bars.open, bars.high, bars.low, bars.close, bars.volume, bars.value)
    columns = [array[shown].tolist() for array in (bars.day, *fields)]
    flags = [_names(bits) for bits in bars.flags[shown].tolist()]
    return [DailyBar(*row) for row in zip(*columns, flags, strict=True)]


def _names(flags: int) -> list[str]:
    return [str(flag.name).lower() for flag in Flag if flags & flag] if flags else []


def _text(field: str, text: str | None) -> str | None:
    """Postgres cannot hold a NUL or a lone surrogate, so no name does."""
    if text is not None and ("\0" in text or not text.isprintable()):
        raise BadParameter(f"{field} holds characters that no symbol has", field=field, accepted="printable text")
    return text


router = Router("/symbols", route_handlers=[list_page, show, list_bars])

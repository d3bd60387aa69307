"""/api/v1/symbols/{code}/rating: the technical rating of one Symbol."""

from __future__ import annotations

import asyncio
from concurrent.futures import Executor
from datetime import date
from typing import Annotated

import msgspec
from litestar import get
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, QueryParameter

from ralph.api.problems import PROBLEMS
from ralph.errors import UnknownSymbol
from ralph.indicators.rating import Rating, rate
from ralph.market.symbol import parse_symbol
from ralph.store.bars import load_bars
from ralph.store.database import Database
from ralph.store.markets import Markets


class RatingAnswer(msgspec.Struct, frozen=True):
    """A Symbol's technical rating at its newest bar with trade, `on`: means from -1 (sell) to 1 (buy), null where there
    are too few bars, in words, and of each component 1 buy, 0 neutral, -1 sell."""

    workspace: str
    simulated: bool
    symbol: str
    name: str | None
    on: date
    rating: Rating


@get(
    "/{code:str}/rating",
    operation_id="getRating",
    summary="Technical rating of a Symbol",
    tags=["symbols"],
    responses=PROBLEMS,
)
async def show_rating(
    code: FromPath[str],
    database: NamedDependency[Database],
    markets: NamedDependency[Markets],
    kernels: NamedDependency[Executor],
    as_of: Annotated[date | None, QueryParameter(description="Nothing after this day is seen.")] = None,
    rules: Annotated[str, QueryParameter(description="2024 or 2020.")] = "2024",
    workspace: FromQuery[str | None] = None,
) -> RatingAnswer:
    """15 averages and 11 oscillators, their means, and the label, as of the newest day or an older one."""
    panel = markets.panel(workspace)
    symbol = parse_symbol(code)
    if symbol is None:
        raise UnknownSymbol(f"there is no symbol {code[:40]!r}", field="code", accepted="a code such as 005930")
    async with database.acquire() as connection:
        bars = (await load_bars(connection, panel.workspace, symbol)).traded(as_of)
    loop = asyncio.get_running_loop()
    rating = await loop.run_in_executor(kernels, rate, bars.prices(), rules)
    on: date = bars.day[-1].astype(object)
    return RatingAnswer(panel.workspace, panel.simulated, symbol, bars.listings[0].name, on, rating)

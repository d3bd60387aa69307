"""/api/v1/signals: graded Signals, their lives and charts, and what they earned."""

from __future__ import annotations

import asyncio
from datetime import date
from typing import Annotated, Literal

import msgspec
import numpy as np
from litestar import Response, Router, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter

from ralph.api.jobs import IdempotencyKey, Prefer, accepted, is_async
from ralph.api.problems import PROBLEMS
from ralph.config import SignalsConfig
from ralph.errors import UnknownSymbol
from ralph.jobs.backfills import SIGNALS, SignalsArgs
from ralph.jobs.screening import sessions_of
from ralph.jobs.signalling import Ran, Signalling
from ralph.market.panel import Panel
from ralph.market.symbol import parse_symbol
from ralph.signals.performance import Report
from ralph.signals.resizing import check_capital, resized
from ralph.signals.signal import Grade, Signal, State, Transition
from ralph.store.database import Database
from ralph.store.ledger import Job
from ralph.store.markets import Markets
from ralph.store.signals import Asked, find_signal, signals_page

CHART_BARS = 120  # before the Signal's last bar

PageLimit = Annotated[int, QueryParameter(ge=1, le=1_000, description="At most this many.")]
Draws = Annotated[int, QueryParameter(ge=0, le=10_000, description="Random draws of the base rate; 0: none.")]
Equity = Annotated[bool, QueryParameter(name="equity", description="The running sums of each system too.")]
Capital = Annotated[float | None, QueryParameter(description="Size them for so many won, not those of the settings.")]
Since = Annotated[date | None, QueryParameter(name="from", description="Armed on this Session or later.")]
Until = Annotated[date | None, QueryParameter(name="to", description="Armed on this Session or earlier.")]


class SignalPage(msgspec.Struct, frozen=True):
    """Signals, those armed last first; next is the cursor of the following page; capital: won they are sized for."""

    workspace: str
    simulated: bool
    capital: float
    signals: list[Signal]
    next: str | None


class ChartBar(msgspec.Struct, frozen=True):
    """A bar as of the last Session that the Signal saw."""

    on: date
    open: float
    high: float
    low: float
    close: float
    volume: float


class SignalCard(msgspec.Struct, frozen=True):
    """A Signal, each step of its life, and the bars around it; capital: won it is sized for."""

    workspace: str
    simulated: bool
    capital: float
    signal: Signal
    transitions: list[Transition]
    bars: list[ChartBar]


class Closed(msgspec.Struct, frozen=True):
    """A Signal that was closed by hand."""

    workspace: str
    simulated: bool
    signal: Signal


class ClosePrice(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """At which price, won; the close of the last Session that was played when absent."""

    price: float | None = None


class RunRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which Session to play (the newest), and for which system (all)."""

    as_of: date | None = None
    system: str | None = None


class BackfillRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"since": "from", "until": "to"}):
    """Which Sessions to play, up to the newest where no end is given, and for which system (all). rebuild: a history
    that begins later is made anew."""

    since: date
    until: date | None = None
    system: str | None = None
    rebuild: bool = False


@get("/", operation_id="listSignals", summary="Signals", tags=["signals"], responses=PROBLEMS)
async def list_page(
    database: NamedDependency[Database],
    markets: NamedDependency[Markets],
    signalling: NamedDependency[Signalling],
    system: FromQuery[str | None] = None,
    symbol: FromQuery[str | None] = None,
    signal_state: Annotated[State | None, QueryParameter(name="state")] = None,
    grade: FromQuery[Grade | None] = None,
    gate: FromQuery[str | None] = None,
    since: Since = None,
    until: Until = None,
    cursor: FromQuery[str | None] = None,
    limit: PageLimit = 100,
    capital: Capital = None,
    workspace: FromQuery[str | None] = None,
) -> SignalPage:
    """Signals by filter, those armed last first."""
    asked = Asked(system=system, symbol=symbol, state=signal_state, grade=grade, gate=gate, since=since, until=until)
    page = await _page(database, markets.panel(workspace), asked, limit, cursor)
    return _sized(page, capital, signalling.config)


@get("/performance", operation_id="measureSignals", tags=["signals"], responses=PROBLEMS)
async def measure(
    markets: NamedDependency[Markets],
    signalling: NamedDependency[Signalling],
    system: FromQuery[str | None] = None,
    by: FromQuery[Literal["grade", "year", "sector", "gate"] | None] = None,
    since: Since = None,
    until: Until = None,
    draws: Draws = 1_000,
    with_equity: Equity = False,
    workspace: FromQuery[str | None] = None,
) -> Report:
    """What Signals earned after costs, by system and by a part of it, beside random entries on the same days."""
    asked = Asked(system=system, since=since, until=until)
    panel = markets.panel(workspace)
    return await signalling.performance(panel.workspace, asked, by, draws, with_equity=with_equity)


@post("/run", operation_id="runSignals", tags=["signals"], status_code=200, responses=PROBLEMS)
async def run(
    data: JSONBody[RunRequest],
    database: NamedDependency[Database],
    markets: NamedDependency[Markets],
    signalling: NamedDependency[Signalling],
    workspace: FromQuery[str | None] = None,
    prefer: Prefer = None,
    idempotency_key: IdempotencyKey = None,
) -> Ran | Response[Job]:
    """Make the Signals of a Session, and of those since the last one that was played; twice is as once. With `Prefer:
    respond-async` the answer is 202 and a job."""
    if is_async(prefer):
        args = SignalsArgs(markets.panel(workspace).workspace, until=data.as_of, system=data.system)
        async with database.acquire() as connection:
            return await accepted(connection, SIGNALS, args, idempotency_key)
    return await signalling.run(workspace, data.as_of, data.system)


@post("/backfill", operation_id="backfillSignals", tags=["signals"], status_code=202, responses=PROBLEMS)
async def backfill(
    data: JSONBody[BackfillRequest],
    database: NamedDependency[Database],
    markets: NamedDependency[Markets],
    workspace: FromQuery[str | None] = None,
    idempotency_key: IdempotencyKey = None,
) -> Response[Job]:
    """Make the Signals of a range of Sessions, as of each of them: a job, which is followed at the Location."""
    panel = markets.panel(workspace)
    until = data.until or panel.as_of(None).on
    sessions_of(panel, data.since, until, most=panel.sessions.size)  # what is wrong with the range is said now
    args = SignalsArgs(panel.workspace, data.since, until, data.system, data.rebuild)
    async with database.acquire() as connection:
        return await accepted(connection, SIGNALS, args, idempotency_key)


@get("/{signal_id:str}", operation_id="getSignal", tags=["signals"], responses=PROBLEMS)
async def show(
    signal_id: FromPath[str],
    database: NamedDependency[Database],
    markets: NamedDependency[Markets],
    signalling: NamedDependency[Signalling],
    capital: Capital = None,
    workspace: FromQuery[str | None] = None,
) -> SignalCard:
    """One Signal with its transitions and the bars to draw it on."""
    panel = markets.panel(workspace)
    async with database.acquire() as connection:
        signal, steps = await find_signal(connection, panel.workspace, signal_id)
    bars = await asyncio.to_thread(_bars, panel, signal)
    config = signalling.config
    if capital is not None:
        check_capital(capital)
    sized = resized(signal, capital, config)
    return SignalCard(panel.workspace, panel.simulated, capital or config.capital, sized, steps, bars)


@post("/{signal_id:str}/close", operation_id="closeSignal", tags=["signals"], status_code=200, responses=PROBLEMS)
async def close(
    signal_id: FromPath[str],
    data: JSONBody[ClosePrice],
    markets: NamedDependency[Markets],
    signalling: NamedDependency[Signalling],
    workspace: FromQuery[str | None] = None,
) -> Closed:
    """Close an open Signal by hand."""
    panel = markets.panel(workspace)
    ended = await signalling.close(panel.workspace, signal_id, data.price)
    return Closed(panel.workspace, panel.simulated, ended)


@get("/{code:str}/signals", operation_id="listSymbolSignals", tags=["symbols"], responses=PROBLEMS)
async def of_symbol(
    code: FromPath[str],
    database: NamedDependency[Database],
    markets: NamedDependency[Markets],
    signalling: NamedDependency[Signalling],
    cursor: FromQuery[str | None] = None,
    limit: PageLimit = 100,
    capital: Capital = None,
    workspace: FromQuery[str | None] = None,
) -> SignalPage:
    """The Signals of a Symbol, those armed last first."""
    panel = markets.panel(workspace)
    symbol = parse_symbol(code)
    if symbol is None or symbol not in panel.columns:
        raise UnknownSymbol(f"there is no symbol {code[:20]!r} in workspace {panel.workspace}", field="code")
    page = await _page(database, panel, Asked(symbol=symbol), limit, cursor)
    return _sized(page, capital, signalling.config)


async def _page(database: Database, panel: Panel, asked: Asked, limit: int, cursor: str | None) -> SignalPage:
    async with database.acquire() as connection:
        found, more = await signals_page(connection, panel.workspace, asked, limit, cursor)
    return SignalPage(panel.workspace, panel.simulated, 0.0, found, more)


def _sized(page: SignalPage, capital: float | None, config: SignalsConfig) -> SignalPage:
    if capital is not None:
        check_capital(capital)
    found = [resized(each, capital, config) for each in page.signals]
    return msgspec.structs.replace(page, capital=capital or config.capital, signals=found)


def _bars(panel: Panel, signal: Signal) -> list[ChartBar]:
    """The Signal's prices are as of the last Session it saw, and so are these."""
    column = panel.columns.get(signal.symbol)
    if column is None:
        return []
    view = panel.session_view(signal.priced_on).latest
    rows = min(CHART_BARS, view.height - int(view.first[column]))
    numbers = np.stack(
        [view.newest(name, rows)[:, column] for name in ("open", "high", "low", "close", "volume")], axis=1
    )
    days = panel.sessions[view.session_of(rows)[:, column]].astype(object)
    return [ChartBar(day, *values) for day, values in zip(days.tolist(), numbers.tolist(), strict=True)]


router = Router("/signals", route_handlers=[list_page, measure, run, backfill, show, close])

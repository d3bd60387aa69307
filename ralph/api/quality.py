"""/api/v1/quality: what is wrong with the bars of a workspace, run by run, and the holes of one Symbol."""

from __future__ import annotations

from datetime import date
from typing import Annotated

import msgspec
from litestar import Response, Router, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, QueryParameter

from ralph.api.jobs import IdempotencyKey, Prefer, accepted, is_async
from ralph.api.problems import PROBLEMS
from ralph.config import Config
from ralph.errors import DataNotFound, UnknownSymbol
from ralph.jobs.chores import QUALITY, WorkspaceArgs
from ralph.jobs.quality import load_holes, run_quality
from ralph.market.calendar import Calendar
from ralph.market.quality import Coverage, Finding, HoleCalendar, Kind, Severity, coverage
from ralph.market.symbol import Symbol, parse_symbol
from ralph.store.database import Database
from ralph.store.ledger import Job
from ralph.store.markets import Markets
from ralph.store.quality_runs import QualityRun, Wanted, find_run, list_findings, list_runs
from ralph.store.symbols import find_symbol

WORST = 20
PAGE, PAGE_MAX = 100, 1_000
SYMBOL_FINDINGS = 1_000

Limit = Annotated[int, QueryParameter(ge=1, le=PAGE_MAX, description="At most this many.")]


class QualityReport(msgspec.Struct, frozen=True):
    """The newest run with its worst findings. is_current: no bar changed since; coverage is that of the newest
    Session, None where there are no bars."""

    workspace: str
    simulated: bool
    is_current: bool
    run: QualityRun
    findings: list[Finding]
    coverage: Coverage | None


class RunPage(msgspec.Struct, frozen=True):
    """Past runs of a workspace, newest first; next is the cursor of the following page."""

    workspace: str
    simulated: bool
    runs: list[QualityRun]
    next: str | None


class FindingPage(msgspec.Struct, frozen=True):
    """Findings of a run, the worst first; next is the cursor of the following page."""

    workspace: str
    simulated: bool
    run_id: str
    findings: list[Finding]
    next: str | None


class SymbolQuality(msgspec.Struct, frozen=True):
    """One Symbol: what the newest run found (run_id None where there was none), and its holes as they are now."""

    workspace: str
    simulated: bool
    symbol: str
    run_id: str | None
    findings: list[Finding]
    holes: HoleCalendar


@get("/", operation_id="getQuality", summary="The newest quality report", tags=["quality"], responses=PROBLEMS)
async def latest(
    database: NamedDependency[Database],
    markets: NamedDependency[Markets],
    config: NamedDependency[Config],
    workspace: FromQuery[str | None] = None,
) -> QualityReport:
    """The newest run, its worst findings, and the coverage of the newest Session."""
    panel = markets.panel(workspace)
    async with database.acquire() as connection:
        run = await find_run(connection, panel.workspace)
        found, _ = await list_findings(connection, run, limit=WORST)
    newest: date | None = panel.sessions[-1].astype(object) if panel.sessions.size else None
    measured = coverage(panel, newest, config.quality.coverage_pct) if newest else None
    is_current = run.data_version == panel.data_version
    return QualityReport(panel.workspace, panel.simulated, is_current, run, found, measured)


@get("/runs", operation_id="listQualityRuns", summary="Past quality runs", tags=["quality"], responses=PROBLEMS)
async def runs(
    database: NamedDependency[Database],
    markets: NamedDependency[Markets],
    cursor: FromQuery[str | None] = None,
    limit: Limit = PAGE,
    workspace: FromQuery[str | None] = None,
) -> RunPage:
    """Past runs, newest first."""
    panel = markets.panel(workspace)
    async with database.acquire() as connection:
        found = await list_runs(connection, panel.workspace, limit=limit + 1, before=cursor)
    more = found[limit - 1].run_id if len(found) > limit else None
    return RunPage(panel.workspace, panel.simulated, found[:limit], more)


@get("/runs/{run_id:str}", operation_id="getQualityRun", summary="One run", tags=["quality"], responses=PROBLEMS)
async def show_run(
    run_id: FromPath[str],
    database: NamedDependency[Database],
    markets: NamedDependency[Markets],
    workspace: FromQuery[str | None] = None,
) -> QualityRun:
    """The report of one run."""
    async with database.acquire() as connection:
        return await find_run(connection, markets.panel(workspace).workspace, run_id)


@post(
    "/runs",
    operation_id="runQuality",
    summary="Look at all bars",
    tags=["quality"],
    status_code=201,
    responses=PROBLEMS,
)
async def start_run(
    database: NamedDependency[Database],
    markets: NamedDependency[Markets],
    calendar: NamedDependency[Calendar],
    config: NamedDependency[Config],
    workspace: FromQuery[str | None] = None,
    prefer: Prefer = None,
    idempotency_key: IdempotencyKey = None,
) -> Response[QualityRun] | Response[Job]:
    """Look at all bars of the workspace and store a report; it takes seconds. 503 while another run is under way. With
    `Prefer: respond-async` the answer is 202 and a job."""
    if is_async(prefer):
        async with database.acquire() as connection:
            args = WorkspaceArgs(markets.panel(workspace).workspace)
            return await accepted(connection, QUALITY, args, idempotency_key)
    run = await run_quality(database, markets.panel(workspace).workspace, calendar, config.quality)
    return Response(run, status_code=201, headers={"Location": f"/api/v1/quality/runs/{run.run_id}"})


@get("/findings", operation_id="listFindings", summary="Findings of a run", tags=["quality"], responses=PROBLEMS)
async def findings(
    database: NamedDependency[Database],
    markets: NamedDependency[Markets],
    run_id: FromQuery[str | None] = None,
    symbol: FromQuery[str | None] = None,
    kind: FromQuery[Kind | None] = None,
    severity: FromQuery[Severity | None] = None,
    cursor: FromQuery[str | None] = None,
    limit: Limit = PAGE,
    workspace: FromQuery[str | None] = None,
) -> FindingPage:
    """Findings of a run (the newest one where none is named), the worst first; by symbol, kind and severity."""
    panel = markets.panel(workspace)
    code = None if symbol is None else _code("symbol", symbol)
    async with database.acquire() as connection:
        if code is not None:
            await find_symbol(connection, panel.workspace, code)
        run = await find_run(connection, panel.workspace, run_id)
        found, following = await list_findings(connection, run, Wanted(code, kind, severity), after=cursor, limit=limit)
    return FindingPage(panel.workspace, panel.simulated, run.run_id, found, following)


@get(
    "/{code:str}/quality",
    operation_id="getSymbolQuality",
    summary="What is wrong with one Symbol's bars",
    tags=["symbols"],
    responses=PROBLEMS,
)
async def symbol_quality(
    code: FromPath[str],
    database: NamedDependency[Database],
    markets: NamedDependency[Markets],
    calendar: NamedDependency[Calendar],
    workspace: FromQuery[str | None] = None,
) -> SymbolQuality:
    """The findings of the newest run about a Symbol, and its holes and halts by month."""
    panel = markets.panel(workspace)
    symbol = _code("code", code)
    async with database.acquire() as connection:
        holes = await load_holes(connection, panel, symbol, calendar)
        try:
            run = await find_run(connection, panel.workspace)
        except DataNotFound:
            return SymbolQuality(panel.workspace, panel.simulated, symbol, None, [], holes)
        found, _ = await list_findings(connection, run, Wanted(symbol), limit=SYMBOL_FINDINGS)
    return SymbolQuality(panel.workspace, panel.simulated, symbol, run.run_id, found, holes)


def _code(field: str, text: str) -> Symbol:
    symbol = parse_symbol(text)
    if symbol is None:
        raise UnknownSymbol(f"there is no symbol {text[:40]!r}", field=field, accepted="a code such as 005930")
    return symbol


router = Router("/quality", route_handlers=[latest, runs, show_run, start_run, findings])

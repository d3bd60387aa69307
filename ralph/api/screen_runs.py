"""/api/v1/screens/{id}/...: what saved screens found, and the links that lead to them."""

from __future__ import annotations

import asyncio
from datetime import date
from typing import Annotated, Any, Literal

import msgspec
from litestar import Request, Response, Router, delete, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter

from ralph import screens
from ralph.api.departures import while_connected
from ralph.api.jobs import IdempotencyKey, Prefer, accepted, is_async
from ralph.api.problems import PROBLEMS
from ralph.api.screens import Limit, read_universe, respond
from ralph.errors import BadParameter
from ralph.jobs.backfills import SCREEN_RUNS, ScreenRunsArgs
from ralph.jobs.hit_export import export_hits, load_hits
from ralph.jobs.screening import Filled, Screening, request_of
from ralph.store.database import Database
from ralph.store.ledger import Job
from ralph.store.markets import Markets
from ralph.store.screen_hits import Hit, Place, Range, ScreenRun, hits_of, runs_of
from ralph.store.screens import (
    Share,
    close_share,
    find_screen,
    share_screen,
    shared_screen,
    shares_of,
)

EXPORTS = {"csv": "text/csv; charset=utf-8", "parquet": "application/vnd.apache.parquet"}

_OVERRIDES = ("as_of", "limit", "cursor", "columns", "sort", "order")

PageLimit = Annotated[int, QueryParameter(ge=1, le=1_000, description="At most this many.")]
Since = Annotated[date | None, QueryParameter(name="from", description="First Session.")]
Until = Annotated[date | None, QueryParameter(name="to", description="Last Session.")]


class SavedRun(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How to run a saved screen; what is absent is as it was saved.

    history  keep this run, and the first time of a Session all who matched; not for another universe
    """

    as_of: date | None = None
    universe: list[str] | str | msgspec.UnsetType | None = msgspec.UNSET
    limit: int | None = None
    cursor: str | None = None
    columns: list[str] | None = None
    sort: str | None = None
    order: Literal["asc", "desc"] | None = None
    extras: list[Literal["funnel", "near_misses", "sparkline"]] = msgspec.field(default_factory=list, name="with")
    history: bool = True


class HistoryFill(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The Sessions to run a screen for, both ends included."""

    since: date = msgspec.field(name="from")
    until: date = msgspec.field(name="to")


class NewShare(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The Session that a link shows; the newest of now where absent, the newest of each day where null."""

    as_of: date | msgspec.UnsetType | None = msgspec.UNSET


class RunPage(msgspec.Struct, frozen=True):
    """Runs of a screen, the newest first; next is the cursor of the following page."""

    workspace: str
    simulated: bool
    runs: list[ScreenRun]
    next: str | None


class HitPage(msgspec.Struct, frozen=True):
    """Who matched, the newest Session first; next is the cursor of the following page."""

    workspace: str
    simulated: bool
    screen: str
    hits: list[Hit]
    next: str | None


class SharePage(msgspec.Struct, frozen=True):
    """The links that lead to a screen, the newest first."""

    workspace: str
    simulated: bool
    shares: list[Share]


@post("/{screen_id:str}/run", operation_id="runSavedScreen", tags=["screens"], status_code=200, responses=PROBLEMS)
async def run_saved(
    request: Request[Any, Any, Any],
    screen_id: FromPath[str],
    data: JSONBody[SavedRun],
    database: NamedDependency[Database],
    screening: NamedDependency[Screening],
    markets: NamedDependency[Markets],
    workspace: FromQuery[str | None] = None,
) -> Response[screens.Answer]:
    """Run a saved screen; the first run of a version and Session writes all who matched to its log of hits."""
    name = markets.panel(workspace).workspace
    async with database.acquire() as connection:
        saved = await find_screen(connection, name, screen_id)
    given = {name: value for name in _OVERRIDES if (value := getattr(data, name)) not in (None, msgspec.UNSET)}
    universe = saved.universe if data.universe is msgspec.UNSET else data.universe
    asked = request_of(saved, **given, universe=universe, extras=data.extras)
    keep = data.history and universe == saved.universe and data.cursor is None
    return respond(await while_connected(request, screening.ask_saved(name, saved, asked, keep=keep)))


@get("/{screen_id:str}/run", operation_id="readSavedScreen", tags=["screens"], responses=PROBLEMS)
async def read_saved(
    request: Request[Any, Any, Any],
    screen_id: FromPath[str],
    database: NamedDependency[Database],
    screening: NamedDependency[Screening],
    markets: NamedDependency[Markets],
    as_of: FromQuery[date | None] = None,
    universe: FromQuery[str | None] = None,
    limit: Limit = None,
    cursor: FromQuery[str | None] = None,
    workspace: FromQuery[str | None] = None,
) -> Response[screens.Answer]:
    """What a saved screen finds, without a trace in its history."""
    name = markets.panel(workspace).workspace
    async with database.acquire() as connection:
        saved = await find_screen(connection, name, screen_id)
    wanted = saved.universe if universe is None else read_universe(universe)
    asked = request_of(saved, as_of=as_of, universe=wanted, limit=limit, cursor=cursor)
    return respond(await while_connected(request, screening.ask_saved(name, saved, asked, keep=False)))


@get("/{screen_id:str}/runs", operation_id="listScreenRuns", tags=["screens"], responses=PROBLEMS)
async def list_runs(
    screen_id: FromPath[str],
    database: NamedDependency[Database],
    markets: NamedDependency[Markets],
    cursor: FromQuery[str | None] = None,
    limit: PageLimit = 100,
    workspace: FromQuery[str | None] = None,
) -> RunPage:
    """The runs of a screen, the newest first."""
    panel = markets.panel(workspace)
    async with database.acquire() as connection:
        found = await find_screen(connection, panel.workspace, screen_id)
        runs = await runs_of(connection, found, limit + 1, cursor)
    more = runs[limit - 1].id if len(runs) > limit else None
    return RunPage(panel.workspace, panel.simulated, runs[:limit], more)


@post("/{screen_id:str}/runs", operation_id="fillScreenHistory", tags=["screens"], status_code=200, responses=PROBLEMS)
async def fill_history(
    request: Request[Any, Any, Any],
    screen_id: FromPath[str],
    data: JSONBody[HistoryFill],
    database: NamedDependency[Database],
    screening: NamedDependency[Screening],
    markets: NamedDependency[Markets],
    workspace: FromQuery[str | None] = None,
    prefer: Prefer = None,
    idempotency_key: IdempotencyKey = None,
) -> Filled | Response[Job]:
    """Run a screen as of each Session of a range that it was not run for, and write who matched.

    Asked again, it goes on where it was broken off; Sessions that are written stay as they are. With `Prefer:
    respond-async` the answer is 202 and a job.
    """
    name = markets.panel(workspace).workspace
    async with database.acquire() as connection:
        saved = await find_screen(connection, name, screen_id)
        if is_async(prefer):
            args = ScreenRunsArgs(saved.id, data.since, data.until, name)
            return await accepted(connection, SCREEN_RUNS, args, idempotency_key)
    return await while_connected(request, screening.fill(name, saved, data.since, data.until))


@get("/{screen_id:str}/hits", operation_id="listScreenHits", tags=["screens"], responses=PROBLEMS)
async def list_hits(
    screen_id: FromPath[str],
    database: NamedDependency[Database],
    markets: NamedDependency[Markets],
    since: Since = None,
    until: Until = None,
    cursor: FromQuery[str | None] = None,
    limit: PageLimit = 500,
    form: Annotated[Literal["json", "csv", "parquet"], QueryParameter(name="format")] = "json",
    workspace: FromQuery[str | None] = None,
) -> Response[HitPage]:
    """Who matched and when, in pages; with `format=csv` or `parquet` the whole range as a file."""
    panel = markets.panel(workspace)
    within = Range(since, until)
    async with database.acquire() as connection:
        found = await find_screen(connection, panel.workspace, screen_id)
        if form == "json":
            hits = await hits_of(connection, found, within, limit + 1, _read_place(cursor))
            more = _written_place(hits[limit - 1]) if len(hits) > limit else None
            return Response(HitPage(panel.workspace, panel.simulated, found.name, hits[:limit], more))
        hits = await load_hits(connection, found, within)
    file: Any = await asyncio.to_thread(export_hits, hits, found, (panel.workspace, panel.simulated), form)
    headers = {"Content-Disposition": f'attachment; filename="hits-{found.id}.{form}"'}
    return Response(file, headers=headers, media_type=EXPORTS[form])


@post("/{screen_id:str}/shares", operation_id="shareScreen", tags=["screens"], status_code=201, responses=PROBLEMS)
async def share(
    screen_id: FromPath[str],
    data: JSONBody[NewShare],
    database: NamedDependency[Database],
    markets: NamedDependency[Markets],
    workspace: FromQuery[str | None] = None,
) -> Share:
    """A link to the newest version of a screen: `/api/v1/screens/shared/{token}` for whoever has a key or a session."""
    panel = markets.panel(workspace)
    as_of = data.as_of
    if as_of is msgspec.UNSET or as_of is not None:
        as_of = panel.as_of(None if as_of is msgspec.UNSET else as_of).on
    async with database.acquire() as connection:
        found = await find_screen(connection, panel.workspace, screen_id)
        return await share_screen(connection, found, as_of)


@get("/{screen_id:str}/shares", operation_id="listScreenShares", tags=["screens"], responses=PROBLEMS)
async def list_shares(
    screen_id: FromPath[str],
    database: NamedDependency[Database],
    markets: NamedDependency[Markets],
    workspace: FromQuery[str | None] = None,
) -> SharePage:
    """The links that lead to a screen."""
    panel = markets.panel(workspace)
    async with database.acquire() as connection:
        found = await find_screen(connection, panel.workspace, screen_id)
        return SharePage(panel.workspace, panel.simulated, await shares_of(connection, found))


@get("/shared/{token:str}", operation_id="getSharedScreen", tags=["screens"], responses=PROBLEMS)
async def show_shared(token: FromPath[str], database: NamedDependency[Database]) -> Share:
    """What a link leads to: expression, universe and Session."""
    async with database.acquire() as connection:
        return await shared_screen(connection, token)


@delete("/shared/{token:str}", operation_id="closeShare", tags=["screens"], status_code=204, responses=PROBLEMS)
async def close(token: FromPath[str], database: NamedDependency[Database]) -> None:
    """Close a link."""
    async with database.acquire() as connection:
        await close_share(connection, token)


def _written_place(hit: Hit) -> str:
    return f"{hit.as_of}/{hit.version}/{hit.symbol}"


def _read_place(cursor: str | None) -> Place | None:
    if cursor is None:
        return None
    try:
        day, version, symbol = cursor.split("/", 2)
        return Place(date.fromisoformat(day), int(version[:9]), symbol.replace("\0", ""))
    except ValueError:
        raise BadParameter(
            "this cursor is none of ours", field="cursor", accepted="`next` of the page before"
        ) from None


router = Router(
    "/screens",
    route_handlers=[
        run_saved,
        read_saved,
        list_runs,
        fill_history,
        list_hits,
        share,
        list_shares,
        show_shared,
        close,
    ],
)

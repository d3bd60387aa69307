"""/api/v1/scans, /setups, /gate and /breadth: charts in position, and the market as a whole."""

from __future__ import annotations

from datetime import date
from functools import partial
from typing import Any

import msgspec
from litestar import Request, Response, Router, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody

from ralph import scanners
from ralph.api.conditional import keep
from ralph.api.departures import while_connected
from ralph.api.problems import PROBLEMS
from ralph.jobs.minute_scanning import minute_cards
from ralph.jobs.scanning import Scanning, ScanRequest, SetupsAnswer
from ralph.jobs.screening import Answered
from ralph.scanners.cards import ScannerCard, card
from ralph.scanners.running import ScanAnswer, UniverseFilter
from ralph.scanners.weather import BreadthAnswer, GateAnswer
from ralph.store.markets import Markets


class ScannerPage(msgspec.Struct, frozen=True):
    """All scanners, in order of name."""

    scanners: list[ScannerCard]


@get(
    "/scans",
    operation_id="listScanners",
    summary="The scanners with their parameters",
    tags=["scans"],
    sync_to_thread=False,
)
def list_scanners() -> ScannerPage:
    """What each looks for, which numbers may be chosen, and in which ranges."""
    daily = [card(each) for each in scanners.load().values()]
    return ScannerPage(sorted([*daily, *minute_cards()], key=lambda one: one.name))


@post(
    "/scans/{name:str}/run",
    operation_id="runScan",
    summary="Which Symbols a scanner finds",
    tags=["scans"],
    status_code=200,
    responses=PROBLEMS,
)
async def run_scan(
    request: Request[Any, Any, Any],
    name: FromPath[str],
    data: JSONBody[ScanRequest],
    scanning: NamedDependency[Scanning],
    workspace: FromQuery[str | None] = None,
) -> Response[ScanAnswer]:
    """The Setups as of a Session (the newest unless `as_of` says another), best score first, with every term; with
    `at`, as of a minute of it."""
    return _respond(await while_connected(request, scanning.scan(workspace, name, data)))


@get("/setups", operation_id="listSetups", summary="The Setups of a Symbol", tags=["scans"], responses=PROBLEMS)
async def list_setups(
    scanning: NamedDependency[Scanning],
    symbol: FromQuery[str],
    as_of: FromQuery[date | None] = None,
    universe_filter: FromQuery[UniverseFilter] = "default",
    workspace: FromQuery[str | None] = None,
) -> Response[SetupsAnswer]:
    """What each scanner finds of one Symbol, or why none looked at it."""
    return _respond(await scanning.setups(workspace, symbol, as_of, universe_filter))


@get("/gate", operation_id="getGate", summary="The market gate", tags=["scans"], responses=PROBLEMS)
async def show_gate(
    request: Request[Any, Any, Any],
    scanning: NamedDependency[Scanning],
    markets: NamedDependency[Markets],
    as_of: FromQuery[date | None] = None,
    workspace: FromQuery[str | None] = None,
) -> Response[GateAnswer]:
    """Whether the market as a whole invites buying: 0 to 100 from two indices and the sectors; unknown without them."""
    keep(request.scope, partial(markets.version, workspace))
    return _respond(await scanning.gate(workspace, as_of))


@get("/breadth", operation_id="getBreadth", summary="Breadth by market", tags=["scans"], responses=PROBLEMS)
async def show_breadth(
    request: Request[Any, Any, Any],
    scanning: NamedDependency[Scanning],
    markets: NamedDependency[Markets],
    as_of: FromQuery[date | None] = None,
    workspace: FromQuery[str | None] = None,
) -> Response[BreadthAnswer]:
    """How many Symbols rise, stand above their means of 50 and 200 days, or reach new extremes of a year."""
    keep(request.scope, partial(markets.version, workspace))
    return _respond(await scanning.breadth(workspace, as_of))


def _respond(answered: Answered) -> Response[Any]:
    """The answer as it was made; one that is known has the same bytes and so the same ETag."""
    headers = {
        "Cache-Status": f"ralph; {'hit' if answered.is_cached else 'fwd=miss; stored'}",
        "Server-Timing": f"scan;dur={answered.seconds * 1e3:.3f}",
    }
    return Response(answered.body, headers=headers, media_type="application/json")


router = Router("/", route_handlers=[list_scanners, run_scan, list_setups, show_gate, show_breadth])

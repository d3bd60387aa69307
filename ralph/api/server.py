"""The ASGI application: all resources, behind the door, seen by the observer."""

from __future__ import annotations

import sys
from concurrent.futures import Executor
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import msgspec
from litestar import Litestar, Router
from litestar.di import Provide

from ralph import __version__
from ralph.api import (
    adjustments,
    board,
    calendar,
    exports,
    health,
    imports,
    indicators,
    jobs,
    language,
    lists,
    live_page,
    login,
    pages,
    quality,
    saved_screens,
    scans,
    schedule,
    screen_runs,
    screens,
    signals,
    symbols,
    system,
)
from ralph.api.access import Access
from ralph.api.conditional import Conditional
from ralph.api.door import Door
from ralph.api.problems import HANDLERS
from ralph.api.streams import Streams
from ralph.api.whole import wholly
from ralph.config import Config
from ralph.jobs.news import JobNews
from ralph.jobs.scanning import Scanning
from ralph.jobs.scheduler import Scheduler
from ralph.jobs.screening import Screening
from ralph.jobs.signalling import Signalling
from ralph.live.running import LiveMarket
from ralph.market.calendar import Calendar
from ralph.store.database import Database
from ralph.store.markets import Markets
from ralph.telemetry import AsgiApp, Instruments, Receive, Scope, Send

API = "/api/v1"
METRICS = "metrics"  # a part of the instruments that handlers ask for by itself


@dataclass(frozen=True)
class Parts:
    """What the handlers work with; the application makes them. uploads is a folder for files on their way in."""

    config: Config
    version: str
    access: Access
    database: Database
    markets: Markets
    screening: Screening
    scanning: Scanning
    signalling: Signalling
    scheduler: Scheduler
    job_news: JobNews
    kernels: Executor
    instruments: Instruments
    calendar: Calendar
    vitals: health.Vitals
    uploads: Path
    streams: Streams
    live: AsgiApp
    live_market: LiveMarket


def create(parts: Parts) -> AsgiApp:
    """The whole HTTP side of Ralph. Nothing is started here."""
    application = Litestar(
        route_handlers=[*_resources(), live_page.live_page, *pages.routes()],
        dependencies=_dependencies(parts),
        exception_handlers={**HANDLERS, 404: pages.on_not_found},
        openapi_config=pages.openapi(parts.version),
        request_max_body_size=parts.config.limits.body_bytes,
        logging_config=None,
    )
    hosts = frozenset(host.lower() for host in (*parts.config.allowed_hosts, parts.config.host))
    answering = _apart(Conditional(application), parts.live)  # type: ignore[arg-type]
    door = Door(answering, parts.access, hosts, parts.config.limits.body_bytes)
    return wholly(parts.instruments.observed(door, parts.config.log.requests_per_s))


def _apart(requests: AsgiApp, sockets: AsgiApp) -> AsgiApp:
    """WebSockets go their own way: Litestar would add to each of their messages."""

    async def either(scope: Scope, receive: Receive, send: Send) -> None:
        await (sockets if scope["type"] == "websocket" else requests)(scope, receive, send)

    return either


def document(version: str) -> bytes:
    """The OpenAPI document of this code as JSON, without anything running: clients are made from it."""
    nothing = {name: _constant(None) for name in (METRICS, *(field.name for field in fields(Parts)))}
    described = Litestar(
        route_handlers=_resources(), dependencies=nothing, openapi_config=pages.openapi(version), logging_config=None
    )
    return msgspec.json.encode(described.openapi_schema.to_schema())


def _resources() -> list[Any]:
    """Everything that speaks JSON."""
    files = [imports.router, exports.router, adjustments.router]
    data = [symbols.router, lists.router, *files, calendar.router, quality.router, jobs.router, schedule.router]
    asking = [screens.router, language.router, saved_screens.router, screen_runs.router, scans.router, signals.router]
    routers = [*asking, indicators.router, *data, *board.routers, system.router, *login.routers]
    return [Router(API, route_handlers=routers), health.live, health.ready, health.health, pages.metrics_page]


def _dependencies(parts: Parts) -> dict[str, Provide]:
    values: dict[str, Any] = {
        "config": parts.config,
        "access": parts.access,
        "database": parts.database,
        "markets": parts.markets,
        "screening": parts.screening,
        "scanning": parts.scanning,
        "signalling": parts.signalling,
        "scheduler": parts.scheduler,
        "job_news": parts.job_news,
        "kernels": parts.kernels,
        "instruments": parts.instruments,
        METRICS: parts.instruments.metrics,
        "calendar": parts.calendar,
        "vitals": parts.vitals,
        "uploads": parts.uploads,
        "streams": parts.streams,
        "live_market": parts.live_market,
    }
    return {name: _constant(value) for name, value in values.items()}


def _constant(value: Any) -> Provide:
    return Provide(lambda: value, use_cache=True, sync_to_thread=False)


if __name__ == "__main__":
    sys.stdout.buffer.write(document(__version__))

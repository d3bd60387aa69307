"""/api/v1/screens: a condition asked of the whole market."""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import Executor

import msgspec
from litestar import Router, post
from litestar.di import NamedDependency
from litestar.params import FromQuery, JSONBody

from ralph import screens
from ralph.api.problems import PROBLEMS
from ralph.store.database import Database
from ralph.store.lists import is_list, named_universe
from ralph.store.markets import Markets
from ralph.telemetry import Metrics


@post(
    "/run",
    operation_id="runScreen",
    summary="Which Symbols meet a condition",
    tags=["screens"],
    status_code=200,
    responses=PROBLEMS,
)
async def run_screen(
    data: JSONBody[screens.Request],
    markets: NamedDependency[Markets],
    kernels: NamedDependency[Executor],
    metrics: NamedDependency[Metrics],
    database: NamedDependency[Database],
    workspace: FromQuery[str | None] = None,
) -> screens.Answer:
    """Which Symbols meet the condition, as of a Session (the newest unless `as_of` says another)."""
    panel = markets.panel(workspace)
    if is_list(data.universe):  # lists are kept in the database, which a screen knows nothing of
        async with database.acquire() as connection:
            named = await named_universe(connection, panel.workspace, data.universe, panel.columns)
        data = msgspec.structs.replace(data, universe=named)
    started = time.perf_counter()
    answer = await asyncio.get_running_loop().run_in_executor(kernels, screens.run, panel, data)
    metrics.screen_seconds.observe(time.perf_counter() - started)
    return answer


router = Router("/screens", route_handlers=[run_screen])

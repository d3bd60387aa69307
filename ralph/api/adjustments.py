"""/api/v1/adjustments: splits, bonus issues and the like, proposed, confirmed and rejected."""

from __future__ import annotations

from typing import Annotated

import msgspec
from litestar import Response, Router, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter

from ralph.api.jobs import IdempotencyKey, Prefer, accepted, is_async
from ralph.api.problems import PROBLEMS
from ralph.config import Config
from ralph.errors import BadParameter
from ralph.jobs.adjustment import ShownAction, find_proposals, show_action
from ralph.jobs.chores import ADJUSTMENTS, WorkspaceArgs
from ralph.store.actions import Findings, State, StoredAction, Verdict, certain_actions, decide, list_actions
from ralph.store.database import Database
from ralph.store.ledger import Job
from ralph.store.markets import Markets

IDS_MAX = 1_000


class AdjustmentPage(msgspec.Struct, frozen=True):
    """Adjustments, the newest first; next is the cursor of the following page."""

    workspace: str
    simulated: bool
    adjustments: list[StoredAction]
    next: str | None


class AdjustmentCard(msgspec.Struct, frozen=True):
    """One adjustment, and the traded bars before and after it as stored and as adjusted."""

    workspace: str
    simulated: bool
    shown: ShownAction


class Choice(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which adjustments: ids, or (to confirm) all on which two sources agree."""

    ids: list[str] = []
    all_certain: bool = False


class Decided(msgspec.Struct, frozen=True):
    """The adjustments as they are now, with the bars before and after."""

    workspace: str
    simulated: bool
    adjustments: list[ShownAction]


@get("/", operation_id="listAdjustments", tags=["adjustments"], responses=PROBLEMS)
async def list_page(
    database: NamedDependency[Database],
    markets: NamedDependency[Markets],
    wanted: Annotated[State | None, QueryParameter(query="state", description="Only these.")] = None,
    symbol: FromQuery[str | None] = None,
    cursor: FromQuery[str | None] = None,
    limit: Annotated[int, QueryParameter(ge=1, le=500)] = 100,
    workspace: FromQuery[str | None] = None,
) -> AdjustmentPage:
    """Adjustments, the newest first."""
    panel = markets.panel(workspace)
    if symbol is not None and not symbol.isprintable():
        raise BadParameter("symbol holds characters that no symbol has", field="symbol", accepted="a code like 005930")
    code = symbol.upper() if symbol else None
    async with database.acquire() as connection:
        found = await list_actions(
            connection, panel.workspace, state=wanted, symbol=code, limit=limit + 1, before=cursor
        )
    more = found[limit - 1].id if len(found) > limit else None
    return AdjustmentPage(panel.workspace, panel.simulated, found[:limit], more)


@get("/{action_id:str}", operation_id="getAdjustment", tags=["adjustments"], responses=PROBLEMS)
async def show(
    action_id: FromPath[str],
    database: NamedDependency[Database],
    markets: NamedDependency[Markets],
    workspace: FromQuery[str | None] = None,
) -> AdjustmentCard:
    """One adjustment with its evidence and the bars before and after."""
    panel = markets.panel(workspace)
    return AdjustmentCard(panel.workspace, panel.simulated, await show_action(database, panel.workspace, action_id))


@post("/propose", operation_id="proposeAdjustments", tags=["adjustments"], status_code=200, responses=PROBLEMS)
async def propose(
    config: NamedDependency[Config],
    database: NamedDependency[Database],
    markets: NamedDependency[Markets],
    workspace: FromQuery[str | None] = None,
    prefer: Prefer = None,
    idempotency_key: IdempotencyKey = None,
) -> Findings | Response[Job]:
    """Look for unadjusted splits in raw prices, base prices and listed shares; open proposals are replaced. With
    `Prefer: respond-async` the answer is 202 and a job."""
    name = markets.panel(workspace).workspace
    if is_async(prefer):
        async with database.acquire() as connection:
            return await accepted(connection, ADJUSTMENTS, WorkspaceArgs(name), idempotency_key)
    return await find_proposals(database, name, auto=config.adjustment.auto)


@post("/confirm", operation_id="confirmAdjustments", tags=["adjustments"], status_code=200, responses=PROBLEMS)
async def confirm(
    data: JSONBody[Choice],
    database: NamedDependency[Database],
    markets: NamedDependency[Markets],
    workspace: FromQuery[str | None] = None,
) -> Decided:
    """Confirm adjustments: raw prices before their days are adjusted from now on."""
    if bool(data.ids) == data.all_certain:
        raise BadParameter("give ids, or all_certain", field="ids", accepted='"ids": [...], or "all_certain": true')
    return await _decide(data, "confirmed", database, markets, workspace)


@post("/reject", operation_id="rejectAdjustments", tags=["adjustments"], status_code=200, responses=PROBLEMS)
async def reject(
    data: JSONBody[Choice],
    database: NamedDependency[Database],
    markets: NamedDependency[Markets],
    workspace: FromQuery[str | None] = None,
) -> Decided:
    """Reject adjustments: they are not proposed again."""
    if not data.ids or data.all_certain:
        raise BadParameter("give the ids to reject", field="ids", accepted='"ids": [...]')
    return await _decide(data, "rejected", database, markets, workspace)


async def _decide(
    choice: Choice, verdict: Verdict, database: Database, markets: Markets, workspace: str | None
) -> Decided:
    panel = markets.panel(workspace)
    if len(choice.ids) > IDS_MAX:
        raise BadParameter(f"more than {IDS_MAX} ids", field="ids", accepted=f"at most {IDS_MAX} ids")
    async with database.acquire() as connection:
        chosen = choice.ids or await certain_actions(connection, panel.workspace)
        decided = await decide(connection, panel.workspace, list(dict.fromkeys(chosen)), verdict)
    shown = [await show_action(database, panel.workspace, each.id) for each in decided]
    return Decided(panel.workspace, panel.simulated, shown)


router = Router("/adjustments", route_handlers=[list_page, show, propose, confirm, reject])

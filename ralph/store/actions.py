"""Corporate actions as stored: confirmed ones adjust the Panel, proposed ones wait for a person, rejected ones stay."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any, Literal

import asyncpg
import msgspec

from ralph.errors import BadParameter, NotFound
from ralph.market.adjustment import Action, ActionKind
from ralph.market.proposals import Proposal
from ralph.market.symbol import Symbol
from ralph.store.imports import STATEMENT_S, lock_workspace, touch_workspace

State = Literal["proposed", "confirmed", "rejected"]
Verdict = Literal["confirmed", "rejected"]

LIST_MAX = 1_000

_CONFIRMED = """
  SELECT s.code, a.effective_on, a.kind, a.ratio
    FROM corporate_actions a
    JOIN symbols s ON s.id = a.symbol_id
    JOIN workspaces w ON w.id = s.workspace_id
   WHERE w.name = $1
     AND a.state = 'confirmed'
     AND ($2::text IS NULL OR s.code = $2)
"""

_LIST = """
  SELECT a.id::text, s.code AS symbol, s.name, a.effective_on AS "on", a.kind, a.ratio, a.state, a.origin, a.confidence,
         a.evidence::text AS evidence, a.created_at, a.decided_at
    FROM corporate_actions a
    JOIN symbols s ON s.id = a.symbol_id
    JOIN workspaces w ON w.id = s.workspace_id
   WHERE w.name = $1
     AND ($2::text IS NULL OR a.state = $2)
     AND ($3::text IS NULL OR s.code = $3)
     AND ($4::bigint IS NULL OR a.id < $4)
     AND ($5::bigint IS NULL OR a.id = $5)
ORDER BY a.id DESC
   LIMIT $6
"""

_DECIDE = """
   UPDATE corporate_actions a
      SET state = $3, decided_at = now()
     FROM symbols s
    WHERE s.id = a.symbol_id
      AND s.workspace_id = $1
      AND a.id = ANY($2::bigint[])
      AND a.state <> $3
RETURNING a.id
"""

_CERTAIN = """
   SELECT a.id
     FROM corporate_actions a
     JOIN symbols s ON s.id = a.symbol_id
     JOIN workspaces w ON w.id = s.workspace_id
    WHERE w.name = $1
      AND a.state = 'proposed'
      AND jsonb_array_length(a.evidence -> 'agree') >= 2
"""

# What a person or a file has spoken of is left alone, whatever kind they called it and on which day between two bars.
_PROPOSE = """
  WITH given AS (
           SELECT s.id AS symbol_id, p.*
             FROM unnest($2::text[], $3::date[], $4::text[], $5::double precision[], $6::double precision[], $7::text[],
                         $8::date[])
               AS p (code, effective_on, kind, ratio, confidence, evidence, before_on)
             JOIN symbols s ON s.workspace_id = $1 AND s.code = p.code
       ), open AS (
           SELECT *
             FROM given g
            WHERE NOT EXISTS (SELECT
                                FROM corporate_actions a
                               WHERE a.symbol_id = g.symbol_id AND a.state <> 'proposed'
                                 AND a.effective_on > g.before_on AND a.effective_on <= g.effective_on)
       ), stale AS (
           DELETE FROM corporate_actions a
                 USING symbols s
                 WHERE s.id = a.symbol_id AND s.workspace_id = $1 AND a.state = 'proposed'
                   AND NOT EXISTS (SELECT
                                     FROM open o
                                    WHERE o.symbol_id = a.symbol_id AND o.effective_on = a.effective_on
                                      AND o.kind = a.kind)
             RETURNING a.id
       ), written AS (
           INSERT INTO corporate_actions AS a (symbol_id, effective_on, kind, ratio, state, origin, confidence,
                                               evidence)
                SELECT symbol_id, effective_on, kind, ratio, 'proposed', 'proposal', confidence, evidence::jsonb
                  FROM open
           ON CONFLICT (symbol_id, effective_on, kind)
             DO UPDATE SET ratio = EXCLUDED.ratio, confidence = EXCLUDED.confidence, evidence = EXCLUDED.evidence
             RETURNING xmax = 0 AS is_new
       )
SELECT (SELECT count(*) FROM open)                   AS proposed,
       (SELECT count(*) FROM written WHERE is_new)   AS added,
       (SELECT count(*) FROM stale)                  AS withdrawn
"""


class StoredAction(msgspec.Struct, frozen=True):
    """A corporate action: from the Session `on` one old share is `ratio` shares.

    origin      file, proposal or simulator
    confidence  from 0 to 1; 1 where a file or the simulator said it
    evidence    what a proposal was made from: prices in won as traded, shares, which sources agree
    """

    id: str
    symbol: str
    name: str | None
    on: date
    kind: ActionKind
    ratio: float
    state: State
    origin: str
    confidence: float
    evidence: Mapping[str, Any]
    created_at: datetime
    decided_at: datetime | None


class Findings(msgspec.Struct, frozen=True):
    """What a search found: proposals now open, how many of them are new, older ones that no longer hold, and how many
    were confirmed at once because two sources agree."""

    workspace: str
    simulated: bool
    proposed: int
    added: int
    withdrawn: int
    confirmed: int


async def confirmed_actions(
    connection: asyncpg.Connection, workspace: str, symbol: Symbol | None = None
) -> tuple[Action, ...]:
    """The confirmed actions of a workspace, or of one Symbol, in order."""
    rows = await connection.fetch(_CONFIRMED, workspace, symbol, timeout=STATEMENT_S)
    return tuple(sorted(Action(Symbol(row[0]), *tuple(row)[1:]) for row in rows))


async def list_actions(
    connection: asyncpg.Connection,
    workspace: str,
    *,
    state: State | None = None,
    symbol: str | None = None,
    limit: int = 100,
    before: str | None = None,
) -> list[StoredAction]:
    """Actions, the newest id first, at most 1,000; `before` is the id after which a page goes on."""
    cursor = None if before is None else _number(before)
    rows = await connection.fetch(_LIST, workspace, state, symbol, cursor, None, max(1, min(limit, LIST_MAX)))
    return [_stored(row) for row in rows]


async def find_action(connection: asyncpg.Connection, workspace: str, action_id: str) -> StoredAction:
    """One action; NotFound where the workspace has none of that id."""
    rows = await connection.fetch(_LIST, workspace, None, None, None, _number(action_id), 1)
    if not rows:
        raise NotFound(
            f"there is no adjustment {action_id!r} in workspace {workspace}: ralph adjustments ls", field="id"
        )
    return _stored(rows[0])


async def certain_actions(connection: asyncpg.Connection, workspace: str) -> list[str]:
    """The ids of proposals in which two sources agree."""
    return [str(row["id"]) for row in await connection.fetch(_CERTAIN, workspace)]


async def decide(
    connection: asyncpg.Connection, workspace: str, ids: Sequence[str], verdict: Verdict
) -> list[StoredAction]:
    """Confirms or rejects actions, all or none, and returns them as they are now. The Panel follows when what is
    confirmed changed. NotFound names the first id there is no action of; BadParameter where two confirmed actions of a
    Symbol would stand on one day, and be applied twice."""
    if not ids:
        return []
    async with connection.transaction():
        place = await lock_workspace(connection, workspace)
        found = [await find_action(connection, workspace, each) for each in ids]
        if verdict == "confirmed":
            await _refuse_twins(connection, workspace, found)
        await connection.execute(_DECIDE, place.id, [int(each) for each in ids], verdict)
        if any(each.state != verdict and "confirmed" in (each.state, verdict) for each in found):
            await touch_workspace(connection, place, None)
        return [await find_action(connection, workspace, each) for each in ids]


async def _refuse_twins(connection: asyncpg.Connection, workspace: str, found: Sequence[StoredAction]) -> None:
    for action in found:
        mine = await list_actions(connection, workspace, symbol=action.symbol, limit=LIST_MAX)
        chosen = {each.id for each in found}
        for other in mine:
            is_twin = other.id != action.id and other.on == action.on
            if is_twin and (other.state == "confirmed" or other.id in chosen):
                raise BadParameter(
                    f"{action.symbol} has two adjustments on {action.on}, {action.id} and {other.id}: together they "
                    "would be applied twice; reject one of them",
                    field="ids",
                    accepted="one adjustment of a symbol and day",
                )


async def store_proposals(
    connection: asyncpg.Connection, workspace: str, proposals: Sequence[Proposal], *, auto: bool
) -> Findings:
    """Replaces the open proposals by these; days somebody has decided about are left alone.

    auto  confirm at once those in which two sources agree
    """
    columns = [
        [each.symbol for each in proposals],
        [each.on for each in proposals],
        [each.kind for each in proposals],
        [each.ratio for each in proposals],
        [each.confidence for each in proposals],
        [msgspec.json.encode(each.evidence).decode() for each in proposals],
        [each.evidence.before_on for each in proposals],
    ]
    async with connection.transaction():
        place = await lock_workspace(connection, workspace)
        row = await connection.fetchrow(_PROPOSE, place.id, *columns, timeout=STATEMENT_S)
        certain = await certain_actions(connection, workspace) if auto else []
        if certain:
            await connection.execute(_DECIDE, place.id, [int(each) for each in certain], "confirmed")
            await touch_workspace(connection, place, None)
    return Findings(
        place.name, place.simulated, row["proposed"] - len(certain), row["added"], row["withdrawn"], len(certain)
    )


def _number(action_id: str) -> int:
    if not (action_id.isascii() and action_id.isdigit() and len(action_id) < 19):
        raise NotFound(f"{action_id[:40]!r} is no id of an adjustment: ids are whole numbers", field="id")
    return int(action_id)


def _stored(row: asyncpg.Record) -> StoredAction:
    known = dict(row)
    return StoredAction(evidence=msgspec.json.decode(known.pop("evidence")), **known)

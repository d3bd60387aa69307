"""How much is usually traded until each minute of a Session, from the minute bars of the Sessions before it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime

import asyncpg
import numpy as np
from numpy.typing import NDArray

from ralph.market.calendar import Calendar
from ralph.store.wire import fetch_columns

FloatArray = NDArray[np.float64]

SESSIONS = 10  # whose mean is the usual; with fewer nothing is

# A Session is a bit of `sessions`: who did not trade in all of them has no usual volume.
_VOLUMES = """
    SELECT b.symbol_id, floor(extract(epoch FROM b.opened_at - d.opens_at) / 60)::int4 AS slot,
           sum(b.volume)::float8 AS volume, bit_or(1 << d.place::int4)::int4 AS sessions
      FROM unnest($2::timestamptz[], $3::timestamptz[]) WITH ORDINALITY AS d (opens_at, closes_at, place)
      JOIN bars_minute b ON b.opened_at >= d.opens_at AND b.opened_at < d.closes_at
      JOIN symbols s ON s.id = b.symbol_id
      JOIN workspaces w ON w.id = s.workspace_id
     WHERE w.name = $1 AND b.opened_at BETWEEN $4 AND $5 AND b.volume > 0
  GROUP BY b.symbol_id, slot
"""
_KINDS = (("symbol_id", "int4"), ("slot", "int4"), ("volume", "float8"), ("sessions", "int4"))

_CODES = "SELECT id, code FROM symbols WHERE id = ANY($1::integer[])"


def hours_before(calendar: Calendar, sessions: Sequence[date], on: date) -> list[tuple[datetime, datetime]]:
    """Opening and closing of the newest SESSIONS before a day that were as long as it; the oldest first."""
    length = calendar.closes_at(on) - calendar.opens_at(on)
    found: list[tuple[datetime, datetime]] = []
    for day in reversed([each for each in sessions if each < on]):
        if len(found) == SESSIONS:
            break
        if calendar.is_session(day) and calendar.closes_at(day) - calendar.opens_at(day) == length:
            found.append((calendar.opens_at(day), calendar.closes_at(day)))
    return found[::-1]


async def load_usual_volume(
    connection: asyncpg.Connection,
    workspace: str,
    hours: Sequence[tuple[datetime, datetime]],
    universe: Sequence[str],
) -> FloatArray | None:
    """Mean shares traded until each minute of SESSIONS Sessions [slots, symbols of the universe]; NaN for who did not
    trade in each of them. None where there are fewer Sessions, or no bars at all.

    hours  opening and closing of each Session, the newest SESSIONS of which count; equally long
    """
    newest = sorted(hours)[-SESSIONS:]
    if len(newest) < SESSIONS:
        return None
    opens, closes = [list(side) for side in zip(*newest, strict=True)]
    rows = await fetch_columns(connection, _VOLUMES, workspace, opens, closes, opens[0], closes[-1], kinds=_KINDS)
    if not rows["symbol_id"].size:
        return None
    ids, lane = np.unique(rows["symbol_id"], return_inverse=True)
    codes = dict(await connection.fetch(_CODES, ids.tolist()))
    slots = int((closes[-1] - opens[-1]).total_seconds()) // 60
    volume = np.zeros((slots, ids.size))
    volume[rows["slot"], lane] = rows["volume"]
    traded = np.zeros(ids.size, dtype=np.int64)
    np.bitwise_or.at(traded, lane, rows["sessions"].astype(np.int64))
    mean = np.cumsum(volume, axis=0) / SESSIONS
    mean[:, traded != 2 ** (SESSIONS + 1) - 2] = np.nan  # places count from 1
    place = {codes[each]: at for at, each in enumerate(ids.tolist())}
    usual = np.full((slots, len(universe)), np.nan)
    known = [at for at, code in enumerate(universe) if code in place]
    usual[:, known] = mean[:, [place[universe[at]] for at in known]]
    return usual

"""The flags of stored bars: jumps measured across a file and what is stored around it, and what is said of each."""

from __future__ import annotations

from dataclasses import dataclass

import asyncpg
import numpy as np
from numpy.typing import NDArray

from ralph.market.columns import BarColumns
from ralph.market.flags import EARLY_JUMP_RATIO, JUMP_RATIO, WIDER_SINCE
from ralph.market.symbol import is_korean
from ralph.store.imports import STATEMENT_S

# The stored bars on both sides of each Symbol's bars in the file: a jump is measured from the traded bar before, and
# the traded bar after has a new bar before it.
_AROUND = """
    SELECT given.place, before.close AS previous_close, after.session_on AS next_on
      FROM unnest($1::integer[], $2::integer[], $3::date[], $4::date[]) AS given (place, symbol_id, first_on, last_on)
 LEFT JOIN LATERAL (SELECT close
                      FROM bars_daily
                     WHERE symbol_id = given.symbol_id AND session_on < given.first_on AND volume > 0
                  ORDER BY session_on DESC
                     LIMIT 1) AS before ON true
 LEFT JOIN LATERAL (SELECT session_on
                      FROM bars_daily
                     WHERE symbol_id = given.symbol_id AND session_on > given.last_on AND volume > 0
                  ORDER BY session_on
                     LIMIT 1) AS after ON true
     WHERE before.close IS NOT NULL OR after.session_on IS NOT NULL
"""

_SPANS = """
    CREATE TEMP TABLE spans ON COMMIT DROP AS
           SELECT *
             FROM unnest($1::integer[], $2::date[], $3::date[], $4::double precision[], $5::double precision[])
               AS given (symbol_id, first_on, until, previous_close, early_ratio)
"""

# Stored bars that lie between, or right after, the bars of the file and are not in it. Seldom any. OFFSET 0 keeps the
# planner at the primary key of each Symbol: it takes spans for wide ones and would read the whole table.
_AMID = """
    CREATE TEMP TABLE amid ON COMMIT DROP AS
           SELECT b.symbol_id, b.session_on, b.close, b.flags
             FROM spans p
       CROSS JOIN LATERAL (SELECT symbol_id, session_on, close, flags
                             FROM bars_daily
                            WHERE symbol_id = p.symbol_id
                              AND session_on BETWEEN p.first_on AND p.until
                              AND session_on BETWEEN $1 AND $2
                              AND volume > 0
                           OFFSET 0) AS b
            WHERE NOT EXISTS (SELECT FROM staged s WHERE s.symbol_id = b.symbol_id AND s.session_on = b.session_on)
"""

# The jumps of Symbols whose stored and new bars alternate, measured over both as `flag_rows` does; 4 is the flag.
_JUDGED = """
    CREATE TEMP TABLE judged ON COMMIT DROP AS
    WITH merged AS (
             SELECT symbol_id, session_on, close, flags, true AS of_file
               FROM staged
              WHERE volume > 0
                AND symbol_id IN (SELECT symbol_id FROM amid)
          UNION ALL
             SELECT symbol_id, session_on, close, flags, false
               FROM amid
         ), previous AS (
             SELECT merged.*, CASE WHEN session_on < $2 THEN early_ratio ELSE $1 END AS ratio,
                    lag(close, 1, previous_close) OVER (PARTITION BY symbol_id ORDER BY session_on) AS before
               FROM merged
               JOIN spans USING (symbol_id)
         ), anew AS (
             SELECT symbol_id, session_on, of_file, flags AS old_flags,
                    ((flags & ~4) | CASE WHEN abs(close / before - 1) > ratio THEN 4 ELSE 0 END)::smallint AS flags
               FROM previous
         )
  SELECT symbol_id, session_on, of_file, flags
    FROM anew
   WHERE flags <> old_flags
"""

_REFLAG_STAGED = """
    UPDATE staged s
       SET flags = j.flags
      FROM judged j
     WHERE j.of_file AND j.symbol_id = s.symbol_id AND j.session_on = s.session_on
"""

_REFLAG_STORED = """
    UPDATE bars_daily b
       SET flags = j.flags
      FROM judged j
     WHERE NOT j.of_file AND j.symbol_id = b.symbol_id AND j.session_on = b.session_on
"""

# From here on these are treated like bars of the file, so that what is said about them is written anew.
_STAGE_REFLAGGED = """
    INSERT INTO staged
         SELECT symbol_id, session_on, open, high, low, close, volume, value, b.flags
           FROM bars_daily b
           JOIN judged j USING (symbol_id, session_on)
          WHERE NOT j.of_file
"""

_UNFLAG = """
    DELETE FROM quality_flags q
          USING staged s
          WHERE q.symbol_id = s.symbol_id AND q.session_on = s.session_on AND q.flag & s.flags = 0
"""

_FLAG = """
    INSERT INTO quality_flags (symbol_id, session_on, flag, detail, run_id)
         SELECT s.symbol_id, s.session_on, f.flag,
                CASE f.flag
                     WHEN 1 THEN 'no trade: volume 0'
                     WHEN 2 THEN format('open %s, high %s, low %s, close %s: high and low do not enclose the others',
                                        s.open, s.high, s.low, s.close)
                     ELSE format('close %s after %s on %s', s.close, p.close, p.session_on)
                END,
                $1
           FROM staged s
           JOIN (VALUES (1::smallint), (2), (4)) AS f (flag) ON s.flags & f.flag <> 0
      LEFT JOIN LATERAL (SELECT close, session_on
                           FROM bars_daily b
                          WHERE f.flag = 4 AND b.symbol_id = s.symbol_id AND b.session_on < s.session_on AND volume > 0
                       ORDER BY b.session_on DESC
                          LIMIT 1) AS p ON true
          WHERE s.flags <> 0
    ON CONFLICT (symbol_id, session_on, flag)
      DO UPDATE SET detail = EXCLUDED.detail, run_id = EXCLUDED.run_id
              WHERE quality_flags.detail <> EXCLUDED.detail
"""


@dataclass(frozen=True, eq=False)
class Spans:
    """Where each Symbol's bars of the file lie among the stored ones; arrays have one element a Symbol."""

    symbol_id: NDArray[np.int32]
    first_on: NDArray[np.datetime64]
    until: NDArray[np.datetime64]
    previous_close: NDArray[np.float64]
    early_ratio: NDArray[np.float64]


async def find_spans(connection: asyncpg.Connection, columns: BarColumns, ids: NDArray[np.int32]) -> Spans:
    """The days each Symbol's bars in the file begin and end, and its stored bars around them."""
    first = np.flatnonzero(np.concatenate(([True], columns.symbol[1:] != columns.symbol[:-1])))
    first_on = columns.day[first]
    last_on = columns.day[np.append(first[1:], len(columns)) - 1]
    places = np.arange(ids.size)
    given = [array.tolist() for array in (places, ids, first_on, last_on)]
    previous_close, until = np.full(ids.size, np.nan), last_on.copy()
    for row in await connection.fetch(_AROUND, *given, timeout=STATEMENT_S):
        if row["previous_close"] is not None:
            previous_close[row["place"]] = row["previous_close"]
        if row["next_on"] is not None:
            until[row["place"]] = row["next_on"]
    early = np.array([is_korean(listing) for listing in columns.listings], dtype=np.bool_)
    return Spans(ids, first_on, until, previous_close, np.where(early, EARLY_JUMP_RATIO, JUMP_RATIO))


async def reflag_staged(connection: asyncpg.Connection, spans: Spans) -> bool:
    """Where stored bars lie amid those of the file, measures the jumps over both; whether any flag is different."""
    previous = [None if np.isnan(close) else close for close in spans.previous_close.tolist()]
    given = [spans.symbol_id.tolist(), spans.first_on.tolist(), spans.until.tolist(), previous]
    given.append(spans.early_ratio.tolist())
    await connection.execute(_SPANS, *given, timeout=STATEMENT_S)
    days = (spans.first_on.min().astype(object), spans.until.max().astype(object))
    if await connection.execute(_AMID, *days, timeout=STATEMENT_S) == "SELECT 0":
        return False
    if await connection.execute(_JUDGED, JUMP_RATIO, WIDER_SINCE.astype(object), timeout=STATEMENT_S) == "SELECT 0":
        return False
    await connection.execute("ANALYZE judged")  # without it the planner reads every stored bar to find these few
    await connection.execute(_REFLAG_STAGED, timeout=STATEMENT_S)
    return True


async def mark_flags(connection: asyncpg.Connection, run_id: int, is_reflagged: bool) -> bool:
    """Once the staged bars are stored: says in `quality_flags` what was noticed about them and withdraws what no longer
    holds. Returns whether the flag of a stored bar that is not in the file changed."""
    is_changed = False
    if is_reflagged:
        is_changed = await connection.execute(_REFLAG_STORED, timeout=STATEMENT_S) != "UPDATE 0"
        await connection.execute(_STAGE_REFLAGGED, timeout=STATEMENT_S)
    await connection.execute(_UNFLAG, timeout=STATEMENT_S)
    await connection.execute(_FLAG, run_id, timeout=STATEMENT_S)
    return is_changed

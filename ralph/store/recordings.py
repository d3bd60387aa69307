"""Recordings of Sessions: pieces are stored whole, each once, in order; and read again batch by batch."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime

import asyncpg
import msgspec
import numpy as np
from numpy.typing import NDArray

from ralph.errors import DataNotFound
from ralph.market.recording import Chunk, Mark
from ralph.market.symbol import Listing, Symbol
from ralph.market.tick import INDEX_NAMES, Batch, IndexTicks, Notices, Ticks
from ralph.store.symbols import ensure_symbols
from ralph.store.wire import WireColumn, copy_columns, fetch_columns

IntArray = NDArray[np.int64]

_PARTITION = "SELECT ensure_tick_partition($1), ensure_minute_partition($1)"

_BEGIN = """
    INSERT INTO feed_runs (token, workspace_id, session_on, source)
         SELECT $1, id, $3, $4 FROM workspaces WHERE name = $2
    ON CONFLICT (token) DO NOTHING
"""

# The row is locked until the piece is stored, and counts it: one that was stored is known by its number.
_LOCK = "SELECT no, workspace_id, chunks FROM feed_runs WHERE token = $1 FOR UPDATE"

_COUNT = """
    UPDATE feed_runs
       SET chunks = $2, ticks = ticks + $3, recorded_at = $4, is_whole = is_whole OR $5,
           ended_at = CASE WHEN $6 THEN now() ELSE ended_at END
     WHERE no = $1
"""

_OPEN = "UPDATE feed_runs SET signals = $2 WHERE no = $1"

_OPENED = "SELECT signals FROM feed_runs WHERE no = $1"

_GAP = "INSERT INTO feed_gaps (run_no, since, until, reason, ticks_lost) VALUES ($1, $2, $3, $4, $5)"

# Runs of a process that is gone: what it had not stored yet is missing.
_ABANDONED = """
    WITH over AS (
             UPDATE feed_runs r
                SET ended_at = now()
               FROM workspaces w
              WHERE w.id = r.workspace_id AND w.name = $1 AND r.ended_at IS NULL AND r.token <> ALL($2::text[])
          RETURNING r.no, r.recorded_at
         )
    INSERT INTO feed_gaps (run_no, since, reason)
         SELECT no, recorded_at, 'the recorder ended without a word'
           FROM over
      RETURNING run_no
"""

_UNFINISHED = """
    SELECT r.token, r.chunks, r.recorded_at
      FROM feed_runs r
      JOIN workspaces w ON w.id = r.workspace_id
     WHERE w.name = $1 AND r.session_on = $2 AND r.ended_at IS NULL AND r.recorded_at IS NOT NULL
  ORDER BY r.no DESC
     LIMIT 1
"""

_STAGE = """
    CREATE TEMP TABLE staged_bars (
        symbol_id integer, opened_at timestamptz, open double precision, high double precision, low double precision,
        close double precision, volume double precision, value double precision
    ) ON COMMIT DROP
"""

_MERGE = """
    INSERT INTO bars_minute (symbol_id, opened_at, open, high, low, close, volume, value, flags, source_id, adjusted)
         SELECT b.symbol_id, b.opened_at, b.open, b.high, b.low, b.close, b.volume, b.value, 0, s.id, false
           FROM staged_bars b
           JOIN sources s ON s.name = $1
    ON CONFLICT (symbol_id, opened_at) DO UPDATE
            SET open = excluded.open, high = excluded.high, low = excluded.low, close = excluded.close,
                volume = excluded.volume, value = excluded.value, source_id = excluded.source_id,
                adjusted = excluded.adjusted
"""

_NEWEST = """
    SELECT r.no, r.token, r.source, r.is_whole
      FROM feed_runs r
      JOIN workspaces w ON w.id = r.workspace_id
     WHERE w.name = $1 AND r.session_on = $2 AND r.ticks > 0
  ORDER BY r.is_whole DESC, r.no DESC
     LIMIT 1
"""

_TICKS = """
    SELECT t.batch_at, t.symbol_id, t.at, t.number, t.price, t.size
      FROM ticks t
     WHERE t.run_no = $1 AND t.batch_at >= $2 AND t.batch_at < $3
  ORDER BY t.batch_at, t.at, t.symbol_id, t.number
"""
_TICK_KINDS = (
    ("batch_at", "timestamptz"),
    ("symbol_id", "int4"),
    ("at", "timestamptz"),
    ("number", "int8"),
    ("price", "float8"),
    ("size", "int8"),
)

_MARKS = (
    "SELECT batch_at, place, kind, what, at, value FROM feed_marks WHERE run_no = $1 ORDER BY batch_at, kind, place"
)

_IDS = "SELECT id, code FROM symbols WHERE workspace_id = $1 AND code = ANY($2::text[])"

_CODES = "SELECT s.id, s.code FROM symbols s JOIN workspaces w ON w.id = s.workspace_id WHERE w.name = $1"

_GAPS = """
    SELECT g.since, g.until, g.reason, g.ticks_lost
      FROM feed_gaps g
      JOIN feed_runs r ON r.no = g.run_no
      JOIN workspaces w ON w.id = r.workspace_id
     WHERE w.name = $1
  ORDER BY g.id DESC
     LIMIT $2
"""


class Gap(msgspec.Struct, frozen=True):
    """What a recording lacks, by the feed's clock; since None: from its beginning, until None: to its end."""

    since: datetime | None
    until: datetime | None
    reason: str
    ticks_lost: int | None


class Unfinished(msgspec.Struct, frozen=True):
    """A run that nobody ended: so many pieces of it are stored, up to UTC nanoseconds of the feed's clock."""

    token: str
    chunks: int
    recorded_at: int


class Stored(msgspec.Struct, frozen=True):
    """A recording that can be played again."""

    no: int
    token: str
    source: str
    is_whole: bool


async def find_unfinished(connection: asyncpg.Connection, workspace: str, on: date) -> Unfinished | None:
    """The newest run of a Session that nobody ended, so that its feed can be taken up where it was."""
    row = await connection.fetchrow(_UNFINISHED, workspace, on)
    return None if row is None else Unfinished(row["token"], row["chunks"], _nanoseconds(row["recorded_at"]))


async def close_abandoned(connection: asyncpg.Connection, workspace: str, going_on: Sequence[str] = ()) -> int:
    """End the runs that nobody goes on with, and note that their end is missing; how many there were."""
    return len(await connection.fetch(_ABANDONED, workspace, list(going_on)))


async def write_chunk(connection: asyncpg.Connection, chunk: Chunk) -> bool:
    """Store a piece in one transaction; False where it was stored before."""
    month = _moment(chunk.until).date().replace(day=1)
    await connection.execute(_PARTITION, month)
    async with connection.transaction():
        run = chunk.run
        await connection.execute(_BEGIN, run.token, run.workspace, run.session_on, run.source)
        row = await connection.fetchrow(_LOCK, run.token)
        if chunk.number <= row["chunks"]:
            return False
        if row["chunks"] + 1 < chunk.number:
            reason = f"{chunk.number - row['chunks'] - 1} pieces never came"
            await connection.execute(_GAP, row["no"], None, _moment(chunk.until), reason, None)
        if chunk.signals:
            await connection.execute(_OPEN, row["no"], chunk.signals.decode())
        ids = await _ids(connection, row["workspace_id"], run.universe)
        await _write_ticks(connection, row["no"], chunk, ids)
        await _write_bars(connection, chunk, ids)
        await _write_marks(connection, row["no"], chunk)
        if chunk.ticks_lost:
            why = "more was to be stored than memory and disk hold"
            await connection.execute(_GAP, row["no"], None, _moment(chunk.until), why, chunk.ticks_lost)
        counts = (chunk.number, len(chunk.ticks), _moment(chunk.until), chunk.is_whole, chunk.is_last)
        await connection.execute(_COUNT, row["no"], *counts)
    return True


async def _ids(connection: asyncpg.Connection, workspace_id: int, universe: Sequence[str]) -> NDArray[np.int32]:
    known = {row["code"]: row["id"] for row in await connection.fetch(_IDS, workspace_id, list(universe))}
    new = [Listing(symbol=Symbol(code)) for code in universe if code not in known]
    if new:
        added, _, _ = await ensure_symbols(connection, workspace_id, new)
        known |= dict(zip((listing.symbol for listing in new), added.tolist(), strict=True))
    return np.array([known[code] for code in universe], dtype=np.int32)


async def _write_ticks(connection: asyncpg.Connection, no: int, chunk: Chunk, ids: NDArray[np.int32]) -> None:
    ticks = chunk.ticks
    if not len(ticks):
        return
    columns = [
        WireColumn("run_no", "int4", np.full(len(ticks), no, dtype=np.int32)),
        WireColumn("batch_at", "timestamptz", _instants(chunk.batch_at)),
        WireColumn("symbol_id", "int4", ids[ticks.symbol]),
        WireColumn("at", "timestamptz", _instants(ticks.at)),
        WireColumn("number", "int8", ticks.number),
        WireColumn("price", "float8", ticks.price),
        WireColumn("size", "int8", ticks.size),
    ]
    await copy_columns(connection, "ticks", columns)


async def _write_bars(connection: asyncpg.Connection, chunk: Chunk, ids: NDArray[np.int32]) -> None:
    bars = chunk.bars
    if not bars.symbol.size:
        return
    await connection.execute(_STAGE)
    prices = ("open", "high", "low", "close")
    columns = [
        WireColumn("symbol_id", "int4", ids[bars.symbol]),
        WireColumn("opened_at", "timestamptz", _instants(bars.opened_at)),
        *(WireColumn(name, "float8", getattr(bars, name)) for name in prices),
        WireColumn("volume", "float8", bars.volume.astype(np.float64)),
        WireColumn("value", "float8", bars.value),
    ]
    await copy_columns(connection, "staged_bars", columns)
    source = "simulator" if chunk.run.source == "simulator" else "file"
    await connection.execute(_MERGE, source)


async def _write_marks(connection: asyncpg.Connection, no: int, chunk: Chunk) -> None:
    marks = [(no, _moment(m.batch_at), m.place, m.kind, m.what, _moment(m.at), m.value) for m in chunk.marks]
    await connection.copy_records_to_table("feed_marks", records=marks)
    steps = [(no, s.place, s.signal_id, s.session_on, s.state, s.price, s.reason, _moment(s.at)) for s in chunk.steps]
    await connection.copy_records_to_table("live_transitions", records=steps)


async def find_recording(connection: asyncpg.Connection, workspace: str, on: date) -> Stored | None:
    """The recording of a Session, a whole one before others and the newest of them; None where there is none."""
    row = await connection.fetchrow(_NEWEST, workspace, on)
    return None if row is None else Stored(**row)


async def load_open_signals(connection: asyncpg.Connection, stored: Stored) -> str:
    """JSON of the Signals that were open when a recording began; of one that does not say so, of none."""
    found: str | None = await connection.fetchval(_OPENED, stored.no)
    return found or "[]"


async def gaps(connection: asyncpg.Connection, workspace: str, limit: int = 20) -> list[Gap]:
    """The newest gaps of all recordings."""
    return [Gap(**row) for row in await connection.fetch(_GAPS, workspace, limit)]


async def load_batches(
    connection: asyncpg.Connection, workspace: str, stored: Stored, span: tuple[int, int], universe: Sequence[str]
) -> list[Batch]:
    """The batches of a recording between two instants (UTC nanoseconds), as they came.

    universe: the codes that ticks point into; DataNotFound where the recording has others.
    """
    bounds = [_moment(at) for at in span]
    rows = await fetch_columns(connection, _TICKS, stored.no, *bounds, kinds=_TICK_KINDS)
    marks = [
        Mark(
            _nanoseconds(row["batch_at"]), row["place"], row["kind"], row["what"], _nanoseconds(row["at"]), row["value"]
        )
        for row in await connection.fetch(_MARKS, stored.no)
    ]
    place = {code: at for at, code in enumerate(universe)}
    codes = {row["id"]: row["code"] for row in await connection.fetch(_CODES, workspace)}
    unknown = sorted({codes[each] for each in np.unique(rows["symbol_id"]).tolist()} - set(place))
    if unknown:
        raise DataNotFound(f"the recording has Symbols that the Session does not know: {', '.join(unknown[:5])}")
    where = np.array([place.get(codes.get(each, ""), -1) for each in range(max(codes, default=0) + 1)], dtype=np.int32)
    instants = {name: rows[name].astype("datetime64[ns]").astype(np.int64) for name in ("batch_at", "at")}
    ticks = Ticks(where[rows["symbol_id"]], rows["price"], rows["size"], instants["at"], rows["number"])
    return _batches(ticks, instants["batch_at"], marks, place)


def _mark(row: asyncpg.Record) -> Mark:
    batch_at, at = _nanoseconds(row["batch_at"]), _nanoseconds(row["at"])
    return Mark(batch_at, row["place"], row["kind"], row["what"], at, row["value"])


def _batches(ticks: Ticks, batch_at: IntArray, marks: Sequence[Mark], place: dict[str, int]) -> list[Batch]:
    by_batch: dict[int, list[Mark]] = {}
    for mark in marks:
        by_batch.setdefault(mark.batch_at, []).append(mark)
    clocks = np.union1d(batch_at, np.array(list(by_batch), dtype=np.int64))
    begins, ends = np.searchsorted(batch_at, clocks), np.searchsorted(batch_at, clocks, side="right")
    found = []
    for now, begin, end in zip(clocks.tolist(), begins.tolist(), ends.tolist(), strict=True):
        own = by_batch.get(now, [])
        indices = [mark for mark in own if mark.kind == "index"]
        notices = [mark for mark in own if mark.kind == "notice" and mark.what in place]
        found.append(
            Batch(
                now,
                ticks.take(slice(begin, end)),
                IndexTicks(
                    np.array([INDEX_NAMES.index(mark.what) for mark in indices], dtype=np.int32),
                    np.array([mark.value for mark in indices]),
                    np.array([mark.at for mark in indices], dtype=np.int64),
                ),
                Notices(
                    np.array([place[mark.what] for mark in notices], dtype=np.int32),
                    np.array([mark.value for mark in notices]).astype(np.int64),
                    np.array([mark.at for mark in notices], dtype=np.int64),
                ),
            )
        )
    return found


def _moment(at: int) -> datetime:
    return datetime.fromtimestamp(at // 1_000_000_000, UTC).replace(microsecond=at // 1_000 % 1_000_000)


def _nanoseconds(at: datetime) -> int:
    return int(at.timestamp()) * 1_000_000_000 + at.microsecond * 1_000


def _instants(at: IntArray) -> NDArray[np.datetime64]:
    return at.view("datetime64[ns]").astype("datetime64[us]")

"""Rows of bars as COPY BINARY brings them: received in large pieces, parsed in threads, kept as columns.

A row is a key, a line segment and a point: `lseg(point(open, high), point(low, close))` and `point(volume, value)`.
Postgres spends most of its time on a call for each value it sends, and these are six numbers in two values.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from typing import Any

import numpy as np
from asyncpg import Connection
from numpy.typing import NDArray

from ralph.market.columns import BarColumns
from ralph.market.minutes import MinuteColumns
from ralph.market.symbol import Listing

IdArray = NDArray[np.int64]

ROOM_WORKSPACE = 1 << 23  # rows; ten years of 3,000 Symbols
ROOM_SYMBOL = 1 << 14

_CHUNK_BYTES = 1 << 20  # parsed in a thread at a time; one more may be filling, so 2 MB of raw rows are held
_LARGE_PIECE_BYTES = 1 << 16
_PAUSE_S = (
    0.001  # uvloop's shortest; Postgres fills the socket meanwhile, and each look at it costs us as much as 20 KB
)

_COPY_TIMEOUT_S = 600.0

# The number of columns, then each value behind its length. No column can be NULL, so that all rows have one size.
# Symbol, day and flags (8 bits, as in the Panel, the highest for raw prices) travel as one number.
_PRICES = ("open", "high", "low", "close", "volume", "value")
_ROW = np.dtype(
    [
        ("count", ">i2"),
        *(("key_bytes", ">i4"), ("key", ">i8")),
        *(("segment_bytes", ">i4"), *((name, ">f8") for name in _PRICES[:4])),
        *(("point_bytes", ">i4"), *((name, ">f8") for name in _PRICES[4:])),
    ]
)
_BYTES = {"key_bytes": 8, "segment_bytes": 32, "point_bytes": 16}
_KEPT_AS = {"symbol_id": "i4", "day": "i4", **dict.fromkeys(_PRICES, "f8"), "flags": "u1"}
_SIGNATURE = b"PGCOPY\n\xff\r\n\0"
_HEADER_BYTES = len(_SIGNATURE) + 8
_TRAILER = b"\xff\xff"
_STRANGER = -1
_EPOCH = np.datetime64("0001-01-01", "D")  # where the queries count their days from


async def copy_rows(
    connection: Connection, rows: BarRows, query: str, *values: object, patiently: bool = False
) -> None:
    """Takes all rows of a query. A chunk is parsed in a thread while the next one arrives; at most one of each exists.

    patiently  there is much to come: wait for it to pile up, at a millisecond a time
    """
    stream = _Stream(rows)
    pieces: list[bytes] = []
    held = 0
    parsing: asyncio.Task[None] | None = None

    async def receive(piece: bytes) -> None:
        nonlocal pieces, held, parsing
        pieces.append(piece)
        held += len(piece)
        if held >= _CHUNK_BYTES:
            if parsing:
                await parsing
            parsing = asyncio.create_task(asyncio.to_thread(stream.parse, pieces))
            pieces, held = [], 0
        if patiently and len(piece) < _LARGE_PIECE_BYTES:
            await asyncio.sleep(_PAUSE_S)

    try:
        await connection.copy_from_query(query, *values, output=receive, format="binary", timeout=_COPY_TIMEOUT_S)
    except asyncio.CancelledError:
        # asyncpg cannot leave a COPY in the midst: whatever it is asked next fails, and the rest that arrives with it.
        connection.terminate()
        raise
    finally:
        if parsing:
            await parsing
    await asyncio.to_thread(stream.parse, pieces, last=True)


class BarRows:
    """Rows in the order they come, as columns. Several threads may add some at once."""

    def __init__(self, room: int) -> None:
        """`room` for rows to begin with: memory not written to is not taken."""
        self._room = room
        self._parts = [_Part(room)]
        self._lock = threading.Lock()

    def add(self, rows: NDArray[np.void]) -> None:
        """Takes parsed rows."""
        key = rows["key"].astype(np.int64)
        values = {"symbol_id": key >> 32, "day": key >> 8 & 0xFFFFFF, "flags": key & 0xFF}
        part, begin = self._reserve(rows.size)
        for name, column in part.columns.items():
            column[begin : begin + rows.size] = rows[name] if name in _PRICES else values[name]

    def _reserve(self, count: int) -> tuple[_Part, int]:
        with self._lock:
            part = self._parts[-1]
            if part.count + count > part.room:
                part = _Part(max(count, self._room))
                self._parts.append(part)
            begin = part.count
            part.count += count
            return part, begin

    def _taken(self) -> dict[str, NDArray[Any]]:
        parts = [{name: column[: part.count] for name, column in part.columns.items()} for part in self._parts]
        if len(parts) == 1:
            return parts[0]
        return {name: np.concatenate([part[name] for part in parts]) for name in _KEPT_AS}

    def columns(self, ids: IdArray, listings: Sequence[Listing]) -> BarColumns:
        """The bars of these Symbols as they came; `ids` are those of the listings, in their order."""
        taken = self._taken()
        symbol = taken.pop("symbol_id")
        column_of = np.full(max(ids.max(initial=0), symbol.max(initial=0)) + 1, _STRANGER, dtype=np.int32)
        column_of[ids] = np.arange(ids.size)
        column = column_of[symbol]
        known = column != _STRANGER
        if not known.all():
            column = column[known]
            taken = {name: values[known] for name, values in taken.items()}
        return BarColumns(
            tuple(listings),
            column,
            _EPOCH + taken.pop("day").astype("timedelta64[D]"),
            *(taken.pop(name) for name in (*_PRICES, "flags")),
        )

    def minutes(self, listing: Listing) -> MinuteColumns:
        """The minute bars of one Symbol as they came."""
        taken = self._taken()
        minute = (taken["symbol_id"].astype(np.int64) << 24) | taken["day"]
        opened_at = minute.astype("datetime64[m]").astype("datetime64[s]")
        symbol = np.zeros(minute.size, dtype=np.int32)
        return MinuteColumns((listing,), symbol, opened_at, *(taken[name] for name in (*_PRICES, "flags")))


class _Part:
    """Room for some rows, and how many are taken."""

    def __init__(self, room: int) -> None:
        self.room, self.count = room, 0
        self.columns: dict[str, NDArray[Any]] = {name: np.empty(room, dtype=kind) for name, kind in _KEPT_AS.items()}


class _Stream:
    """What one COPY sends, from its signature to its trailer."""

    def __init__(self, rows: BarRows) -> None:
        self._rows = rows
        self._cut = b""
        self._begun = False

    def parse(self, pieces: Sequence[bytes], last: bool = False) -> None:
        """Takes what came since, down to the last whole row."""
        buffer = b"".join((self._cut, *pieces))
        begin = 0
        if not self._begun:
            assert buffer.startswith(_SIGNATURE), "COPY BINARY begins with its signature"
            begin, self._begun = _HEADER_BYTES, True
        end = len(buffer) - len(_TRAILER) if last else len(buffer)
        count = (end - begin) // _ROW.itemsize
        rows = np.frombuffer(buffer, dtype=_ROW, count=count, offset=begin)
        self._cut = buffer[begin + count * _ROW.itemsize :]
        assert not last or self._cut == _TRAILER, "COPY BINARY ends with its trailer"
        assert all((rows[name] == size).all() for name, size in _BYTES.items()), "a column is NULL or of another type"
        self._rows.add(rows)

"""What stands beside the bars of a workspace, read from Postgres once for each version of it, then memory-mapped.

folder/beside/    one .npy a column, the mark of `settling`, and manifest.json, written last; the Panel cache's lock is
                  held meanwhile
"""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from asyncpg import Connection
from numpy.typing import NDArray

from ralph.errors import Misconfigured
from ralph.market.beside import FLOW_FIELDS, Beside, Line
from ralph.market.symbol import Symbol
from ralph.store.settling import is_believable, mark_written, settle
from ralph.store.wire import fetch_columns

FOLDER = "beside"
_FORMAT = 3
_MANIFEST = "manifest.json"
_NONE = "0"
_INDEX, _MARKET = "index", "market"
_SYMBOLS_AT_ONCE = 256  # of ten years each: 50 MB of raw rows
_TIMEOUT_S = 600.0

_KEYS = """
    SELECT s.id, s.code
      FROM symbols s
      JOIN workspaces w ON w.id = s.workspace_id
     WHERE w.name = $1
       AND EXISTS (SELECT FROM flows_daily f WHERE f.symbol_id = s.id)
  ORDER BY s.id
"""

_FLOWS = """
    SELECT symbol_id, session_on, foreign_value, institution_value, individual_value, foreign_shares,
           institution_shares
      FROM flows_daily
     WHERE symbol_id = ANY($1::integer[])
"""

# One row an index: arrays are parsed many times as fast as rows. Days are counted from the epoch of datetime64.
_INDICES = """
    SELECT i.code,
           array_agg(b.session_on - DATE '1970-01-01' ORDER BY b.session_on) AS days,
           array_agg(b.close ORDER BY b.session_on)                          AS numbers
      FROM index_bars b
      JOIN indices i ON i.id = b.index_id
      JOIN workspaces w ON w.id = i.workspace_id
     WHERE w.name = $1
  GROUP BY i.code
"""


_MARKETS = """
    SELECT k.code,
           array_agg(r.session_on - DATE '1970-01-01' ORDER BY r.session_on) AS days,
           array_agg(r.foreign_value ORDER BY r.session_on)                  AS numbers
      FROM market_flows_daily r
      JOIN markets k ON k.id = r.market_id
      JOIN workspaces w ON w.id = k.workspace_id
     WHERE w.name = $1
  GROUP BY k.code
"""


class BesideVersion(msgspec.Struct, frozen=True):
    """Which flows and index bars: the database they are of, and how often they changed there."""

    origin: str
    version: str


class _Manifest(msgspec.Struct, frozen=True):
    format: int
    about: BesideVersion
    codes: tuple[Symbol, ...]
    indices: tuple[str, ...]
    markets: tuple[str, ...]
    sizes: dict[str, int]


def open_beside(home: Path, about: BesideVersion) -> Beside | None:
    """What is cached of this version, or None where it is absent, torn or another one's."""
    if about.version == _NONE:
        return Beside()
    folder = home / FOLDER
    try:
        manifest = msgspec.json.decode((folder / _MANIFEST).read_bytes(), type=_Manifest)
        if manifest.format != _FORMAT or manifest.about != about or not is_believable(folder):
            return None
        if any((folder / f"{name}.npy").stat().st_size != size for name, size in manifest.sizes.items()):
            return None
        arrays = {name: np.asarray(np.load(folder / f"{name}.npy", mmap_mode="r")) for name in manifest.sizes}
    except (OSError, ValueError):
        return None
    return _of_arrays(manifest, arrays)


async def load_beside(connection: Connection, workspace: str, home: Path, about: BesideVersion) -> Beside:
    """What stands beside the bars of a workspace, cached for the next time. The caller holds the cache's lock, and a
    snapshot in which they have this version."""
    cached = await asyncio.to_thread(open_beside, home, about)
    if cached is not None:
        return cached
    keys = await connection.fetch(_KEYS, workspace, timeout=_TIMEOUT_S)
    ids = np.array([row["id"] for row in keys], dtype=np.int64)
    kinds = [("symbol", "int4"), ("day", "date"), *((name, "float8") for name in FLOW_FIELDS)]
    parts = []
    for begin in range(0, ids.size, _SYMBOLS_AT_ONCE):
        part = ids[begin : begin + _SYMBOLS_AT_ONCE].tolist()
        parts.append(await fetch_columns(connection, _FLOWS, part, kinds=kinds))
    lines = {
        kind: _lines(await connection.fetch(query, workspace, timeout=_TIMEOUT_S))
        for kind, query in ((_INDEX, _INDICES), (_MARKET, _MARKETS))
    }
    return await asyncio.to_thread(_join_and_write, home, about, keys, parts, lines)


def _lines(rows: Sequence[Mapping[str, Any]]) -> dict[str, Line]:
    return {
        row["code"]: (
            np.array(row["days"], dtype=np.int64).astype("datetime64[D]"),
            np.array(row["numbers"], dtype=np.float64),
        )
        for row in rows
    }


def _join_and_write(
    home: Path,
    about: BesideVersion,
    keys: list[Mapping[str, Any]],
    parts: list[dict[str, NDArray[Any]]],
    lines: Mapping[str, Mapping[str, Line]],
) -> Beside:
    arrays: dict[str, NDArray[Any]] = {}
    if parts:
        ids = np.array([row["id"] for row in keys], dtype=np.int64)
        arrays = {name: np.concatenate([part[name] for part in parts]) for name in ("symbol", "day", *FLOW_FIELDS)}
        arrays["symbol"] = np.searchsorted(ids, arrays["symbol"]).astype(np.int32)
    for kind, of_kind in lines.items():
        for number, (day, numbers) in enumerate(of_kind.values()):
            arrays[f"{kind}{number}_day"], arrays[f"{kind}{number}"] = day, numbers
    codes = tuple(Symbol(row["code"]) for row in keys)
    try:
        draft = Path(tempfile.mkdtemp(prefix=".new-", dir=home))
        sizes = {name: _write(draft / f"{name}.npy", array) for name, array in arrays.items()}
        mark_written(draft)
        manifest = _Manifest(_FORMAT, about, codes, tuple(lines[_INDEX]), tuple(lines[_MARKET]), sizes)
        (draft / _MANIFEST).write_bytes(msgspec.json.encode(manifest))
        shutil.rmtree(home / FOLDER, ignore_errors=True)  # whoever has it mapped keeps it
        draft.rename(home / FOLDER)
        settle(home / FOLDER)
    except OSError as error:
        raise Misconfigured(
            f"the cache {home / FOLDER} cannot be written ({error.strerror}); make room or give it to this user",
            field="home",
        ) from error
    found = open_beside(home, about)
    assert found is not None, "what was written can be read"
    return found


def _write(path: Path, array: NDArray[Any]) -> int:
    """The size of the file."""
    with path.open("wb") as file:
        np.save(file, array)
        return file.tell()


def _of_arrays(manifest: _Manifest, arrays: Mapping[str, NDArray[Any]]) -> Beside:
    def lines(kind: str, names: Sequence[str]) -> dict[str, Line]:
        return {name: (arrays[f"{kind}{at}_day"], arrays[f"{kind}{at}"]) for at, name in enumerate(names)}

    indices, markets = lines(_INDEX, manifest.indices), lines(_MARKET, manifest.markets)
    if not manifest.codes:
        return Beside(indices=indices, markets=markets)
    flows = {name: arrays[name] for name in FLOW_FIELDS}
    return Beside(manifest.codes, arrays["symbol"], arrays["day"], flows, indices, markets)

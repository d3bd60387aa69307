"""Lists of Symbols that a person keeps: watchlists and named lists, with notes and tags."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal, TypeGuard

import asyncpg
import msgspec

from ralph.errors import BadParameter, NotFound, TooLarge
from ralph.market.names import plain
from ralph.market.symbol import Symbol, parse_symbol
from ralph.store.labels import NAME_MAX, checked

LISTS_MAX = 1_000  # of a workspace
SYMBOLS_MAX = 10_000  # of a list; as many as a universe can name
_LIST = "list:"

Kind = Literal["list", "watchlist"]


class SymbolList(msgspec.Struct, frozen=True):
    """A list apart from its Symbols; size counts them."""

    id: str
    name: str
    kind: Kind
    note: str
    tags: tuple[str, ...]
    size: int
    created_at: datetime
    updated_at: datetime


class Member(msgspec.Struct, frozen=True):
    """A Symbol on a list."""

    symbol: Symbol
    name: str | None
    note: str
    tags: tuple[str, ...]
    added_at: datetime


class Unknown(msgspec.Struct, frozen=True):
    """A text that names no Symbol, or several; line counts from 1."""

    line: int
    text: str
    reason: str


class Addition(msgspec.Struct, frozen=True):
    """What became of the texts given: those that were no Symbol are listed, the others are on the list."""

    added: int
    unchanged: int
    unknown: tuple[Unknown, ...]


_LISTS = """
    SELECT l.id::text AS id, l.name, l.kind, l.note, l.tags, l.created_at, l.updated_at,
           (SELECT count(*) FROM symbol_list_members m WHERE m.list_id = l.id) AS size
      FROM symbol_lists l
      JOIN workspaces w ON w.id = l.workspace_id
     WHERE w.name = $1
       AND ($2::text IS NULL OR l.id::text = $2 OR lower(l.name) = lower($2))
  ORDER BY lower(l.name)
"""

_MAKE = """
    INSERT INTO symbol_lists (workspace_id, name, kind, note, tags)
         SELECT id, $2, $3, $4, $5
           FROM workspaces
          WHERE name = $1
"""

_COUNT = "SELECT count(*) FROM symbol_lists l JOIN workspaces w ON w.id = l.workspace_id WHERE w.name = $1"

_CHANGE = """
    UPDATE symbol_lists
       SET name = COALESCE($2::text, name), kind = COALESCE($3::text, kind), note = COALESCE($4::text, note),
           tags = COALESCE($5::text[], tags), updated_at = now()
     WHERE id = $1
"""

_REMOVE = "DELETE FROM symbol_lists WHERE id = $1"

_MEMBERS = """
    SELECT s.code AS symbol, s.name, m.note, m.tags, m.added_at
      FROM symbol_list_members m
      JOIN symbols s ON s.id = m.symbol_id
     WHERE m.list_id = $1
  ORDER BY m.place
"""

_ADD = """
    INSERT INTO symbol_list_members (list_id, symbol_id, note, tags)
         SELECT $1, symbol_id, COALESCE($3::text, ''), COALESCE($4::text[], '{}')
           FROM unnest($2::integer[]) AS symbol_id
    ON CONFLICT (list_id, symbol_id) DO NOTHING
"""

_TOUCH = "UPDATE symbol_lists SET updated_at = now() WHERE id = $1"

_NOTE = """
    UPDATE symbol_list_members m
       SET note = COALESCE($3::text, note), tags = COALESCE($4::text[], tags)
      FROM symbols s
     WHERE m.list_id = $1 AND s.id = m.symbol_id AND s.code = $2
"""

_TAKE_OFF = """
    DELETE FROM symbol_list_members m
          USING symbols s
          WHERE m.list_id = $1 AND s.id = m.symbol_id AND s.code = ANY($2::text[])
"""

_NAMED = """
    SELECT n.plain, s.id, s.code, n.is_old, s.delisted_on IS NOT NULL AS is_gone
      FROM symbol_names n
      JOIN symbols s ON s.id = n.symbol_id
      JOIN workspaces w ON w.id = s.workspace_id
     WHERE w.name = $1
       AND n.plain = ANY($2::text[])
  ORDER BY s.code COLLATE "C"
"""

_CODED = """
    SELECT s.code, s.id
      FROM symbols s
      JOIN workspaces w ON w.id = s.workspace_id
     WHERE w.name = $1
       AND s.code = ANY($2::text[])
"""


async def all_lists(connection: asyncpg.Connection, workspace: str) -> list[SymbolList]:
    """The lists of a workspace by name."""
    return [_list(row) for row in await connection.fetch(_LISTS, workspace, None)]


async def find_list(connection: asyncpg.Connection, workspace: str, name: str) -> SymbolList:
    """A list by its name or id; NotFound names those there are."""
    rows = await connection.fetch(_LISTS, workspace, name.strip().replace("\0", ""))
    if rows:
        return _list(rows[0])
    known = ", ".join([each.name for each in await all_lists(connection, workspace)][:20])
    raise NotFound(
        f"there is no list {name[:NAME_MAX]!r} in workspace {workspace}; there are: {known or 'none yet'}",
        field="list",
        accepted=known or None,
    )


async def make_list(
    connection: asyncpg.Connection, workspace: str, name: str, *, kind: Kind = "list", **about: Any
) -> SymbolList:
    """A new, empty list; `note` and `tags` as of `change_list`. BadParameter where the name is taken or no name."""
    if await connection.fetchval(_COUNT, workspace) >= LISTS_MAX:
        raise TooLarge(f"a workspace holds at most {LISTS_MAX} lists: remove one first", field="name")
    given = checked({"name": name, "note": about.get("note") or "", "tags": about.get("tags") or ()}, "list")
    try:
        await connection.execute(_MAKE, workspace, given["name"], kind, given["note"], given["tags"])
    except asyncpg.UniqueViolationError:
        raise _taken(given["name"]) from None
    return await find_list(connection, workspace, given["name"])


async def change_list(
    connection: asyncpg.Connection, workspace: str, found: SymbolList, change: Mapping[str, Any]
) -> SymbolList:
    """The list with another name, kind, note or tags; what is absent or None stays."""
    given = checked(change, "list")
    values = [given.get(name) for name in ("name", "kind", "note", "tags")]
    try:
        await connection.execute(_CHANGE, int(found.id), *values)
    except asyncpg.UniqueViolationError:
        raise _taken(given["name"]) from None
    return await find_list(connection, workspace, found.id)


async def remove_list(connection: asyncpg.Connection, found: SymbolList) -> None:
    """The list is gone; its Symbols stay."""
    await connection.execute(_REMOVE, int(found.id))


async def members_of(connection: asyncpg.Connection, found: SymbolList) -> list[Member]:
    """The Symbols of a list in the order they were added."""
    return [
        Member(row["symbol"], row["name"], row["note"], tuple(row["tags"]), row["added_at"])
        for row in await connection.fetch(_MEMBERS, int(found.id))
    ]


async def add_symbols(
    connection: asyncpg.Connection,
    workspace: str,
    found: SymbolList,
    texts: Sequence[tuple[int, str]],
    about: Mapping[str, Any] | None = None,
) -> Addition:
    """Puts Symbols named by (line, code or name) on a list, with the note and tags of `about`; TooLarge over the
    limit. A Symbol that is on it already stays as it is."""
    given = checked(about or {}, "list")
    ids, unknown = await _resolve(connection, workspace, texts)
    if found.size + len(ids) > SYMBOLS_MAX:
        raise TooLarge(f"a list holds at most {SYMBOLS_MAX:,} symbols", field="symbols")
    distinct = list(dict.fromkeys(ids))
    async with connection.transaction():
        status = await connection.execute(_ADD, int(found.id), distinct, given.get("note"), given.get("tags"))
        await connection.execute(_TOUCH, int(found.id))
    added = int(status.rsplit(" ", 1)[1])
    return Addition(added, len(ids) - added, tuple(unknown))


async def note_symbol(connection: asyncpg.Connection, found: SymbolList, code: str, change: Mapping[str, Any]) -> None:
    """Another note or other tags of a Symbol on a list; NotFound where it is not on it."""
    given = checked(change, "list")
    values = (given.get("note"), given.get("tags"))
    if await connection.execute(_NOTE, int(found.id), _code(code), *values) == "UPDATE 0":
        raise _absent(found, code)


async def take_off(connection: asyncpg.Connection, found: SymbolList, codes: Sequence[str]) -> None:
    """Takes Symbols off a list; NotFound names the first that is not on it, and then nothing is taken off."""
    on_it = {member.symbol for member in await members_of(connection, found)}
    for code in codes:
        if _code(code) not in on_it:
            raise _absent(found, code)
    async with connection.transaction():
        await connection.execute(_TAKE_OFF, int(found.id), [_code(code) for code in codes])
        await connection.execute(_TOUCH, int(found.id))


def is_list(universe: list[str] | str | None) -> TypeGuard[str]:
    """Whether a universe is `list:NAME`."""
    return isinstance(universe, str) and universe.strip().lower().startswith(_LIST)


async def named_universe(
    connection: asyncpg.Connection, workspace: str, universe: str, known: Mapping[Symbol, int]
) -> list[str]:
    """The Symbols of the universe `list:NAME` among those known."""
    found = await find_list(connection, workspace, universe.strip()[len(_LIST) :])
    return [member.symbol for member in await members_of(connection, found) if member.symbol in known]


async def _resolve(
    connection: asyncpg.Connection, workspace: str, texts: Sequence[tuple[int, str]]
) -> tuple[list[int], list[Unknown]]:
    """The id of each text that is a code, begins with one, or is a name; and the others, with why."""
    forms = [(line, text, _forms(text)) for line, text in texts]
    words = {word for _, _, each in forms for word in each}
    codes = [symbol for word in words if (symbol := parse_symbol(word)) is not None]
    coded = dict(await connection.fetch(_CODED, workspace, codes))
    named: dict[str, list[asyncpg.Record]] = {}
    for row in await connection.fetch(_NAMED, workspace, [plain(word) for word in words]):
        named.setdefault(row["plain"], []).append(row)
    ids, unknown = [], []
    for line, text, each in forms:
        reason = "no symbol has this code or name"
        for word in each:
            code = parse_symbol(word)
            found = [coded[code]] if code in coded else _best(named.get(plain(word), []))
            if len(found) == 1:
                ids.append(found[0])
                break
            if found:
                reason = f"{len(found)} symbols have this name: give a code"
        else:
            unknown.append(Unknown(line, text[:NAME_MAX], reason))
    return ids, unknown


def _forms(text: str) -> list[str]:
    """The whole text, and what stands before the first comma, tab or space: `005930 삼성전자`."""
    clean = text.replace("\0", "").strip().strip("\"'")
    first = clean.replace(",", " ").split()[:1]
    return list(dict.fromkeys([clean, *(part.strip("\"'") for part in first)]))


def _best(rows: Sequence[asyncpg.Record]) -> list[int]:
    """Those who have a name now before those who had it, and those listed before those delisted."""
    for is_old, is_gone in ((False, False), (False, True), (True, False), (True, True)):
        found = [row["id"] for row in rows if (row["is_old"], row["is_gone"]) == (is_old, is_gone)]
        if found:
            return found
    return []


def _list(row: asyncpg.Record) -> SymbolList:
    return SymbolList(**{**row, "tags": tuple(row["tags"])})


def _code(text: str) -> Symbol:
    return parse_symbol(text) or Symbol("")


def _taken(name: str) -> BadParameter:
    return BadParameter(f"there is a list {name!r} already; choose another name", field="name", accepted="a free name")


def _absent(found: SymbolList, code: str) -> NotFound:
    return NotFound(f"{code[:40]!r} is not on the list {found.name!r}", field="symbol", accepted="a symbol on the list")

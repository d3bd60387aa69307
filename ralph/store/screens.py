"""Saved screens: what a person asks again and again, with all the versions it ever had, and links to it."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, Literal

import asyncpg
import msgspec

from ralph.errors import BadParameter, NotFound, TooLarge
from ralph.store.labels import NAME_MAX, checked

SCREENS_MAX = 1_000  # of a workspace, the removed ones apart
VERSIONS_MAX = 10_000  # of a screen
SHARES_MAX = 1_000  # links to a screen
TOKEN_BYTES = 16  # 128 bits: nobody guesses a link

Universe = list[str] | str | None


class SavedScreen(msgspec.Struct, frozen=True, kw_only=True):
    """A screen in its newest version.

    expression  as it was written
    universe    as in a request: a market, `top:200`, `sector:NAME`, `list:NAME`, `screen:NAME`, Symbols; None: all
    sort, order  how matches are ordered, as in a request; None: the best score first
    schedule    when it runs by itself, like `30 minutes after the close`
    watch       whether it is watched while the market is open
    is_system   whether its matches become signals
    version     grows with every change of the expression or the universe
    """

    id: str
    name: str
    expression: str
    universe: Universe
    version: int
    note: str
    tags: tuple[str, ...]
    columns: tuple[str, ...]
    sort: str | None
    order: Literal["asc", "desc"] | None
    schedule: str | None
    watch: bool
    is_system: bool
    created_at: datetime
    updated_at: datetime


class ScreenVersion(msgspec.Struct, frozen=True):
    """What a screen asked, and of whom."""

    version: int
    expression: str
    universe: Universe
    created_at: datetime


class Share(msgspec.Struct, frozen=True):
    """A link to a version of a screen as of a Session; None: the newest of each day."""

    token: str
    workspace: str
    screen_id: str
    name: str
    version: int
    expression: str
    universe: Universe
    as_of: date | None
    created_at: datetime


_COLUMNS = """
    SELECT s.id::text AS id, s.name, s.note, s.tags, s.columns, s.sort, s.sort_order AS "order", s.schedule, s.watch,
           s.is_system, s.version, s.created_at, s.updated_at, v.expression, v.universe, lower(s.name) AS place
      FROM screens s
      JOIN workspaces w ON w.id = s.workspace_id
      JOIN screen_versions v ON v.screen_id = s.id AND v.version = s.version
"""

_PAGE = f"""{_COLUMNS}
     WHERE w.name = $1 AND s.removed_at IS NULL
       AND ($2::text IS NULL OR lower(s.name) > $2)
       AND ($3::text IS NULL OR strpos(lower(s.name || ' ' || s.note || ' ' || v.expression), lower($3)) > 0)
       AND ($4::text IS NULL OR $4 = ANY(s.tags))
  ORDER BY lower(s.name)
     LIMIT $5
"""

_FIND = f"""{_COLUMNS}
     WHERE w.name = $1 AND s.removed_at IS NULL AND (s.id::text = $2 OR lower(s.name) = lower($2))
"""

_COUNT = """
    SELECT count(*) FROM screens s JOIN workspaces w ON w.id = s.workspace_id WHERE w.name = $1 AND removed_at IS NULL
"""

_MAKE = """
    INSERT INTO screens (workspace_id, name, note, tags, columns, sort, sort_order, schedule, watch, is_system)
         SELECT id, $2, $3, $4, $5, $6, $7, $8, $9, $10
           FROM workspaces
          WHERE name = $1
      RETURNING id
"""

_ADD_VERSION = "INSERT INTO screen_versions (screen_id, version, expression, universe) VALUES ($1, $2, $3, $4)"

_REWORD = "UPDATE screen_versions SET expression = $3 WHERE screen_id = $1 AND version = $2"

_CHANGE = """
    UPDATE screens
       SET name = $2, note = $3, tags = $4, columns = $5, sort = $6, sort_order = $7, schedule = $8, watch = $9,
           is_system = $10, version = $11, updated_at = now()
     WHERE id = $1
"""

_LOCK = "SELECT version FROM screens WHERE id = $1 AND removed_at IS NULL FOR UPDATE"

_REMOVE = "UPDATE screens SET removed_at = now() WHERE id = $1 AND removed_at IS NULL"

_RESTORE = """
       UPDATE screens s
          SET removed_at = NULL, updated_at = now()
         FROM workspaces w
        WHERE w.id = s.workspace_id AND w.name = $1 AND s.id::text = $2 AND s.removed_at IS NOT NULL
    RETURNING s.id
"""

_VERSIONS = """
    SELECT version, expression, universe, created_at
      FROM screen_versions
     WHERE screen_id = $1
  ORDER BY version DESC
"""

_SHARE = "INSERT INTO screen_shares (token, screen_id, version, as_of) VALUES ($1, $2, $3, $4)"

_COUNT_SHARES = "SELECT count(*) FROM screen_shares WHERE screen_id = $1"

_SHARED = """
    SELECT h.token, w.name AS workspace, s.id::text AS screen_id, s.name, h.version, v.expression, v.universe, h.as_of,
           h.created_at
      FROM screen_shares h
      JOIN screens s ON s.id = h.screen_id AND s.removed_at IS NULL
      JOIN workspaces w ON w.id = s.workspace_id
      JOIN screen_versions v ON v.screen_id = h.screen_id AND v.version = h.version
     WHERE h.token = $1 OR s.id = $2
  ORDER BY h.created_at DESC
"""

_UNSHARE = "DELETE FROM screen_shares WHERE token = $1"


async def screens_page(
    connection: asyncpg.Connection,
    workspace: str,
    *,
    after: str | None = None,
    search: str | None = None,
    tag: str | None = None,
    limit: int = SCREENS_MAX,
) -> tuple[list[SavedScreen], str | None]:
    """Screens by name, and the place after which the next page begins (None at the end). `search` looks into names,
    notes and expressions."""
    asked = [None if text is None else text.replace("\0", "") for text in (after, search, tag)]
    rows = await connection.fetch(_PAGE, workspace, *asked, limit + 1)
    return [_screen(row) for row in rows[:limit]], rows[limit - 1]["place"] if len(rows) > limit else None


async def find_screen(connection: asyncpg.Connection, workspace: str, name: str) -> SavedScreen:
    """A screen by its name or id; NotFound names those there are."""
    row = await connection.fetchrow(_FIND, workspace, " ".join(name.replace("\0", "").split()))
    if row is not None:
        return _screen(row)
    some, _ = await screens_page(connection, workspace, limit=20)
    known = ", ".join(each.name for each in some)
    raise NotFound(
        f"there is no screen {name[:NAME_MAX]!r} in workspace {workspace}; there are: {known or 'none yet'}",
        field="screen",
        accepted=known or None,
    )


async def make_screen(connection: asyncpg.Connection, workspace: str, given: Mapping[str, Any]) -> SavedScreen:
    """A new screen from the fields of `SavedScreen`; what the language or a schedule says is valid already.

    BadParameter where the name is taken or no name, TooLarge where there are too many.
    """
    if await connection.fetchval(_COUNT, workspace) >= SCREENS_MAX:
        raise TooLarge(f"a workspace holds at most {SCREENS_MAX:,} screens: remove one first", field="name")
    fields = checked(given, "screen")
    about = [fields["name"], fields.get("note", ""), fields.get("tags", []), list(fields.get("columns", ()))]
    about += [
        fields.get("sort"),
        fields.get("order"),
        fields.get("schedule"),
        fields.get("watch", False),
        fields.get("is_system", False),
    ]
    try:
        async with connection.transaction():
            made = await connection.fetchval(_MAKE, workspace, *about)
            await connection.execute(_ADD_VERSION, made, 1, fields["expression"], _written(fields.get("universe")))
    except asyncpg.UniqueViolationError:
        raise _taken(fields["name"]) from None
    return await find_screen(connection, workspace, str(made))


async def change_screen(
    connection: asyncpg.Connection, workspace: str, found: SavedScreen, change: Mapping[str, Any], *, is_new: bool
) -> SavedScreen:
    """The screen with other fields; what is absent stays, None empties. is_new: who matches changes, so that it is a
    new version; otherwise the newest one is only worded anew. NotFound where it was removed in the meantime."""
    fields = {**msgspec.structs.asdict(found), **change, **checked(change, "screen")}
    try:
        async with connection.transaction():
            version = await connection.fetchval(_LOCK, int(found.id))
            if version is None:
                raise NotFound(f"the screen {found.name!r} has been removed", field="screen")
            if is_new and version >= VERSIONS_MAX:
                raise TooLarge(f"a screen has at most {VERSIONS_MAX:,} versions: save it anew", field="expression")
            if is_new:
                version += 1
                universe = _written(fields["universe"])
                await connection.execute(_ADD_VERSION, int(found.id), version, fields["expression"], universe)
            elif "expression" in change:
                await connection.execute(_REWORD, int(found.id), version, fields["expression"])
            about = [fields["name"], fields["note"], list(fields["tags"]), list(fields["columns"]), fields["sort"]]
            about += [fields["order"], fields["schedule"], fields["watch"], fields["is_system"], version]
            await connection.execute(_CHANGE, int(found.id), *about)
    except asyncpg.UniqueViolationError:
        raise _taken(fields["name"]) from None
    return await find_screen(connection, workspace, found.id)


async def remove_screen(connection: asyncpg.Connection, found: SavedScreen) -> None:
    """The screen is out of sight and its links are closed; versions and hits stay until it is restored."""
    await connection.execute(_REMOVE, int(found.id))


async def restore_screen(connection: asyncpg.Connection, workspace: str, screen_id: str) -> SavedScreen:
    """A removed screen, by its id, is back; BadParameter where another took its name."""
    try:
        restored = await connection.fetchval(_RESTORE, workspace, screen_id.replace("\0", ""))
    except asyncpg.UniqueViolationError:
        raise BadParameter(
            f"another screen has the name of screen {screen_id} now; rename that one first",
            field="name",
            accepted="a free name",
        ) from None
    if restored is None:
        raise NotFound(f"there is no removed screen with the id {screen_id[:NAME_MAX]!r}", field="screen")
    return await find_screen(connection, workspace, screen_id)


async def versions_of(connection: asyncpg.Connection, found: SavedScreen) -> list[ScreenVersion]:
    """All versions, the newest first."""
    return [
        ScreenVersion(row["version"], row["expression"], _read(row["universe"]), row["created_at"])
        for row in await connection.fetch(_VERSIONS, int(found.id))
    ]


async def share_screen(connection: asyncpg.Connection, found: SavedScreen, as_of: date | None) -> Share:
    """A new link to the newest version as of a Session (None: whatever is newest when it is opened)."""
    if await connection.fetchval(_COUNT_SHARES, int(found.id)) >= SHARES_MAX:
        raise TooLarge(f"a screen has at most {SHARES_MAX:,} links: close one first", field="screen")
    token = secrets.token_urlsafe(TOKEN_BYTES)
    await connection.execute(_SHARE, token, int(found.id), found.version, as_of)
    return await shared_screen(connection, token)


async def shares_of(connection: asyncpg.Connection, found: SavedScreen) -> list[Share]:
    """The links that lead to a screen, the newest first."""
    return [_shared(row) for row in await connection.fetch(_SHARED, None, int(found.id))]


async def shared_screen(connection: asyncpg.Connection, token: str) -> Share:
    """What a link leads to; NotFound where there is none, or its screen was removed."""
    row = await connection.fetchrow(_SHARED, token.replace("\0", ""), None)
    if row is None:
        raise NotFound("this link leads to no screen: it was closed, or its screen removed", field="token")
    return _shared(row)


async def close_share(connection: asyncpg.Connection, token: str) -> None:
    """The link leads nowhere any more; NotFound where it did not before."""
    await shared_screen(connection, token)
    await connection.execute(_UNSHARE, token)


def _screen(row: asyncpg.Record) -> SavedScreen:
    fields = {name: value for name, value in row.items() if name != "place"}
    lists = {"tags": tuple(row["tags"]), "columns": tuple(row["columns"])}
    return SavedScreen(**{**fields, **lists, "universe": _read(row["universe"])})


def _shared(row: asyncpg.Record) -> Share:
    return Share(**{**row, "universe": _read(row["universe"])})


def _written(universe: Universe) -> str:
    return msgspec.json.encode(universe).decode()


def _read(universe: str) -> Universe:
    return msgspec.json.decode(universe, type=list[str] | str | None)


def _taken(name: str) -> BadParameter:
    return BadParameter(
        f"there is a screen {name!r} already; choose another name", field="name", accepted="a free name"
    )

"""/api/v1/lists: watchlists and named lists of Symbols."""

from __future__ import annotations

from typing import Any

import msgspec
from litestar import Router, delete, get, patch, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody

from ralph.api.problems import PROBLEMS
from ralph.store.database import Database
from ralph.store.lists import (
    Addition,
    Kind,
    Member,
    SymbolList,
    add_symbols,
    all_lists,
    change_list,
    find_list,
    make_list,
    members_of,
    note_symbol,
    remove_list,
    take_off,
)
from ralph.store.markets import Markets


class NewList(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A list to make, with Symbols (codes or names) to begin with."""

    name: str
    kind: Kind = "list"
    note: str = ""
    tags: list[str] = []
    symbols: list[str] = []


class ListChange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to change of a list; what is absent stays."""

    name: str | None = None
    kind: Kind | None = None
    note: str | None = None
    tags: list[str] | None = None


class NewMembers(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Symbols (codes or names) to put on a list, all with this note and these tags."""

    symbols: list[str]
    note: str = ""
    tags: list[str] = []


class MemberChange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to change of a Symbol on a list; what is absent stays."""

    note: str | None = None
    tags: list[str] | None = None


class ListPage(msgspec.Struct, frozen=True):
    """All lists of a workspace, by name."""

    workspace: str
    simulated: bool
    lists: list[SymbolList]


class ListCard(msgspec.Struct, frozen=True):
    """One list and its Symbols in the order they were added; after a change, what became of the texts given."""

    workspace: str
    simulated: bool
    list: SymbolList
    symbols: tuple[Member, ...]
    addition: Addition | None = None


@get("/", operation_id="listLists", tags=["lists"], responses=PROBLEMS)
async def list_page(
    database: NamedDependency[Database], markets: NamedDependency[Markets], workspace: FromQuery[str | None] = None
) -> ListPage:
    """All lists."""
    panel = markets.panel(workspace)
    async with database.acquire() as connection:
        return ListPage(panel.workspace, panel.simulated, await all_lists(connection, panel.workspace))


@post("/", operation_id="makeList", tags=["lists"], status_code=201, responses=PROBLEMS)
async def make(
    data: JSONBody[NewList],
    database: NamedDependency[Database],
    markets: NamedDependency[Markets],
    workspace: FromQuery[str | None] = None,
) -> ListCard:
    """Make a list. Texts that name no Symbol are reported, the others are on it."""
    panel = markets.panel(workspace)
    async with database.acquire() as connection, connection.transaction():
        about = {"note": data.note, "tags": data.tags}
        made = await make_list(connection, panel.workspace, data.name, kind=data.kind, **about)
        addition = await add_symbols(connection, panel.workspace, made, _numbered(data.symbols))
        return await _card(connection, markets, panel.workspace, made.id, addition)


@get("/{list_id:str}", operation_id="getList", tags=["lists"], responses=PROBLEMS)
async def show(
    list_id: FromPath[str],
    database: NamedDependency[Database],
    markets: NamedDependency[Markets],
    workspace: FromQuery[str | None] = None,
) -> ListCard:
    """One list by id or name, with its Symbols."""
    async with database.acquire() as connection:
        return await _card(connection, markets, markets.panel(workspace).workspace, list_id)


@patch("/{list_id:str}", operation_id="changeList", tags=["lists"], responses=PROBLEMS)
async def change(
    list_id: FromPath[str],
    data: JSONBody[ListChange],
    database: NamedDependency[Database],
    markets: NamedDependency[Markets],
    workspace: FromQuery[str | None] = None,
) -> ListCard:
    """Another name, kind, note or other tags."""
    name = markets.panel(workspace).workspace
    async with database.acquire() as connection:
        found = await find_list(connection, name, list_id)
        await change_list(connection, name, found, msgspec.structs.asdict(data))
        return await _card(connection, markets, name, found.id)


@delete("/{list_id:str}", operation_id="removeList", tags=["lists"], status_code=204, responses=PROBLEMS)
async def remove(
    list_id: FromPath[str],
    database: NamedDependency[Database],
    markets: NamedDependency[Markets],
    workspace: FromQuery[str | None] = None,
) -> None:
    """Remove a list; its Symbols stay."""
    async with database.acquire() as connection:
        await remove_list(connection, await find_list(connection, markets.panel(workspace).workspace, list_id))


@get("/{list_id:str}/symbols", operation_id="listMembers", tags=["lists"], responses=PROBLEMS)
async def list_members(
    list_id: FromPath[str],
    database: NamedDependency[Database],
    markets: NamedDependency[Markets],
    workspace: FromQuery[str | None] = None,
) -> list[Member]:
    """The Symbols of a list in the order they were added."""
    async with database.acquire() as connection:
        return await members_of(connection, await find_list(connection, markets.panel(workspace).workspace, list_id))


@post("/{list_id:str}/symbols", operation_id="addMembers", tags=["lists"], status_code=200, responses=PROBLEMS)
async def add_members(
    list_id: FromPath[str],
    data: JSONBody[NewMembers],
    database: NamedDependency[Database],
    markets: NamedDependency[Markets],
    workspace: FromQuery[str | None] = None,
) -> ListCard:
    """Put Symbols on a list. Texts that name no Symbol are reported, the others are on it."""
    name = markets.panel(workspace).workspace
    async with database.acquire() as connection:
        found = await find_list(connection, name, list_id)
        about = {"note": data.note, "tags": data.tags}
        addition = await add_symbols(connection, name, found, _numbered(data.symbols), about)
        return await _card(connection, markets, name, found.id, addition)


@patch("/{list_id:str}/symbols/{code:str}", operation_id="changeMember", tags=["lists"], responses=PROBLEMS)
async def change_member(
    list_id: FromPath[str],
    code: FromPath[str],
    data: JSONBody[MemberChange],
    database: NamedDependency[Database],
    markets: NamedDependency[Markets],
    workspace: FromQuery[str | None] = None,
) -> ListCard:
    """Another note or other tags of a Symbol on a list."""
    name = markets.panel(workspace).workspace
    async with database.acquire() as connection:
        found = await find_list(connection, name, list_id)
        await note_symbol(connection, found, code, msgspec.structs.asdict(data))
        return await _card(connection, markets, name, found.id)


@delete(
    "/{list_id:str}/symbols/{code:str}",
    operation_id="removeMember",
    tags=["lists"],
    status_code=204,
    responses=PROBLEMS,
)
async def remove_member(
    list_id: FromPath[str],
    code: FromPath[str],
    database: NamedDependency[Database],
    markets: NamedDependency[Markets],
    workspace: FromQuery[str | None] = None,
) -> None:
    """Take a Symbol off a list."""
    async with database.acquire() as connection:
        found = await find_list(connection, markets.panel(workspace).workspace, list_id)
        await take_off(connection, found, [code])


async def _card(
    connection: Any, markets: Markets, workspace: str, list_id: str, addition: Addition | None = None
) -> ListCard:
    found = await find_list(connection, workspace, list_id)
    panel = markets.panel(workspace)
    members = tuple(await members_of(connection, found))
    return ListCard(workspace, panel.simulated, found, members, addition)


def _numbered(texts: list[str]) -> list[tuple[int, str]]:
    return list(enumerate(texts, start=1))


router = Router(
    "/lists",
    route_handlers=[
        list_page,
        make,
        show,
        change,
        remove,
        list_members,
        add_members,
        change_member,
        remove_member,
    ],
)

"""/api/v1/screens/{id}: saved screens and their versions."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from litestar import Router, delete, get, patch, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter

from ralph.api.problems import PROBLEMS
from ralph.jobs.saving import alter_screen, save_screen
from ralph.jobs.screening import Screening
from ralph.store.database import Database
from ralph.store.markets import Markets
from ralph.store.screens import (
    SavedScreen,
    ScreenVersion,
    Universe,
    find_screen,
    remove_screen,
    restore_screen,
    screens_page,
    versions_of,
)

PageLimit = Annotated[int, QueryParameter(ge=1, le=1_000, description="At most this many.")]


class NewScreen(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A screen to save; what the fields mean is said of `SavedScreen`."""

    name: str
    expression: str
    universe: Universe = None
    columns: list[str] = []
    sort: str | None = None
    order: Literal["asc", "desc"] | None = None
    schedule: str | None = None
    watch: bool = False
    is_system: bool = False
    note: str = ""
    tags: list[str] = []


class ScreenChange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to change of a screen; what is absent stays, null empties."""

    name: str | msgspec.UnsetType = msgspec.UNSET
    expression: str | msgspec.UnsetType = msgspec.UNSET
    universe: list[str] | str | msgspec.UnsetType | None = msgspec.UNSET
    columns: list[str] | msgspec.UnsetType = msgspec.UNSET
    sort: str | msgspec.UnsetType | None = msgspec.UNSET
    order: Literal["asc", "desc"] | msgspec.UnsetType | None = msgspec.UNSET
    schedule: str | msgspec.UnsetType | None = msgspec.UNSET
    watch: bool | msgspec.UnsetType = msgspec.UNSET
    is_system: bool | msgspec.UnsetType = msgspec.UNSET
    note: str | msgspec.UnsetType = msgspec.UNSET
    tags: list[str] | msgspec.UnsetType = msgspec.UNSET


class ScreenPage(msgspec.Struct, frozen=True):
    """Saved screens by name; next is the cursor of the following page."""

    workspace: str
    simulated: bool
    screens: list[SavedScreen]
    next: str | None


class ScreenCard(msgspec.Struct, frozen=True):
    """One screen."""

    workspace: str
    simulated: bool
    screen: SavedScreen


class VersionPage(msgspec.Struct, frozen=True):
    """All versions of a screen, the newest first."""

    workspace: str
    simulated: bool
    versions: list[ScreenVersion]


@get("/", operation_id="listScreens", summary="Saved screens", tags=["screens"], responses=PROBLEMS)
async def list_page(
    database: NamedDependency[Database],
    markets: NamedDependency[Markets],
    q: FromQuery[str | None] = None,
    tag: FromQuery[str | None] = None,
    cursor: FromQuery[str | None] = None,
    limit: PageLimit = 100,
    workspace: FromQuery[str | None] = None,
) -> ScreenPage:
    """Saved screens by name; with `q` those whose name, note or expression holds it, with `tag` those that carry it."""
    panel = markets.panel(workspace)
    async with database.acquire() as connection:
        found, more = await screens_page(connection, panel.workspace, after=cursor, search=q, tag=tag, limit=limit)
    return ScreenPage(panel.workspace, panel.simulated, found, more)


@post("/", operation_id="saveScreen", tags=["screens"], status_code=201, responses=PROBLEMS)
async def save(
    data: JSONBody[NewScreen],
    database: NamedDependency[Database],
    screening: NamedDependency[Screening],
    markets: NamedDependency[Markets],
    workspace: FromQuery[str | None] = None,
) -> ScreenCard:
    """Save a screen; its text, universe, columns and schedule are checked first."""
    panel = markets.panel(workspace)
    made = await save_screen(database, screening, panel.workspace, msgspec.structs.asdict(data))
    return ScreenCard(panel.workspace, panel.simulated, made)


@get("/{screen_id:str}", operation_id="getScreen", tags=["screens"], responses=PROBLEMS)
async def show(
    screen_id: FromPath[str],
    database: NamedDependency[Database],
    markets: NamedDependency[Markets],
    workspace: FromQuery[str | None] = None,
) -> ScreenCard:
    """One screen by id or name."""
    panel = markets.panel(workspace)
    async with database.acquire() as connection:
        found = await find_screen(connection, panel.workspace, screen_id)
    return ScreenCard(panel.workspace, panel.simulated, found)


@patch("/{screen_id:str}", operation_id="changeScreen", tags=["screens"], responses=PROBLEMS)
async def change(
    screen_id: FromPath[str],
    data: JSONBody[ScreenChange],
    database: NamedDependency[Database],
    screening: NamedDependency[Screening],
    markets: NamedDependency[Markets],
    workspace: FromQuery[str | None] = None,
) -> ScreenCard:
    """Other fields of a screen; another expression or universe is a new version, and the older ones are kept."""
    panel = markets.panel(workspace)
    given = {name: value for name, value in msgspec.structs.asdict(data).items() if value is not msgspec.UNSET}
    changed = await alter_screen(database, screening, panel.workspace, screen_id, given)
    return ScreenCard(panel.workspace, panel.simulated, changed)


@delete("/{screen_id:str}", operation_id="removeScreen", tags=["screens"], status_code=204, responses=PROBLEMS)
async def remove(
    screen_id: FromPath[str],
    database: NamedDependency[Database],
    markets: NamedDependency[Markets],
    workspace: FromQuery[str | None] = None,
) -> None:
    """Remove a screen and close its links. Until it is restored by its id, its versions and hits are out of sight."""
    async with database.acquire() as connection:
        await remove_screen(connection, await find_screen(connection, markets.panel(workspace).workspace, screen_id))


@post("/{screen_id:str}/restore", operation_id="restoreScreen", tags=["screens"], status_code=200, responses=PROBLEMS)
async def restore(
    screen_id: FromPath[str],
    database: NamedDependency[Database],
    markets: NamedDependency[Markets],
    workspace: FromQuery[str | None] = None,
) -> ScreenCard:
    """Bring a removed screen back, by its id."""
    panel = markets.panel(workspace)
    async with database.acquire() as connection:
        restored = await restore_screen(connection, panel.workspace, screen_id)
    return ScreenCard(panel.workspace, panel.simulated, restored)


@get("/{screen_id:str}/versions", operation_id="listScreenVersions", tags=["screens"], responses=PROBLEMS)
async def list_versions(
    screen_id: FromPath[str],
    database: NamedDependency[Database],
    markets: NamedDependency[Markets],
    workspace: FromQuery[str | None] = None,
) -> VersionPage:
    """All versions of a screen, the newest first."""
    panel = markets.panel(workspace)
    async with database.acquire() as connection:
        found = await find_screen(connection, panel.workspace, screen_id)
        return VersionPage(panel.workspace, panel.simulated, await versions_of(connection, found))


router = Router("/screens", route_handlers=[list_page, save, show, change, remove, restore, list_versions])

"""The current Panel of each workspace, replaced in one assignment when its data changes."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from ralph.errors import BadParameter, NotReady, RalphError, Unavailable
from ralph.market.panel import Panel
from ralph.store.database import Database
from ralph.store.panels import PanelStore
from ralph.store.workspaces import CHANGED, data_versions

_log = logging.getLogger("ralph.markets")

POLL_S = 15.0  # a notice can be lost while the database restarts; the versions are compared this often anyway


class Markets:
    """Loads Panels and follows the database; readers take a reference and never lock."""

    def __init__(
        self, database: Database, panels: PanelStore, on_load: Callable[[Panel], None] = lambda panel: None
    ) -> None:
        self._database = database
        self._panels = panels
        self._on_load = on_load
        self._current: dict[str, Panel] = {}
        self._changed = asyncio.Event()

    @property
    def workspaces(self) -> list[str]:
        """The workspaces known, in the order they were made."""
        return list(self._current)

    def panel(self, workspace: str | None = None) -> Panel:
        """A workspace's Panel; without a name `main` once it has bars, else `demo`."""
        if not self._current:
            raise NotReady("the market is still being loaded; ask /health/ready")
        if workspace is None:
            main = self._current.get("main")
            return (
                main
                if main is not None and main.sessions.size
                else self._current.get("demo", next(iter(self._current.values())))
            )
        if workspace not in self._current:
            known = ", ".join(self._current)
            raise BadParameter(
                f"there is no workspace {workspace!r}; known: {known}", field="workspace", accepted=known
            )
        return self._current[workspace]

    def version(self, workspace: str | None = None) -> tuple[str, str] | None:
        """What answers made of that Panel alone follow from: they stay the same while this does."""
        try:
            panel = self.panel(workspace)
        except RalphError:
            return None
        return panel.workspace, panel.data_version

    async def refresh(self) -> None:
        """Load what changed since the last time."""
        async with self._database.acquire() as connection:
            for name, version in (await data_versions(connection)).items():
                held = self._current.get(name)
                if held is None or held.data_version != version:
                    panel = await self._panels.load(connection, name, self._database.acquire)
                    self._current[name] = panel
                    if held is not None:
                        held.forget_views()
                    self._on_load(panel)

    async def follow(self) -> None:
        """Refresh at every notice of changed bars, for ever; an unreachable database is waited for."""
        while True:
            try:
                async with self._database.listen(CHANGED, lambda _: self._changed.set()):
                    while True:
                        await self.refresh()
                        await self._wait()
            except Unavailable as error:
                _log.warning("the market cannot be refreshed: %s", error)
                await asyncio.sleep(1.0)

    async def _wait(self) -> None:
        try:
            await asyncio.wait_for(self._changed.wait(), POLL_S)
        except TimeoutError:
            return
        self._changed.clear()

"""What commands about screens work with: the market in memory and the way to ask it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from concurrent.futures import Executor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from ralph.cli.options import open_database, settings
from ralph.jobs.screening import Screening
from ralph.market.panel import Panel
from ralph.store.database import Database
from ralph.store.markets import Markets
from ralph.store.panels import PanelStore
from ralph.telemetry import KernelThread


@dataclass(frozen=True)
class Desk:
    """A database, its markets, and the workspace that a command is about."""

    database: Database
    markets: Markets
    screening: Screening
    kernels: Executor
    workspace: str

    @property
    def panel(self) -> Panel:
        """The workspace's newest Panel."""
        return self.markets.panel(self.workspace)


@asynccontextmanager
async def opened(home: Path | None, workspace: str | None) -> AsyncIterator[Desk]:
    """A Desk for a command's time; BadParameter where there is no such workspace."""
    config = settings(home)
    async with open_database(config, "screen") as database:
        markets = Markets(database, PanelStore(config.home / "panel"))
        await markets.refresh()
        with KernelThread() as kernels:
            screening = Screening(database, markets, kernels, observe=lambda seconds: None)
            yield Desk(database, markets, screening, kernels, markets.panel(workspace).workspace)

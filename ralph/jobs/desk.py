"""What a job asks a market with, in a process of its own: its Panel, and kernels of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass

from ralph.embedded.home import Home
from ralph.jobs.kind import JobContext
from ralph.jobs.scanning import Scanning
from ralph.jobs.screening import Screening
from ralph.jobs.signalling import Signalling
from ralph.market.panel import Panel
from ralph.store.markets import Markets
from ralph.store.panels import PanelStore


@dataclass(frozen=True)
class Desk:
    """A workspace's newest Panel and the ways to ask it."""

    panel: Panel
    screening: Screening
    scanning: Scanning
    signalling: Signalling


@asynccontextmanager
async def opened(context: JobContext, workspace: str) -> AsyncIterator[Desk]:
    """A Desk for a while; BadParameter where there is no such workspace."""
    markets = Markets(context.database, PanelStore(context.config.home / "panel"))
    await markets.refresh()
    panel = markets.panel(workspace)
    with ThreadPoolExecutor(1, thread_name_prefix="kernels") as kernels:
        screening = Screening(context.database, markets, kernels, observe=lambda seconds: None)
        scanning = Scanning(context.database, markets, screening, kernels, Home(context.config.home).calendar())
        signalling = Signalling(context.database, markets, screening, kernels, context.config.signals)
        yield Desk(panel, screening, scanning, signalling)

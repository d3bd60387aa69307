"""Invented bars in the sizes that goals name, and embedded servers to hold them."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np

from ralph.embedded.home import Home
from ralph.embedded.servers import EmbeddedServers
from ralph.market.columns import BarColumns
from ralph.market.symbol import Listing, Symbol

SEED = 7


def random_bars(symbols: int, sessions: int) -> BarColumns:
    """Random walks on weekdays: every Symbol trades on every day."""
    random = np.random.default_rng(SEED)
    rows = symbols * sessions
    days = np.busday_offset("2026-05-29", np.arange(-sessions + 1, 1), roll="backward")
    steps = random.normal(0.0, 0.02, (symbols, sessions)).cumsum(axis=1)
    close = (10_000 * np.exp(np.clip(steps, -3, 3))).round().ravel()
    open_ = (close * random.uniform(0.98, 1.02, rows)).round()
    return BarColumns(
        listings=tuple(Listing(Symbol(f"B{index:05}")) for index in range(symbols)),
        symbol=np.repeat(np.arange(symbols, dtype=np.int32), sessions),
        day=np.tile(days.astype("datetime64[D]"), symbols),
        open=open_,
        high=np.maximum(open_, close) + 10,
        low=np.minimum(open_, close) - 10,
        close=close,
        volume=random.integers(1_000, 1_000_000, rows).astype(np.float64),
        value=np.full(rows, np.nan),
        flags=np.zeros(rows, dtype=np.uint8),
    )


@contextlib.asynccontextmanager
async def embedded() -> AsyncIterator[tuple[Path, EmbeddedServers]]:
    """Postgres and Redis in a home that is removed afterwards."""
    path = Path(tempfile.mkdtemp(prefix="ralph-bench-"))
    home = Home(path)
    try:
        with home.hold("benchmarks"):
            servers = EmbeddedServers(home)
            await servers.start()
            try:
                yield path, servers
            finally:
                await servers.stop()
    finally:
        shutil.rmtree(path)

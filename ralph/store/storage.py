"""How the database stores bars: in native partitions, or in hypertables of TimescaleDB where it offers them."""

from __future__ import annotations

from typing import Literal

import asyncpg
import msgspec

_STORAGE = "SELECT kind, detail FROM bar_storage"


class BarStorage(msgspec.Struct, frozen=True):
    """What was chosen when the schema was made, and why."""

    kind: Literal["partitions", "timescaledb"]
    detail: str


async def bar_storage(connection: asyncpg.Connection) -> BarStorage:
    """What this database does."""
    return BarStorage(**await connection.fetchrow(_STORAGE))

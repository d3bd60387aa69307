"""Workspaces: which there are, and which is meant when none is named."""

from __future__ import annotations

import asyncpg

CHANGED = "ralph_bars"
"""The channel on which importers announce a workspace whose bars changed."""

_DEFAULT = """
    SELECT CASE WHEN EXISTS (SELECT FROM bars_daily b
                               JOIN symbols s ON s.id = b.symbol_id
                               JOIN workspaces w ON w.id = s.workspace_id
                              WHERE w.name = 'main')
                THEN 'main' ELSE 'demo' END
"""

_ALL = "SELECT name, data_version::text FROM workspaces ORDER BY id"


async def default_workspace(connection: asyncpg.Connection) -> str:
    """`main` once it has bars, else `demo`."""
    name: str = await connection.fetchval(_DEFAULT)
    return name


async def data_versions(connection: asyncpg.Connection) -> dict[str, str]:
    """The data version of each workspace, in the order they were made."""
    return dict(await connection.fetch(_ALL))

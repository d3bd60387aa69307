"""Browser sessions in Postgres: hashes of their tokens and when they end."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from ralph.store.database import Database

_SAVE = """
    INSERT INTO web_sessions (token_sha256, expires_at)
    VALUES ($1, $2)
"""
_FORGET_OLD = "DELETE FROM web_sessions WHERE expires_at < now()"
_OPEN = "SELECT token_sha256 FROM web_sessions WHERE token_sha256 = ANY($1) AND expires_at > now()"
_END = "DELETE FROM web_sessions WHERE token_sha256 = $1"
_EXPIRY = "SELECT expires_at FROM web_sessions WHERE token_sha256 = $1"


class WebSessions:
    """Saves and finds sessions; the old ones go when a new one comes."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def save_session(self, token_sha256: bytes, expires_at: datetime) -> None:
        """Keep a session until it expires."""
        async with self._database.acquire() as connection, connection.transaction():
            await connection.execute(_FORGET_OLD)
            await connection.execute(_SAVE, token_sha256, expires_at)

    async def session_expiry(self, token_sha256: bytes) -> datetime | None:
        """When a session ends, or None where there is none."""
        async with self._database.acquire() as connection:
            expires_at: datetime | None = await connection.fetchval(_EXPIRY, token_sha256)
            return expires_at

    async def open_among(self, tokens_sha256: Collection[bytes]) -> set[bytes]:
        """Those of them that are open."""
        if not tokens_sha256:
            return set()
        async with self._database.acquire() as connection:
            return {row["token_sha256"] for row in await connection.fetch(_OPEN, list(tokens_sha256))}

    async def end_session(self, token_sha256: bytes) -> None:
        """Forget a session."""
        async with self._database.acquire() as connection:
            await connection.execute(_END, token_sha256)

"""Who may ask: one-time links that open the owner's browser session, the owner's key, and the door that checks both.

Bound to loopback and with no users yet, whoever holds the one-time link or the key is the owner.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import logging
import secrets
import time
from collections.abc import Callable, Collection
from datetime import UTC, datetime, timedelta
from http.cookies import CookieError, SimpleCookie
from typing import Protocol

from ralph.errors import Misconfigured, Unavailable

_log = logging.getLogger("ralph.api")

COOKIE = "ralph_session"
LINK_LIFE_S = 3_600.0
LINKS_MAX = 100  # the oldest unused link is dropped
SESSION_LIFE = timedelta(days=30)
KNOWN_SESSIONS_MAX = 1_000  # sessions remembered without asking the database; all are asked again when it is full
REVIEW_S = 5.0  # how often it is asked whether sessions and the key still hold


class SessionStore(Protocol):
    """Where sessions live beyond the process; only hashes are kept."""

    async def save_session(self, token_sha256: bytes, expires_at: datetime) -> None: ...

    async def session_expiry(self, token_sha256: bytes) -> datetime | None: ...

    async def open_among(self, tokens_sha256: Collection[bytes]) -> set[bytes]: ...

    async def end_session(self, token_sha256: bytes) -> None: ...


class Access:
    """Links, sessions and the owner's key."""

    def __init__(self, owner_key: str, sessions: SessionStore) -> None:
        self._key_hash = _digest(owner_key)
        self._sessions = sessions
        self._links: dict[bytes, float] = {}
        self._known: dict[bytes, datetime] = {}
        self._holders: dict[bytes, dict[object, Callable[[], None]]] = {}

    def new_link(self) -> str:
        """A token for a link `/?t=TOKEN` that opens one session within the hour."""
        while len(self._links) >= LINKS_MAX:
            self._links.pop(next(iter(self._links)))
        token = secrets.token_urlsafe(24)
        self._links[_digest(token)] = time.monotonic() + LINK_LIFE_S
        return token

    async def open_session(self, link_token: str) -> str | None:
        """The session token a link is exchanged for; None when the link is unknown, used or old."""
        expires = self._links.pop(_digest(link_token), None)
        if expires is None or expires < time.monotonic():
            return None
        token = secrets.token_urlsafe(32)
        await self._sessions.save_session(_digest(token), datetime.now(UTC) + SESSION_LIFE)
        return token

    def is_owner_key(self, key: str) -> bool:
        """Whether this is the owner's bearer key; takes the same time for any text."""
        return hmac.compare_digest(_digest(key), self._key_hash)

    async def is_session(self, token: str) -> bool:
        """Whether a cookie's token is an open session."""
        digest = _digest(token)
        expires = self._known.get(digest)
        if expires is None:
            expires = await self._sessions.session_expiry(digest)
            if expires is None:
                return False
            if len(self._known) >= KNOWN_SESSIONS_MAX:
                self._known.clear()
            self._known[digest] = expires
        return expires > datetime.now(UTC)

    async def end_session(self, token: str) -> None:
        """Sign a browser out: its session opens nothing any more, and what it has open is closed."""
        digest = _digest(token)
        await self._sessions.end_session(digest)
        self._end(digest)

    def use_key(self, key: str) -> None:
        """The owner has another key from now on; what the one before has open is closed."""
        before, self._key_hash = self._key_hash, _digest(key)
        if before != self._key_hash:
            self._end(before)

    def hold(self, credential: str, on_end: Callable[[], None]) -> Callable[[], None]:
        """Something stays open as long as a session's token or a key holds: on_end is called when it does no more.
        Returns what to call when it is closed before."""
        holders = self._holders.setdefault(digest := _digest(credential), {})
        holders[mark := object()] = on_end

        def let_go() -> None:
            holders.pop(mark, None)
            if not holders and self._holders.get(digest) is holders:
                del self._holders[digest]

        return let_go

    async def review(self) -> None:
        """Ask whether the sessions that were let in still hold: others may have ended them. Unavailable."""
        asked = {*self._known, *self._holders} - {self._key_hash}
        for digest in asked - await self._sessions.open_among(asked):
            self._end(digest)

    async def keep_reviewing(self, owner_key: Callable[[], str]) -> None:
        """For ever; owner_key reads the key as it is now, and may wait for the disk."""
        while True:
            await asyncio.sleep(REVIEW_S)
            try:
                self.use_key(await asyncio.to_thread(owner_key))
                await self.review()
            except Misconfigured as error:
                _log.warning("the owner's key stays as it was: %s", error)
            except Unavailable:
                continue  # nobody is shut out for that

    def _end(self, digest: bytes) -> None:
        self._known.pop(digest, None)
        for on_end in list(self._holders.pop(digest, {}).values()):
            on_end()


def session_of(cookie_header: str) -> str | None:
    """The session token in a Cookie header."""
    try:
        morsel = SimpleCookie(cookie_header).get(COOKIE)
    except CookieError:
        return None
    return morsel.value if morsel and morsel.value else None


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).digest()

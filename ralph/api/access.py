"""Who may ask: one-time links that open the owner's browser session, the owner's key, and the door that checks both.

Bound to loopback and with no users yet, whoever holds the one-time link or the key is the owner.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from datetime import UTC, datetime, timedelta
from http.cookies import CookieError, SimpleCookie
from typing import Protocol

COOKIE = "ralph_session"
LINK_LIFE_S = 3_600.0
LINKS_MAX = 100  # the oldest unused link is dropped
SESSION_LIFE = timedelta(days=30)
KNOWN_SESSIONS_MAX = 1_000  # sessions remembered without asking the database; all are asked again when it is full


class SessionStore(Protocol):
    """Where sessions live beyond the process; only hashes are kept."""

    async def save_session(self, token_sha256: bytes, expires_at: datetime) -> None: ...

    async def session_expiry(self, token_sha256: bytes) -> datetime | None: ...


class Access:
    """Links, sessions and the owner's key."""

    def __init__(self, owner_key: str, sessions: SessionStore) -> None:
        self._key_hash = _digest(owner_key)
        self._sessions = sessions
        self._links: dict[bytes, float] = {}
        self._known: dict[bytes, datetime] = {}

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


def session_of(cookie_header: str) -> str | None:
    """The session token in a Cookie header."""
    try:
        morsel = SimpleCookie(cookie_header).get(COOKIE)
    except CookieError:
        return None
    return morsel.value if morsel and morsel.value else None


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).digest()

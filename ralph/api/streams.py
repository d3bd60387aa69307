"""Answers that go on for a while: how many there may be, and their end when the server stops."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator

from ralph.errors import NotReady

STREAMS_MAX = 100  # each asks the database a few times a second; one more is told to come back


class Streams:
    """The open streams of this server."""

    def __init__(self) -> None:
        self._open = 0
        self._leaving = asyncio.Event()

    @contextlib.contextmanager
    def opened(self) -> Iterator[None]:
        """Counts one more for a while. NotReady where there are too many."""
        if self._open >= STREAMS_MAX:
            raise NotReady(f"{STREAMS_MAX} streams are open; try again, or ask without a stream")
        self._open += 1
        try:
            yield
        finally:
            self._open -= 1

    async def pause(self, seconds: float) -> bool:
        """Wait; False when the server stops, at once."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._leaving.wait(), seconds)
        return not self._leaving.is_set()

    def close(self) -> None:
        """Ask all to end."""
        self._leaving.set()

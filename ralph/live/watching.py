"""Looks at the watched screens as minutes close: in the kernel thread, one look at a time, none left out."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import Executor

import numpy as np

from ralph.errors import Unavailable
from ralph.market.panel import Panel
from ralph.market.running import SoFar
from ralph.tape.events import Event, ScreenMoved
from ralph.tape.tape import Tape
from ralph.tape.watched import WatchedScreen, WatchedScreens

REFRESH_S = 5.0  # a screen that is saved is watched this late

Wanted = Callable[[Panel], Awaitable[Sequence[WatchedScreen]]]


class ScreenWatch:
    """The watched screens of a Session. While one look goes on the tape runs; before the next it is waited for."""

    def __init__(
        self, panel: Panel, tape: Tape, wanted: Wanted, kernels: Executor, observe: Callable[[float], None]
    ) -> None:
        frame = tape.frame
        self.screens = WatchedScreens(panel, frame.on, frame.universe, frame.names)
        self._panel = panel
        self._wanted = wanted
        self._kernels = kernels
        self._observe = observe
        self._looking: asyncio.Task[None] | None = None
        self._refreshed_at = float("-inf")

    def begin(self) -> None:
        """The Session opens: find out what looks at it will need."""
        self._looking = asyncio.create_task(self._refresh())

    async def closed(self, tape: Tape, publish: Callable[[Event], None]) -> None:
        """A minute is over: begin to look at the Session so far."""
        if self._looking is not None:
            await self._looking
        bars = so_far(tape)
        self._looking = asyncio.create_task(self._look(bars, publish))

    async def done(self) -> None:
        """Wait for the last look."""
        if self._looking is not None:
            await self._looking

    def leave(self) -> None:
        """Nobody wants to know any more."""
        if self._looking is not None:
            self._looking.cancel()

    async def _look(self, bars: SoFar, publish: Callable[[Event], None]) -> None:
        await self._refresh()
        if len(self.screens):
            loop = asyncio.get_running_loop()
            for event in await loop.run_in_executor(self._kernels, self._timed, bars):
                publish(event)

    async def _refresh(self) -> None:
        """Ask which screens are watched, and begin with new ones piece by piece: others use the kernel thread, too."""
        loop = asyncio.get_running_loop()
        if loop.time() - self._refreshed_at < REFRESH_S:
            return
        try:
            wanted = await self._wanted(self._panel)
        except Unavailable:
            return  # those known are watched on
        pieces = self.screens.begin(wanted)
        while await loop.run_in_executor(self._kernels, next, pieces, True) is None:
            pass
        self._refreshed_at = loop.time()

    def _timed(self, bars: SoFar) -> list[ScreenMoved]:
        started = time.perf_counter()
        found = self.screens.look(bars)
        self._observe(time.perf_counter() - started)
        return found


def so_far(tape: Tape) -> SoFar:
    """The bars of a Session as the board has them now."""
    day = tape.board.day
    traded = np.flatnonzero(day.count)
    columns = (day.open, day.high, day.low, day.close, day.volume.astype(np.float64), day.value)
    return SoFar(tape.board.now, traded, *(column[traded] for column in columns))

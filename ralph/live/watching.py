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
    """The watched screens of a Session. While one look goes on the tape runs; before the next it is waited for. Which
    screens are watched is asked beside: a database that does not answer holds nothing up."""

    def __init__(
        self, panel: Panel, tape: Tape, wanted: Wanted, kernels: Executor, observe: Callable[[float], None]
    ) -> None:
        frame = tape.frame
        self.screens = WatchedScreens(panel, frame.on, frame.universe, frame.names)
        self._panel = panel
        self._wanted = wanted
        self._kernels = kernels
        self._observe = observe
        self._asking: asyncio.Task[None] | None = None
        self._looking: asyncio.Task[None] | None = None
        self._last: tuple[SoFar, Callable[[Event], None]] | None = None
        self._is_unseen = False  # screens were begun with since the last look
        self._refreshed_at = float("-inf")

    def begin(self) -> None:
        """Ask which screens are watched, unless that is known or being asked."""
        if self._asking is not None:
            if not self._asking.done():
                return
            self._asking.result()
        if asyncio.get_running_loop().time() - self._refreshed_at >= REFRESH_S:
            self._asking = asyncio.create_task(self._ask())

    async def ready(self) -> None:
        """Wait until those that are watched can be looked at."""
        if self._asking is not None:
            await self._asking

    async def closed(self, tape: Tape, publish: Callable[[Event], None]) -> None:
        """A minute is over: begin to look at the Session so far."""
        if self._looking is not None:
            await self._looking
        self.begin()
        self._last = so_far(tape), publish
        self._looking = asyncio.create_task(self._look())

    async def done(self) -> None:
        """Wait for the last look, of all screens."""
        if self._looking is not None:
            await self._looking
        await self.ready()
        if self._is_unseen:
            await self._look()

    def leave(self) -> None:
        """Nobody wants to know any more."""
        for task in (self._asking, self._looking):
            if task is not None:
                task.cancel()

    async def _look(self) -> None:
        if self._last is None or not len(self.screens):
            return
        self._is_unseen = False
        bars, publish = self._last
        loop = asyncio.get_running_loop()
        for event in await loop.run_in_executor(self._kernels, self._timed, bars):
            publish(event)

    async def _ask(self) -> None:
        """Begin with new ones piece by piece: others use the kernel thread, too."""
        loop = asyncio.get_running_loop()
        try:
            wanted = await self._wanted(self._panel)
        except Unavailable:
            return  # those known are watched on
        pieces = self.screens.begin(wanted)
        while await loop.run_in_executor(self._kernels, next, pieces, True) is None:
            pass
        self._is_unseen = True
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

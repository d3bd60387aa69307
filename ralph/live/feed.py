"""Feeds: where batches come from, each at its time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Protocol

import numpy as np

from ralph.market.tick import Batch, IndexTicks, Notices
from ralph.simulator.live import LiveDay
from ralph.tape.minutes import LATENESS_NS, MINUTE_NS

SLICE_S = 0.025  # a batch is so much of the wall clock: what a print waits at most
SPEED_MAX = 100_000.0


class Feed(Protocol):
    """What the pump reads. lag_s: how far it is behind its own time."""

    @property
    def lag_s(self) -> float: ...

    def batches(self) -> AsyncIterator[Batch]: ...


class Pace:
    """Waits until the feed's clock, so many times as fast as ours, has reached an instant."""

    def __init__(self, speed: float) -> None:
        self._speed = speed
        self._began: tuple[float, int] | None = None
        self.lag_s = 0.0

    async def until(self, at: int) -> None:
        """Wait for it; behind time it does not wait, but lets others have the loop."""
        loop = asyncio.get_running_loop()
        if self._began is None:
            self._began = loop.time(), at
        began, first = self._began
        wait = began + (at - first) / 1e9 / self._speed - loop.time()
        self.lag_s = max(0.0, -wait)
        await asyncio.sleep(max(0.0, wait))


class PlayedDay:
    """A day as its exchange sends it, in slices of SLICE_S; at last the time in which its bars are closed passes."""

    def __init__(self, day: LiveDay, speed: float, known_until: int = 0) -> None:
        """known_until: what is older, UTC nanoseconds, comes at once."""
        self._day = day
        self._known_until = known_until
        self._pace = Pace(speed)
        self._step = max(1_000_000, int(SLICE_S * speed * 1e9) // 1_000_000 * 1_000_000)

    @property
    def lag_s(self) -> float:
        """Seconds behind its time."""
        return self._pace.lag_s

    async def batches(self) -> AsyncIterator[Batch]:
        """All of them. A minute is drawn in a thread while the one before is sent."""
        player = self._day.player()
        now = self._day.hours.opens_at
        ahead: asyncio.Task[Batch] | None = asyncio.create_task(asyncio.to_thread(player.minute))
        try:
            while ahead is not None:
                minute = await ahead
                ahead = None if player.is_over else asyncio.create_task(asyncio.to_thread(player.minute))
                for batch in _sliced(minute, now, self._step):
                    if batch.now > self._known_until:
                        await self._pace.until(batch.now)
                    else:
                        await asyncio.sleep(0)
                    yield batch
                now = minute.now
            until = now + MINUTE_NS + LATENESS_NS
            await self._pace.until(until)
            yield Batch(until)
        finally:
            if ahead is not None:
                ahead.cancel()


class Recorded:
    """Batches of a recording, each at the time at which it came."""

    def __init__(self, batches: Sequence[Batch], closes_at: int, speed: float) -> None:
        self._batches = batches
        self._closes_at = closes_at
        self._pace = Pace(speed)

    @property
    def lag_s(self) -> float:
        """Seconds behind its time."""
        return self._pace.lag_s

    async def batches(self) -> AsyncIterator[Batch]:
        """All of them, then the time in which the last bars are closed."""
        for batch in self._batches:
            await self._pace.until(batch.now)
            yield batch
        until = self._closes_at + MINUTE_NS + LATENESS_NS
        await self._pace.until(until)
        yield Batch(until)


def _sliced(minute: Batch, begins_at: int, step: int) -> list[Batch]:
    """A minute cut at fixed instants; what happens at an instant is in the batch that ends there. Empty ones are left
    out, but for the last."""
    if minute.now <= begins_at:
        return [minute]
    clocks = np.append(np.arange(begins_at + step, minute.now, step), minute.now)
    parts = [
        np.searchsorted(at, clocks, side="right") for at in (minute.ticks.at, minute.indices.at, minute.notices.at)
    ]
    found = []
    tick = index = notice = 0
    for place, now in enumerate(clocks.tolist()):
        ticks, indices, notices = (int(part[place]) for part in parts)
        is_last = place == clocks.size - 1
        if is_last:  # nothing of the minute is left behind
            ticks, indices, notices = len(minute.ticks), minute.indices.at.size, minute.notices.at.size
        if is_last or (ticks, indices, notices) != (tick, index, notice):
            index_ticks, told = minute.indices, minute.notices
            found.append(
                Batch(
                    now,
                    minute.ticks.take(slice(tick, ticks)),
                    IndexTicks(
                        index_ticks.name[index:indices], index_ticks.value[index:indices], index_ticks.at[index:indices]
                    ),
                    Notices(told.symbol[notice:notices], told.trading[notice:notices], told.at[notice:notices]),
                )
            )
        tick, index, notice = ticks, indices, notices
    return found

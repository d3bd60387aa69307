"""A goal, what was measured for it, and how repetitions of two sides are interleaved."""

from __future__ import annotations

import statistics
import time
from collections.abc import Awaitable, Callable
from typing import Literal, NamedTuple

import msgspec

REPETITIONS = 5


class Goal(msgspec.Struct, frozen=True):
    """One goal: the value measured, what it must and should reach, and which direction is better."""

    goal: str
    value: float
    must: float
    aim: float | None
    better: Literal["higher", "lower"]
    unit: str

    @property
    def met(self) -> str:
        """Whether the value reaches the aim, the must, or neither."""
        if self.aim is not None and self._reaches(self.aim):
            return "aim"
        return "must" if self._reaches(self.must) else "missed"

    def _reaches(self, mark: float) -> bool:
        return self.value >= mark if self.better == "higher" else self.value <= mark


class Side(NamedTuple):
    """One of the things compared: its work is timed, its preparation is not."""

    work: Callable[[], Awaitable[object]]
    prepare: Callable[[], Awaitable[object]] | None = None


async def interleaved(*sides: Side, repetitions: int = REPETITIONS) -> list[float]:
    """The median seconds of each side; one of each in turn, so that noise meets all alike."""
    seconds: list[list[float]] = [[] for _ in sides]
    for _ in range(repetitions):
        for side, taken in zip(sides, seconds, strict=True):
            if side.prepare is not None:
                await side.prepare()
            started = time.perf_counter()
            await side.work()
            taken.append(time.perf_counter() - started)
    return [statistics.median(taken) for taken in seconds]

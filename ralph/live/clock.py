"""A clock that only goes forward, and knows when the machine's own was set."""

from __future__ import annotations

import time
from collections.abc import Callable

STEP_S = 2.0  # the wall clock drifts by less between two looks


class SteadyClock:
    """Counts from the wall clock's reading at its making; `wall` and `steady` read seconds."""

    def __init__(self, wall: Callable[[], float] = time.time, steady: Callable[[], float] = time.monotonic) -> None:
        self._wall, self._steady = wall, steady
        self._wall_at, self._steady_at = wall(), steady()

    def seconds(self) -> float:
        """Since some moment; it never stands nor goes back."""
        return self._steady()

    def stepped_s(self) -> float:
        """By how much the wall clock was set since it was last taken as right, 0 where that is less than STEP_S."""
        apart = (self._wall() - self._wall_at) - (self._steady() - self._steady_at)
        return apart if abs(apart) >= STEP_S else 0.0

    def trust(self) -> None:
        """Take the wall clock as right from now on."""
        self._wall_at, self._steady_at = self._wall(), self._steady()

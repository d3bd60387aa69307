"""Knows which prints have been seen: a feed that reconnects sends some again, and not always in order."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ralph.market.tick import Ticks

WINDOW = 2_048  # numbers of a Symbol that are remembered; one further behind its newest counts as seen


class Seen:
    """The numbers of the prints of a Session by Symbol, the newest WINDOW of each."""

    def __init__(self, symbols: int) -> None:
        self._ring = np.zeros((symbols, WINDOW), dtype=np.int64)  # pages are taken from the system as they are used
        self._newest = np.zeros(symbols, dtype=np.int64)

    def fresh(self, ticks: Ticks) -> NDArray[np.int64]:
        """The rows of prints that were not seen before, the first of each, in order; they are seen from now on."""
        symbol, number = ticks.symbol, ticks.number
        newest = self._newest.copy()
        np.maximum.at(newest, symbol, number)
        place = number % WINDOW
        known = (self._ring[symbol, place] == number) | (number <= newest[symbol] - WINDOW)
        rows: NDArray[np.int64] = np.flatnonzero(~known)
        # Of equal ones in this batch the first is kept: written backwards, it is what stands there at last.
        self._ring[symbol[rows[::-1]], place[rows[::-1]]] = -1 - rows[::-1]
        rows = rows[self._ring[symbol[rows], place[rows]] == -1 - rows]
        self._ring[symbol[rows], place[rows]] = number[rows]
        self._newest = newest
        return rows

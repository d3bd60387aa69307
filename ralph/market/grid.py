"""Grids of trading hours as arrays: the minutes of a Session, and the segments on which minute bars are resampled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

import numpy as np
from numpy.typing import NDArray

Instants = NDArray[np.datetime64]
"""datetime64[s], UTC."""

Span = tuple[datetime, datetime]


@dataclass(frozen=True, eq=False)
class Grid:
    """Segments of continuous trading in order, none overlapping; frames are counted from each opening.

    opens_at, closes_at  datetime64[s], UTC [segments]
    prints_at_close      whether a bar that starts at the close belongs to the segment (the closing auction's print)
    """

    opens_at: Instants
    closes_at: Instants
    prints_at_close: bool

    @classmethod
    def of(cls, spans: Sequence[Span], *, prints_at_close: bool) -> Grid:
        """The Grid of openings and closings (aware)."""
        return cls(
            opens_at=np.array([seconds(opens) for opens, _ in spans], dtype="datetime64[s]"),
            closes_at=np.array([seconds(closes) for _, closes in spans], dtype="datetime64[s]"),
            prints_at_close=prints_at_close,
        )

    def segment_of(self, at: Instants) -> NDArray[np.int64]:
        """The index of the segment each instant lies in, -1 where it lies in none."""
        index = np.searchsorted(self.opens_at, at, side="right").astype(np.int64) - 1
        if self.opens_at.size:
            closes_at = self.closes_at[index]
            index[(at > closes_at) | ((at == closes_at) & (not self.prints_at_close))] = -1
        return index


def clock_grid(first: date, last: date) -> Grid:
    """Whole days of UTC from `first` to `last`: for markets that never close, or whose hours are not known."""
    days = np.arange(np.datetime64(first, "D"), np.datetime64(last, "D") + 2).astype("datetime64[s]")
    return Grid(days[:-1], days[1:], prints_at_close=False)


def minutes_of(spans: Sequence[Span]) -> Instants:
    """The starts (datetime64[m], UTC) of the one-minute slots in these spans."""
    slots = [
        np.arange(seconds(opens).astype("datetime64[m]"), seconds(closes).astype("datetime64[m]"))
        for opens, closes in spans
    ]
    return np.concatenate(slots)


def seconds(at: datetime) -> np.datetime64:
    """An instant (aware) as datetime64[s], UTC."""
    assert at.tzinfo is not None, "instants are aware"
    return np.datetime64(int(at.timestamp()), "s")

"""A piece of a recording: what a feed brought in about a second, with what the tape made of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

from ralph.market.tick import Ticks

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Run:
    """A recording of a Session: its token is one for ever, whether or not a database has heard of it."""

    token: str
    workspace: str
    session_on: date
    source: str
    universe: tuple[str, ...]


@dataclass(frozen=True)
class Mark:
    """An index value or a notice of a batch, at UTC nanoseconds."""

    batch_at: int
    place: int
    kind: str
    what: str
    at: int
    value: float


@dataclass(frozen=True)
class Step:
    """A step of a Signal as it happened, at UTC nanoseconds; `place` counts those of the run."""

    place: int
    signal_id: str
    session_on: date
    state: str
    price: float
    reason: str
    at: int


@dataclass(frozen=True, eq=False)
class MinuteRows:
    """Closed minute bars by rows: `symbol` into the run's universe, `opened_at` UTC nanoseconds."""

    symbol: IntArray
    opened_at: IntArray
    open: FloatArray
    high: FloatArray
    low: FloatArray
    close: FloatArray
    volume: IntArray
    value: FloatArray


@dataclass(frozen=True, eq=False)
class Chunk:
    """A piece of a run: the `number`-th, from 1. until: the feed's clock up to which it goes, UTC nanoseconds.

    ticks with the clock of the batch that brought each, `batch_at`; is_last: the run is over, is_whole as of then;
    signals: JSON of those that were open when the run began, in its first piece
    """

    run: Run
    number: int
    until: int
    ticks: Ticks
    batch_at: IntArray
    bars: MinuteRows
    marks: tuple[Mark, ...] = ()
    steps: tuple[Step, ...] = ()
    ticks_lost: int = 0
    is_last: bool = False
    is_whole: bool = False
    signals: bytes = b""

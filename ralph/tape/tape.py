"""The tape: takes what a feed brings, batch by batch, and says what has happened. Synchronous; time is an argument."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ralph.market.tick import INDEX_NAMES, Batch, IndexTicks
from ralph.tape.board import Board
from ralph.tape.duplicates import Seen
from ralph.tape.events import BarsClosed, Event, GateJudged, IndexMoved, IndexQuote, MinuteBar, Quoted, instant_of
from ralph.tape.frame import SessionFrame
from ralph.tape.gate import LiveGate
from ralph.tape.minutes import MinuteBuilder
from ralph.tape.scans import LiveScans
from ralph.tape.triggers import Triggers

IntArray = NDArray[np.int64]


class Tape:
    """A Session on its way. Events come in an order that depends on the batches alone.

    What a batch's clock says comes first: minutes that are over are closed, then its prints are folded. So a pause in
    the feed, or a batch without a print, changes nothing of what is said. usual_volume: as `LiveScans` has it.
    """

    def __init__(self, frame: SessionFrame, usual_volume: NDArray[np.float64] | None = None) -> None:
        self.frame = frame
        self.board = Board(frame)
        self.minutes = MinuteBuilder(len(frame.universe), frame.opens_at, frame.closes_at)
        self.triggers: Triggers | None = None
        self.duplicates = 0
        self.ticks = 0
        self.indices: dict[str, IndexQuote] = {}
        self._seen = Seen(len(frame.universe))
        self._scans = LiveScans(self.board, usual_volume)
        self._gate = LiveGate(self.board)

    @property
    def late(self) -> int:
        """Prints that came after their minute had been closed."""
        return self.minutes.late

    def advance(self, batch: Batch) -> list[Event]:
        """What a batch brings about. A clock that goes back is taken to stand still."""
        self.board.now = now = max(self.board.now, batch.now)
        events: list[Event] = []
        for bars in self.minutes.close(now):
            events.append(BarsClosed(bars))
            events += self._scans.close(bars)
            events.append(GateJudged(self._gate.judge(self.indices)))
        fresh = self._seen.fresh(batch.ticks)
        self.ticks += fresh.size
        self.duplicates += len(batch.ticks) - fresh.size
        ticks = batch.ticks if fresh.size == len(batch.ticks) else batch.ticks.take(fresh)
        self.minutes.add(ticks)
        marked = self.board.mark(batch.notices)
        traded = self.board.add(ticks)
        if traded.size and self.triggers is not None:
            events += self.triggers.check(traded)
        if traded.size or marked.size:
            events.append(Quoted(self.board.quotes(np.union1d(traded, marked))))
        if batch.indices.at.size:
            events.append(self._index(batch.indices))
        return events

    def running_bar(self, symbol: int) -> MinuteBar | None:
        """The bar of a Symbol that is not closed yet."""
        found = self.minutes.running(symbol)
        if found is None:
            return None
        opened_at, fold = found
        return MinuteBar(
            symbol=self.frame.universe[symbol],
            opened_at=instant_of(opened_at),
            open=float(fold.open[symbol]),
            high=float(fold.high[symbol]),
            low=float(fold.low[symbol]),
            close=float(fold.close[symbol]),
            volume=int(fold.volume[symbol]),
            value=float(fold.value[symbol]),
            partial=True,
        )

    def _index(self, ticks: IndexTicks) -> IndexMoved:
        newest = {int(name): place for place, name in enumerate(ticks.name)}
        moved = []
        for index, place in newest.items():
            name, value = INDEX_NAMES[index], float(ticks.value[place])
            last = self.frame.indices.get(name)
            change = None if last is None else value - last
            ratio = None if last is None else value / last - 1.0
            self.indices[name] = IndexQuote(name, value, change, ratio, instant_of(int(ticks.at[place])))
            moved.append(self.indices[name])
        return IndexMoved(tuple(moved))

"""A process that does not play the live market answers as the one that does; and the gate while the market is open."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast

import msgspec
import numpy as np
import pytest
from live_days import batches_of, frame_of, market_after
from numpy.typing import NDArray

from ralph.errors import DataNotFound, UnknownSymbol
from ralph.live.clock import SteadyClock
from ralph.live.hearsay import SILENT_S, Hearsay
from ralph.live.pages import BoardPage, FeedState, SystemFrame
from ralph.live.recorder import RecorderState
from ralph.scanners import gate
from ralph.stream.hub import Hub
from ralph.tape.events import GateJudged, IndexQuote
from ralph.tape.tape import Tape

IntArray = NDArray[np.int64]
ON = date(2026, 11, 23)
FEED = FeedState(
    workspace="demo",
    simulated=True,
    state="playing",
    detail="the simulated Session",
    source="simulator",
    session=ON,
    speed=60.0,
    clock=datetime(2026, 11, 23, 1, tzinfo=UTC),
    lag_ms=0.5,
    ticks=10,
    ticks_per_s=2.0,
    duplicates=0,
    late=0,
    recorder=RecorderState(ok=True, detail="", buffered=0, written=0, spooled=0, spooled_bytes=0, lost=0),
)


class Follower:
    """A process that hears what another publishes."""

    def __init__(self) -> None:
        self.hub = Hub()
        self.steady = 0.0
        panel = SimpleNamespace(columns={"000660": 0, "005930": 1, "035420": 2})
        markets = cast(Any, SimpleNamespace(panel=lambda workspace: panel))
        self.hearsay = Hearsay(self.hub, markets, SteadyClock(lambda: 0.0, lambda: self.steady))

    def hear(self, topic: str, key: str, data: msgspec.Struct) -> None:
        """As it comes from another process: JSON."""
        self.hub.put(topic, key, msgspec.json.encode(data))

    def hear_feed(self, at: datetime | None = None, **changes: Any) -> None:
        """How the leader does."""
        frame = SystemFrame("ok", msgspec.structs.replace(FEED, **changes), at or datetime.now(UTC))
        self.hear("system", "system", frame)


def test_it_answers_as_the_leader_would() -> None:
    """All quotes by symbol, the indices, one quote, and how the feed does."""
    follower = Follower()
    assert (follower.hearsay.feed(), follower.hearsay.board(), follower.hearsay.quote("005930")) == (None, None, None)
    follower.hear_feed(state="starting", session=None)
    assert follower.hearsay.feed() == msgspec.structs.replace(FEED, state="starting", session=None)
    assert (follower.hearsay.board(), follower.hearsay.quote("005930")) == (None, None)
    tape = Tape(frame_of(market_after(5)[1]))
    first, second = tape.board.quotes(np.arange(2))
    quotes = [msgspec.structs.replace(first, symbol="005930"), msgspec.structs.replace(second, symbol="000660")]
    for quote in quotes:
        follower.hear(f"quote:{quote.symbol}", quote.symbol, quote)
    index = IndexQuote("KOSPI", 3_000.0, 10.0, 0.0033, FEED.clock or datetime.now(UTC))
    follower.hear("index:KOSPI", "KOSPI", index)
    follower.hear_feed()
    board = follower.hearsay.board()
    assert board is not None
    page = msgspec.json.decode(board, type=BoardPage)
    assert (page.workspace, page.simulated, page.session, page.at) == ("demo", True, ON, FEED.clock)
    assert page.quotes == [quotes[1], quotes[0]]
    assert page.indices == [index]
    one = follower.hearsay.quote("005930")
    assert one is not None
    assert (one.session, one.quote) == (ON, quotes[0])
    with pytest.raises(UnknownSymbol):
        follower.hearsay.quote("ZZZ")
    with pytest.raises(DataNotFound):
        follower.hearsay.quote("035420")


def test_a_leader_that_says_nothing_is_silent() -> None:
    """Whether it fell silent while we listened, or before."""
    follower = Follower()
    follower.hear_feed()
    assert follower.hearsay.feed() == FEED
    follower.steady += SILENT_S - 1
    assert follower.hearsay.feed() == FEED
    follower.steady += 1
    silent = follower.hearsay.feed()
    assert silent is not None
    assert (silent.state, "nothing heard" in silent.detail) == ("silent", True)
    follower.hear_feed(ticks=11)
    assert follower.hearsay.feed() == msgspec.structs.replace(FEED, ticks=11)
    late = Follower()
    late.hear_feed(at=datetime.now(UTC) - timedelta(minutes=1))
    found = late.hearsay.feed()
    assert found is not None
    assert found.state == "silent"


def changes_of(tape: Tape, sectors: dict[str, IntArray]) -> dict[str, float]:
    """Of sectors, as the tape stands: the means of their members, weighted by traded value."""
    day, before, found = tape.board.day, tape.frame.before, {}
    for name, places in sectors.items():
        known = [place for place in places.tolist() if day.value[place] > 0 and not np.isnan(before[place])]
        worth = sum(day.value[place] for place in known)
        if known:
            found[name] = sum(day.value[at] / worth * (day.close[at] / before[at] - 1.0) for at in known)
    return found


def test_the_gate_is_judged_at_the_close_of_each_minute() -> None:
    """From the indices' changes, and those of the sectors weighted by traded value; unknown before both indices are."""
    day = market_after(5)[1]
    sectors = {"even": np.arange(0, len(day.universe), 2), "odd": np.arange(1, len(day.universe), 2)}
    last = {name: bar.open * 0.97 for name, bar in day.indices.items()}
    tape = Tape(replace(frame_of(day), sectors=sectors, indices=last, workspace="demo", simulated=True))
    judged = []
    for batch in batches_of(day):
        changes = changes_of(tape, sectors)
        indices = {name: index.change_ratio for name, index in tape.indices.items()}
        for event in tape.advance(batch):
            if isinstance(event, GateJudged):
                judged.append(event.gate)
                assert event.gate.sectors == pytest.approx(changes, abs=1e-12)
                expected = gate.judge(indices, changes)
                assert (event.gate.state, event.gate.score) == (expected.state, expected.score)
                assert (event.gate.as_of, event.gate.workspace, event.gate.simulated) == (day.on, "demo", True)
    assert len(judged) > 300
    assert judged[-1].state != "unknown"

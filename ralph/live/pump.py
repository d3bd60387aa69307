"""The live path on one screen: one await, and nothing can block it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Protocol

import msgspec

from ralph.live.feed import Feed
from ralph.live.recorder import Recorder
from ralph.market.tick import Batch
from ralph.signals.signal import Signal
from ralph.tape.events import (
    BarsClosed,
    Event,
    GateJudged,
    IndexMoved,
    MinuteBar,
    Quote,
    Quoted,
    Scanned,
    ScreenMoved,
    SignalMoved,
    instant_of,
)
from ralph.tape.tape import Tape


class Hub(Protocol):
    """Where frames go: `publish` keeps the newest of a key, what is announced is never dropped."""

    def publish(self, topic: str, key: str, data: msgspec.Struct) -> None: ...

    def publish_many(self, prefix: str, keys: Sequence[str], rows: Sequence[msgspec.Struct]) -> None: ...

    def announce(self, topic: str, data: msgspec.Struct, key: str | None = None) -> int: ...

    def subscribers(self, topic: str) -> int: ...


class SignalFrame(msgspec.Struct, frozen=True):
    """A step of a Signal, with the Signal as GET /api/v1/signals shows it."""

    event: str
    signal: Signal
    at: datetime


class Watch(Protocol):
    """Who looks at each closed minute beside the tape; it may wait before the next one."""

    async def closed(self, tape: Tape, publish: Callable[[Event], None]) -> None: ...


class Observer(Protocol):
    """Who is told of each batch, and of the seconds that it took."""

    def advanced(self, batch: Batch, seconds: float) -> None: ...


class Publisher:
    """Turns events into frames. `token` names the run: what is announced in it is announced once."""

    def __init__(self, hub: Hub, tape: Tape, token: str) -> None:
        self._hub = hub
        self._tape = tape
        self._token = token
        self._place = {code: at for at, code in enumerate(tape.frame.universe)}

    def publish(self, event: Event) -> None:
        """The frames of an event."""
        hub = self._hub
        match event:
            case Quoted(quotes=quotes):
                hub.publish_many("quote:", [quote.symbol for quote in quotes], quotes)
                self._running(quotes)
            case BarsClosed():
                self._bars(event)
            case IndexMoved(quotes=quotes):
                for index in quotes:
                    hub.publish(f"index:{index.name}", index.name, index)
            case SignalMoved():
                frame = SignalFrame(event.event, event.signal, event.at)
                key = f"{self._token}:{event.signal.id}:{event.event}"
                hub.announce("signals", frame, key)
                hub.announce(f"signals:{event.signal.system}", frame, key)
            case ScreenMoved():
                key = f"{self._token}:{event.event}:{event.symbol}:{event.at.isoformat()}"
                hub.announce(f"screen:{event.screen}", event, key)
            case GateJudged(gate=gate):
                hub.publish("gate", "gate", gate)
            case Scanned():
                hub.announce("scans", event, f"{self._token}:{event.scan}:{event.symbol}")

    def _bars(self, event: BarsClosed) -> None:
        """Of everybody, read or not: whoever begins to read is told the last ones."""
        bars, universe = event.bars, self._tape.frame.universe
        opened_at = instant_of(bars.opened_at)
        key = opened_at.isoformat()
        columns = (bars.symbol, bars.open, bars.high, bars.low, bars.close, bars.volume, bars.value)
        for symbol, opened, high, low, close, volume, value in zip(*(each.tolist() for each in columns), strict=True):
            bar = MinuteBar(
                symbol=universe[symbol],
                opened_at=opened_at,
                open=opened,
                high=high,
                low=low,
                close=close,
                volume=volume,
                value=value,
                partial=False,
            )
            self._hub.publish(f"bar:{universe[symbol]}:1m", key, bar)

    def _running(self, quotes: Sequence[Quote]) -> None:
        """Running bars of who is looked at."""
        for quote in quotes:
            topic = f"bar:{quote.symbol}:1m"
            if self._hub.subscribers(topic):
                bar = self._tape.running_bar(self._place[quote.symbol])
                if bar is not None:
                    self._hub.publish(topic, bar.opened_at.isoformat(), bar)


async def pump(
    feed: Feed, tape: Tape, publisher: Publisher, recorder: Recorder | None, watch: Watch, observer: Observer
) -> None:
    """Drive a tape with a feed until it ends."""

    def tell(event: Event) -> None:
        publisher.publish(event)
        if recorder is not None:
            recorder.note(event)

    async for batch in feed.batches():
        started = time.perf_counter()
        events = tape.advance(batch)
        if recorder is not None:
            recorder.record(batch)
        for event in events:
            tell(event)
        observer.advanced(batch, time.perf_counter() - started)
        if any(isinstance(event, BarsClosed) for event in events):
            await watch.closed(tape, tell)

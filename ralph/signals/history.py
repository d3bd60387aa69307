"""A Session of all systems: open Signals meet its bars, then Setups become new ones. Session after Session it is the
same, whether each is played on its evening or many of them later."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import NamedTuple

import numpy as np

from ralph.config import SignalsConfig
from ralph.market.panel import Panel
from ralph.market.symbol import Symbol
from ralph.scanners import gate
from ralph.scanners.around import Around
from ralph.scanners.day import MarketDay
from ralph.scanners.running import UniverseFilter, passes
from ralph.signals import life
from ralph.signals.limits import Room, week_of
from ralph.signals.prices import grid_of, levels
from ralph.signals.signal import GRADES, Signal, Transition, signal_id
from ralph.signals.sizes import shares
from ralph.signals.systems import Proposal, System
from ralph.signals.trading import Bar, Trading

Key = tuple[str, Symbol]


@dataclass(frozen=True)
class Closing:
    """A person closed the Signal of this id on a Session, at a price as it was traded then."""

    signal_id: str
    on: date
    price: float


class Played(NamedTuple):
    """What a Session did to the Signals of a system: those it changed as they are now, and each step on the way."""

    on: date
    system: str
    version: str
    signals: tuple[Signal, ...]
    transitions: tuple[Transition, ...]


@dataclass
class Book:
    """The open Signals of some systems, by system and Symbol; those that closed in the week played last, by system; and
    what was closed by hand, by id."""

    open: dict[Key, Signal] = field(default_factory=dict)
    ended: dict[str, list[Signal]] = field(default_factory=dict)
    closings: dict[str, Closing] = field(default_factory=dict)

    @staticmethod
    def of(signals: Sequence[Signal], closings: Sequence[Closing] = ()) -> Book:
        """From what is stored."""
        book = Book({each.key: each for each in signals if each.is_open})
        book.closings = {each.signal_id: each for each in closings}
        for each in signals:
            if each.state == "closed":
                book.ended.setdefault(each.system, []).append(each)
        return book

    def end(self, signal: Signal) -> None:
        """It is open no more."""
        del self.open[signal.key]
        if signal.state == "closed":
            self.ended.setdefault(signal.system, []).append(signal)

    def room(self, system: System, on: date) -> Room:
        """What the system may still take on a Session."""
        monday, ended = week_of(on), self.ended.get(system.name, [])
        if ended and ended[0].closed_on is not None and ended[0].closed_on < monday:
            ended = self.ended[system.name] = [each for each in ended if each.closed_on and each.closed_on >= monday]
        held = (signal for key, signal in self.open.items() if key[0] == system.name)
        return Room(system.rules, on, held, ended)


class MarketDays(NamedTuple):
    """A market as of a Session: all of it, those without anomalies, and those of them that scanners look at."""

    around: Around
    clean: MarketDay
    lively: MarketDay


def market_days(panel: Panel, on: date) -> MarketDays:
    """The Universe is every Symbol listed on the Session."""
    around = Around(panel.session_view(on))
    whole = MarketDay(around.view, around.view.listed, around)

    def some(universe_filter: UniverseFilter) -> MarketDay:
        looked_at = np.zeros(around.there.size, dtype=np.bool_)
        looked_at[whole.columns[passes(whole, universe_filter) & whole.is_clean]] = True
        return MarketDay(around.view, looked_at, around)

    return MarketDays(around, some("none"), some("default"))


def play(panel: Panel, index: int, systems: Sequence[System], book: Book, config: SignalsConfig) -> list[Played]:
    """One Session. Changes the book."""
    trading = Trading(panel, index)
    days = market_days(panel, trading.on)
    state = gate.as_of(days.around).state
    played = []
    for system in systems:
        steps = list(_advanced(trading, system.name, book, config))
        steps += _armed(trading, system, days, book, (config, state))
        steps += _closed_by_hand(trading.on, system.name, book, config)
        changed = {signal.id: signal for signal, _ in steps}
        told = tuple(transition for _, transitions in steps for transition in transitions)
        played.append(Played(trading.on, system.name, system.version, tuple(changed.values()), told))
    return played


def _advanced(trading: Trading, system: str, book: Book, config: SignalsConfig) -> Iterator[life.Step]:
    for key, signal in [item for item in book.open.items() if item[0][0] == system]:
        column = trading.panel.columns.get(signal.symbol)
        if column is None:
            continue
        step = _next(trading, column, signal, config)
        if step[0].is_open:
            book.open[key] = step[0]
        else:
            book.end(step[0])
        if step[0] is not signal:
            yield step


def _closed_by_hand(on: date, system: str, book: Book, config: SignalsConfig) -> Iterator[life.Step]:
    """What a person closed when the Session had been played: so it comes last."""
    for signal in [each for each in book.open.values() if each.system == system]:
        closing = book.closings.get(signal.id)
        if closing is not None and closing.on == on:
            step = life.end_by_hand(signal, on, closing.price, config.costs)
            book.end(step[0])
            yield step


def _next(trading: Trading, column: int, signal: Signal, config: SignalsConfig) -> life.Step:
    armed_age = trading.index - session_index(trading.panel, signal.armed_on)
    filled_age = trading.index - session_index(trading.panel, signal.triggered_on or signal.armed_on)
    now = life.Now(trading.on, armed_age, filled_age, config.costs)
    bar = trading.bar(column, signal.priced_on)
    if bar is not None:
        return life.advance(signal, bar, now)
    silent = trading.index - session_index(trading.panel, signal.priced_on)
    is_gone = not trading.has_row(column) and silent >= life.UNTRADED_SESSIONS
    return life.pass_by(signal, now, trading.last_close(column) if is_gone else None)


def session_index(panel: Panel, on: date) -> int:
    """Where a Session stands in the Panel; a day without one where it would."""
    found = panel.places.get(on)
    return int(np.searchsorted(panel.sessions, np.datetime64(on, "D"))) if found is None else found


def _armed(
    trading: Trading, system: System, days: MarketDays, book: Book, given: tuple[SignalsConfig, str]
) -> Iterator[life.Step]:
    room = book.room(system, trading.on)
    for bar, signal in sorted(_proposed(trading, system, days, book, given), key=_best_first):
        step = life.arm(room.sized(signal), bar, given[0].costs)
        if step[0].is_open:
            book.open[signal.key] = step[0]
        yield step


def _proposed(
    trading: Trading, system: System, days: MarketDays, book: Book, given: tuple[SignalsConfig, str]
) -> Iterator[tuple[Bar, Signal]]:
    day = days.lively if system.is_filtered else days.clean
    for setup in system.find(day):
        if (system.name, setup.symbol) in book.open:
            continue
        column = trading.panel.columns[setup.symbol]
        proposal = system.propose(setup, day, int(np.searchsorted(day.columns, column)))
        bar = trading.bar(column, trading.on)
        if proposal is not None and bar is not None:
            yield bar, _signal(system, trading, column, proposal, given)


def _best_first(proposed: tuple[Bar, Signal]) -> tuple[int, float, Symbol]:
    signal = proposed[1]
    return GRADES.index(signal.grade), -signal.score, signal.symbol


def _signal(
    system: System, trading: Trading, column: int, proposal: Proposal, given: tuple[SignalsConfig, str]
) -> Signal:
    config, state = given
    listing = trading.panel.listings[column]
    grid = grid_of(listing, trading.on)
    entry = grid.up(proposal.entry) if proposal.plan.entry == "stop" else proposal.entry
    own = levels(entry, proposal.plan, grid)
    return Signal(
        id=signal_id(system.name, listing.symbol, trading.on),
        system=system.name,
        version=system.version,
        symbol=listing.symbol,
        name=listing.name,
        market=listing.market,
        kind=listing.kind,
        sector=listing.sector,
        armed_on=trading.on,
        priced_on=trading.on,
        grade=proposal.grade,
        score=proposal.score,
        gate=state,
        state="armed",
        plan=proposal.plan,
        levels=own,
        shares=shares(system.rules, proposal.grade, own, config.capital),
        components=proposal.components,
        reasons=(proposal.sentence,),
        values=proposal.values,
    )


def replay(
    panel: Panel, span: range, systems: Sequence[System], book: Book, config: SignalsConfig
) -> Iterator[list[Played]]:
    """Sessions in a row, by their index in the Panel."""
    for index in span:
        yield play(panel, index, systems, book, config)


def merged(days: Sequence[Sequence[Played]]) -> Mapping[str, Signal]:
    """The Signals of several Sessions as they are after the last one, by id."""
    return {signal.id: signal for played in days for each in played for signal in each.signals}

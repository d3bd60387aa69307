"""Watched screens: who enters and leaves them while the market is open.

The Session so far is laid below a Panel as its newest bar, exactly as it will be when it is stored; so at the last bar
of the day a watched screen holds what the screen as of that day will. Not for the event loop: it computes.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date

import numpy as np
from numpy.typing import NDArray

from ralph.errors import BadRequest
from ralph.market.panel import Panel
from ralph.market.running import RunningPanel, SoFar
from ralph.market.symbol import Listing
from ralph.market.view import View
from ralph.screens.across import Scope
from ralph.screens.matching import truths
from ralph.screens.running_day import Memories, RunningDay
from ralph.screens.selecting import Context, resolved
from ralph.screens.tree import Condition
from ralph.screens.universe import members
from ralph.tape.events import ScreenMoved, instant_of

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

SCREENS_AT_ONCE = 8  # begun in one piece


@dataclass(frozen=True)
class WatchedScreen:
    """A saved screen that is watched: what it asks, and whom; `context` has the lists and screens that it names."""

    id: str
    condition: Condition
    universe: list[str] | str | None = None
    context: Context = field(default_factory=Context)


class WatchedScreens:
    """Who is in each watched screen; at first who was at the last close."""

    def __init__(self, panel: Panel, on: date, universe: Sequence[str], names: Sequence[str | None]) -> None:
        self._panel = panel
        self._universe, self._names = universe, names
        self._place = {code: at for at, code in enumerate(universe)}
        self._running = RunningPanel(panel, on, universe)
        self._memories = Memories(panel)
        self._older = np.zeros(0, dtype=np.int64)  # where each column of the running Panel was in the one before
        self._listings: tuple[Listing, ...] = ()
        self._screens: dict[str, WatchedScreen] = {}
        self._inside: dict[str, BoolArray] = {}
        self.refused: dict[str, str] = {}

    def watch(self, wanted: Sequence[WatchedScreen]) -> None:
        """Watch these from now on; `refused` says why one cannot be."""
        for _ in self.begin(wanted):
            pass

    def begin(self, wanted: Sequence[WatchedScreen]) -> Iterator[None]:
        """The same in pieces, between which others may compute. What the looks of the day need of all bars is found
        out, too, lest the first one waits for it."""
        self.refused = {}
        known = {each.id: each for each in wanted if each.id in self._inside}
        self._screens, self._inside = known, {name: self._inside[name] for name in known}
        for group in _by_universe(each for each in wanted if each.id not in known):
            for start in range(0, len(group), SCREENS_AT_ONCE):
                piece = group[start : start + SCREENS_AT_ONCE]
                matches = self._matches(self._panel, piece)
                yield
                running = self._running.prepared()
                if running is not None:
                    self._matches(running, piece)
                    yield
                for each, found in itertools.zip_longest(piece, matches):
                    inside = self._nobody() if found is None else self._of_universe(self._panel, found)
                    self._screens[each.id], self._inside[each.id] = each, inside

    def __len__(self) -> int:
        return len(self._screens)

    def inside(self, screen: str) -> list[str]:
        """The codes that are in a screen."""
        return [self._universe[place] for place in np.flatnonzero(self._inside[screen]).tolist()]

    def look(self, bars: SoFar) -> list[ScreenMoved]:
        """Who has entered and left, by the Session so far."""
        if not self._screens or not bars.symbol.size:
            return []
        panel = self._running.lay(bars)
        traded = self._nobody()
        traded[bars.symbol] = True
        close = np.full(traded.size, np.nan)
        close[bars.symbol] = bars.close
        moved: list[ScreenMoved] = []
        for group in _by_universe(self._screens.values()):
            for screen, found in zip(group, self._matches(panel, group), strict=False):
                now = np.where(traded, self._of_universe(panel, found), self._inside[screen.id])
                moved += self._moves(screen.id, now, close, bars.at)
                self._inside[screen.id] = now
        return moved

    def _moves(self, screen: str, now: BoolArray, close: FloatArray, at: int) -> list[ScreenMoved]:
        when = instant_of(at)
        return [
            ScreenMoved(
                screen=screen,
                event="entered" if now[place] else "left",
                symbol=self._universe[place],
                name=self._names[place],
                price=float(close[place]),
                at=when,
            )
            for place in np.flatnonzero(now != self._inside[screen]).tolist()
        ]

    def _matches(self, panel: Panel, group: Sequence[WatchedScreen]) -> list[BoolArray]:
        """The columns that meet each screen of a group; nothing at all where one of them cannot be evaluated."""
        if panel.sessions.size == 0:
            return []
        view, first = self._view(panel), group[0]
        try:
            scope = Scope(view, lambda seen: members(seen, first.universe), first.context)
            columns = np.flatnonzero(scope.universe(view) & view.traded)
            parts = [resolved(each.condition, each.context) for each in group]
            found = truths(scope, columns, parts)
        except BadRequest as error:
            if len(group) > 1:
                return [mask for each in group for mask in self._matches(panel, [each]) or [view.traded & False]]
            self.refused[first.id] = error.message
            return []
        masks = []
        for truth in found:
            mask = np.zeros(view.first.size, dtype=np.bool_)
            mask[columns[truth.true]] = True
            masks.append(mask)
        return masks

    def _view(self, panel: Panel) -> View:
        if panel is self._panel:
            return panel.as_of()
        if panel.listings is not self._listings:
            self._listings = panel.listings
            self._older = np.array([self._panel.columns.get(symbol, -1) for symbol in panel.symbols], dtype=np.int64)
        return RunningDay(self._running, panel, self._memories, self._older)

    def _of_universe(self, panel: Panel, columns: BoolArray) -> BoolArray:
        inside = self._nobody()
        for column in np.flatnonzero(columns).tolist():
            place = self._place.get(panel.symbols[column])
            if place is not None:
                inside[place] = True
        return inside

    def _nobody(self) -> BoolArray:
        return np.zeros(len(self._universe), dtype=np.bool_)


def _by_universe(wanted: Iterable[WatchedScreen]) -> list[list[WatchedScreen]]:
    """Screens that look at the same Symbols and name nothing are evaluated together."""
    groups: dict[object, list[WatchedScreen]] = {}
    for each in wanted:
        names_nothing = not each.context.lists and not each.context.screens
        universe = tuple(each.universe) if isinstance(each.universe, list) else each.universe
        groups.setdefault(("all", universe) if names_nothing else ("own", each.id), []).append(each)
    return list(groups.values())

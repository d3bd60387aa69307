"""Who belongs to which market, sector and list on which Session."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ralph.errors import BadExpression
from ralph.market.panel import IntArray, Panel
from ralph.market.symbol import Symbol
from ralph.screens.operations import BoolArray, IndexArray
from ralph.screens.selecting import Context
from ralph.screens.tree import Belongs

UNKNOWN = -1
NAMES_SHOWN_MAX = 30  # of those there are, in an error


class Rolls:
    """Read from the listings of a Panel, when first asked for."""

    def __init__(self, panel: Panel) -> None:
        self._panel = panel
        self._codes: IndexArray | None = None
        self._places: dict[str, int] = {}
        self._moves: list[tuple[int, int, int, int]] = []
        self._changed: dict[tuple[tuple[int, int], ...], IndexArray] = {}

    def members(self, node: Belongs, context: Context, sessions: IntArray) -> tuple[BoolArray, BoolArray]:
        """Whether each Symbol was a member on each of its Sessions, and whether that is known: [tail, symbols] each.

        BadExpression points at a market, sector or list that there is not.
        """
        if node.of == "list":
            places = (self._panel.columns.get(Symbol(code)) for code in context.symbols_of(node))
            member = np.zeros(sessions.shape, dtype=np.bool_)
            member[:, [place for place in places if place is not None]] = True
            return member, np.ones_like(member)
        days = [int(day) for day in np.unique(sessions[sessions >= 0])]
        if len(days) > 1 and not any(past.field == node.of for one in self._panel.listings for past in one.past):
            days = days[-1:]  # nobody ever moved: every day is as the last
        member = np.zeros(sessions.shape, dtype=np.bool_)
        known = np.zeros(sessions.shape, dtype=np.bool_)
        for day in days or [self._panel.sessions.size - 1]:
            on = sessions == day if len(days) > 1 else np.ones_like(member)
            mine, told = self._on_market(node, day) if node.of == "market" else self._in_sector(node, day)
            member |= on & mine
            known |= on & told
        return member, known

    def sectors(self, session: int) -> IndexArray:
        """The number of each Symbol's sector on a Session, UNKNOWN where nobody said: [symbols]; one array for all
        Sessions between which nobody moved."""
        codes = self._sector_codes()
        day = self._panel.sessions[session].astype(object).toordinal()
        moved = [(column, code) for column, since, until, code in self._moves if since <= day <= until]
        if not moved:
            return codes
        changed = self._changed.get(tuple(moved))
        if changed is None:
            changed = self._changed[tuple(moved)] = codes.copy()
            for column, code in moved:
                changed[column] = code
        return changed

    def _on_market(self, node: Belongs, session: int) -> tuple[BoolArray, BoolArray]:
        roster = self._panel.roster
        names = _known(node, roster.markets)
        on = self._panel.sessions[session].astype(object)
        member = np.logical_or.reduce([roster.on_market(name, on) for name in names])
        told = np.logical_or.reduce([roster.on_market(name, on) for name in roster.markets])
        return member, told

    def _in_sector(self, node: Belongs, session: int) -> tuple[BoolArray, BoolArray]:
        codes = self.sectors(session)
        wanted = [self._places[name] for name in _known(node, tuple(self._places))]
        return np.isin(codes, wanted), codes != UNKNOWN

    def _sector_codes(self) -> IndexArray:
        """Of today; former ones become moves."""
        if self._codes is None:
            listings = self._panel.listings
            every = ((column, one) for column, listing in enumerate(listings) for one in listing.past)
            past = [(column, one) for column, one in every if one.field == "sector"]
            names = {listing.sector for listing in listings if listing.sector} | {one.value for _, one in past}
            self._places = {name: place for place, name in enumerate(sorted(names))}
            self._moves = [
                (column, one.since.toordinal(), one.until.toordinal(), self._places.get(one.value, UNKNOWN))
                for column, one in past
            ]
            self._codes = np.array([self._places.get(one.sector or "", UNKNOWN) for one in listings], dtype=np.int64)
        return self._codes


def _known(node: Belongs, names: Sequence[str]) -> list[str]:
    """The names as they are spelled here."""
    spelled = {name.casefold(): name for name in names}
    found = []
    for name in node.names:
        if name.casefold() not in spelled:
            listed = ", ".join(names[:NAMES_SHOWN_MAX]) or "none yet: import symbols to name them"
            raise BadExpression(
                f"there is no {node.of} {name!r}; known: {listed}",
                position=node.span.start,
                length=node.span.end - node.span.start,
                suggestion=listed,
            )
        found.append(spelled[name.casefold()])
    return found

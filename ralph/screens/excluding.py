"""Who could not match a screen, and why: it cannot be told whether they meet it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from ralph.market.view import View
from ralph.screens.answer import EXCLUDED_MAX, Excluded, Reason
from ralph.screens.lookback import bars_seen
from ralph.screens.operations import BoolArray, IndexArray, Truth
from ralph.screens.tree import Condition


class Exclusion:
    """The Symbols of a universe that could not match as of a day, by reason.

    columns, found  the Symbols that were asked and what each part said of them
    """

    def __init__(
        self, view: View, universe: BoolArray, columns: IndexArray, found: Sequence[Truth], whole: Condition
    ) -> None:
        true = np.logical_and.reduce([truth.true for truth in found])
        false = np.logical_or.reduce([truth.false for truth in found])
        missing = columns[~true & ~false]
        self._view = view
        self._asked = columns
        self._found = found
        self._needed = bars_seen(whole)
        is_young = view.height - view.first[missing] < self._needed
        self._others = int((view.listed & ~universe).sum())
        self._columns = {
            "no_bar": np.flatnonzero(universe & ~view.traded & ~view.halted),
            "halted": np.flatnonzero(universe & view.halted),
            "young_listing": missing[is_young],
            "missing_value": missing[~is_young],
        }

    def counts(self) -> dict[str, int]:
        """How many there are of each reason."""
        return {why: int(columns.size) for why, columns in self._columns.items()} | {"not_in_universe": self._others}

    def symbols(self, parts: Sequence[Condition]) -> list[Excluded]:
        """Who they are, at most EXCLUDED_MAX of each reason; `parts` as they were asked."""
        texts = [str(part) for part in parts]
        unknown = np.array([~truth.true & ~truth.false for truth in self._found])
        first = unknown.argmax(axis=0).tolist() if unknown.size else []
        part_of = {column: texts[at] for column, at in zip(self._asked.tolist(), first, strict=True)}
        return list(self._listed(part_of))

    def _listed(self, part_of: Mapping[int, str]) -> Iterator[Excluded]:
        listings = self._view.panel.listings
        for why, columns in self._columns.items():
            for column in columns[:EXCLUDED_MAX].tolist():
                part = part_of.get(column)
                listing = listings[column]
                yield Excluded(listing.symbol, listing.name, why, part, self._reason(why, column, part))

    def _reason(self, why: str, column: int, part: str | None) -> Reason:
        day = self._view.on
        match why:
            case "no_bar":
                return Reason(f"no bar on {day}", f"{day}에 봉이 없습니다")
            case "halted":
                return Reason(f"halted on {day}: no trade", f"{day} 거래 정지")
            case "young_listing":
                held, needed = self._view.height - int(self._view.first[column]), self._needed
                return Reason(f"{held} bars of {needed} needed", f"봉 {needed}개가 필요한데 {held}개뿐입니다")
            case _:
                return Reason(f"a figure in {part} is missing", f"{part}에 쓸 값이 없습니다")

"""The newest Session of a Panel while it runs: indicators are followed bar by bar, not computed from all bars."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import chain
from typing import NamedTuple

import numpy as np

from ralph.indicators.indicator import Outputs
from ralph.indicators.live import Live
from ralph.indicators.plan import Plan
from ralph.indicators.terms import SOURCE, Term
from ralph.indicators.together import SERIES, with_names
from ralph.market.panel import Panel
from ralph.market.periods import Frame, Periods
from ralph.market.running import RunningPanel
from ralph.market.view import View
from ralph.screens.catalogue import indicators
from ralph.screens.frames import NEVER_MISSING, IndexArray, field_of, plan_of_reading
from ralph.screens.tree import Field, Reading

BARS_KEPT = 260  # whose values are kept; what looks further back is computed
FEW_BARS = 8  # who looks at no more is followed apart from who does: those are few
CELLS_MAX = 8_000_000  # values kept, 64 MB, and once more in the order of the day; what more is asked for is computed


class Wanted(NamedTuple):
    """An indicator and how many of its newest rows are asked for."""

    whole: Reading
    rows: int


class Followed:
    """Indicators planned together: what they remember as of the Session before, and their newest rows, [rows, symbols]
    for each output, the last of which is written at each look."""

    def __init__(self, panel: Panel, wanted: Sequence[Wanted]) -> None:
        self._lines: dict[Reading, slice] = {}
        terms: list[Term] = []
        for whole, _ in wanted:
            begin = len(terms)
            terms += _terms(whole)
            self._lines[whole] = slice(begin, len(terms))
        self._plan = plan = Plan(terms)
        rows = max(one.rows for one in wanted)
        before = max(0, panel.bar_count - rows + 1)
        older = {name: panel.fields[name][:before] for name in plan.inputs}
        self._live = Live.start(plan, older, np.minimum(panel.first, before))
        kept = list(chain.from_iterable([one.rows] * len(_terms(one.whole)) for one in wanted))
        self._before = [np.full((count, panel.first.size), np.nan) for count in kept]
        for row in range(before, panel.bar_count):
            lanes = np.flatnonzero(panel.first <= row)
            found = self._live.commit(lanes, {name: panel.fields[name][row, lanes] for name in plan.inputs})
            back = panel.bar_count - row  # bars before the one to come
            for values, of_term in zip(self._before, found, strict=True):
                if back < len(values):
                    values[-1 - back, lanes] = of_term
        self._older = np.zeros(0, dtype=np.int64)
        self._rows = self._before

    def look(self, view: View, older: IndexArray) -> None:
        """Write the newest row: NaN for who has not traded. older [symbols]: the column that each of the view had in
        the Panel before, -1 where it had none."""
        if self._older is not older:
            self._rows = [np.where(older >= 0, values[:, older], np.nan) for values in self._before]
            self._older = older
        lanes = np.flatnonzero(view.traded & (older >= 0))
        first = np.flatnonzero(view.traded & (older < 0))  # their first bar of all
        newest = {name: view.newest(name, 1)[0] for name in self._plan.inputs}
        found = self._live.peek(older[lanes], {name: row[lanes] for name, row in newest.items()})
        begun = None
        if first.size:
            alone = Live(self._plan, first.size)
            begun = alone.peek(np.arange(first.size), {name: row[first] for name, row in newest.items()})
        for line, rows in enumerate(self._rows):
            rows[-1] = np.nan
            rows[-1, lanes] = found[line]
            if begun is not None:
                rows[-1, first] = begun[line]

    def of(self, whole: Reading, tail: int) -> Outputs:
        """{output: [tail, symbols]} of an indicator as of the last look."""
        rows = self._rows[self._lines[whole]]
        return {name: one[-tail:] for name, one in zip(indicators()[whole.indicator].outputs, rows, strict=True)}


class Memories:
    """What indicators remember of a Panel, each from when it is first asked for. Reads the Panel, one thread a time."""

    def __init__(self, panel: Panel) -> None:
        self.panel = panel
        self._wanted: dict[Reading, int] = {}
        self._found: dict[Reading, tuple[Followed, int]] = {}
        self._cells = 0

    def want(self, whole: Reading, tail: int) -> bool:
        """Follow an indicator from the next look on; whether that can be: of what every bar has, and as long as there
        is room for so many rows."""
        if max(self._wanted.get(whole, 0), self._found[whole][1] if whole in self._found else 0) >= tail:
            return True
        if tail > min(BARS_KEPT, self.panel.bar_count) or not _is_followed(whole):
            return False
        cells = tail * len(indicators()[whole.indicator].outputs) * self.panel.first.size
        if self._cells + cells > CELLS_MAX:
            return False
        self._cells += cells
        self._wanted[whole] = tail
        return True

    def of(self, whole: Reading) -> Followed:
        """Who follows an indicator. What was wanted since this was last asked is planned together."""
        if whole in self._wanted:
            wanted = [Wanted(one, tail) for one, tail in self._wanted.items()]
            self._wanted.clear()
            few = [one for one in wanted if one.rows <= FEW_BARS]
            many = [one for one in wanted if one.rows > FEW_BARS]
            for group in filter(None, (few, many)):
                followed = Followed(self.panel, group)
                self._found.update({one.whole: (followed, one.rows) for one in group})
        return self._found[whole][0]


class RunningDay(View):
    """The newest Session of a Panel that was grown by it, with the memories of the Panel before.

    older [symbols]: the column that each had there, -1 where it had none
    """

    def __init__(self, running: RunningPanel, panel: Panel, memories: Memories, older: IndexArray) -> None:
        super().__init__(panel, panel.sessions.size - 1)
        self._running = running
        self._memories = memories
        self._older = older
        self._looked: set[Followed] = set()

    @property
    def height(self) -> int:
        """All rows of the Panel, also while who has most has not traded."""
        return self.panel.bar_count

    def periods(self, frame: Frame) -> Periods:
        """The weeks or months, kept from look to look."""
        return self._running.periods(frame)

    def knows(self, whole: Reading, tail: int) -> bool:
        """Whether `reading` gives the newest `tail` rows."""
        return self._memories.want(whole, tail)

    def reading(self, whole: Reading, tail: int) -> Outputs:
        """The newest rows of an indicator that `knows` said yes to, {output: [tail, symbols]}; NaN for who did not
        trade or had no bar before."""
        followed = self._memories.of(whole)
        if followed not in self._looked:
            self._looked.add(followed)
            followed.look(self, self._older)
        return followed.of(whole, tail)


def _is_followed(whole: Reading) -> bool:
    if whole.source is not None and not isinstance(whole.source, Field):
        return False
    indicator, plan = plan_of_reading(whole)
    return bool(plan.inputs) and all(field_of(indicator, whole, name) in NEVER_MISSING for name in plan.inputs)


def _terms(whole: Reading) -> list[Term]:
    """What its outputs are made of, of the fields that are read."""
    indicator = indicators()[whole.indicator]
    defined = indicator.terms(whole.mode, indicator.bind(dict(whole.params)))
    names: Mapping[Term, Term] = {} if not indicator.source else {SOURCE: SERIES[field_of(indicator, whole, "source")]}
    return [with_names(defined[output], names) for output in indicator.outputs]

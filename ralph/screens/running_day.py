"""The newest Session of a Panel while it runs: indicators that remember are followed, not computed from all bars."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ralph.indicators.indicator import Outputs
from ralph.indicators.live import Live
from ralph.market.panel import FloatArray, Panel
from ralph.market.view import View
from ralph.screens.frames import NEVER_MISSING, IndexArray, field_of, plan_of_reading
from ralph.screens.tree import Field, Reading

BARS_BEFORE = 30  # whose values are kept; what looks further back is computed


@dataclass(frozen=True, eq=False)
class _Followed:
    """An indicator as of the Session before: what it remembers, and its newest values [terms, BARS_BEFORE, columns]."""

    live: Live
    before: FloatArray
    fields: Mapping[str, str]
    outputs: tuple[str, ...]


class Memories:
    """What indicators remember of a Panel, each from when it is first asked for. Reads the Panel, one thread a time."""

    def __init__(self, panel: Panel) -> None:
        self.panel = panel
        self._followed: dict[Reading, _Followed] = {}

    def of(self, whole: Reading) -> _Followed:
        """Those of an indicator."""
        found = self._followed.get(whole)
        if found is None:
            found = self._followed[whole] = self._begin(whole)
        return found

    def _begin(self, whole: Reading) -> _Followed:
        indicator, plan = plan_of_reading(whole)
        fields = {name: field_of(indicator, whole, name) for name in plan.inputs}
        inputs = {name: self.panel.fields[of] for name, of in fields.items()}
        rows = min(BARS_BEFORE, self.panel.bar_count)
        live = Live.start(plan, inputs, self.panel.first)
        before = np.full((len(plan.terms), BARS_BEFORE, self.panel.first.size), np.nan)
        before[:, BARS_BEFORE - rows :] = plan.last(inputs, self.panel.first, rows)
        return _Followed(live, before, fields, indicator.outputs)


class RunningDay(View):
    """The newest Session of a Panel that was grown by it, with the memories of the Panel before.

    older [symbols]: the column that each had there, -1 where it had none
    """

    def __init__(self, panel: Panel, memories: Memories, older: IndexArray) -> None:
        super().__init__(panel, panel.sessions.size - 1)
        self._memories = memories
        self._older = older

    def knows(self, whole: Reading, tail: int) -> bool:
        """Whether `reading` gives the newest `tail` rows: of what remembers, and reads what every bar has."""
        if tail > min(BARS_BEFORE, self._memories.panel.bar_count):
            return False
        if whole.source is not None and not isinstance(whole.source, Field):
            return False
        indicator, plan = plan_of_reading(whole)
        if plan.reach(tail) is not None or not plan.inputs or not self._memories.panel.sessions.size:
            return False
        return all(field_of(indicator, whole, name) in NEVER_MISSING for name in plan.inputs)

    def reading(self, whole: Reading, tail: int) -> Outputs:
        """The newest rows of an indicator that `knows` said yes to, {output: [tail, symbols]}; NaN for who did not
        trade or had no bar before."""
        kept = self._memories.of(whole)
        lanes = np.flatnonzero(self.traded & (self._older >= 0))
        older = self._older[lanes]
        bars = {name: self.newest(of, 1)[0, lanes] for name, of in kept.fields.items()}
        out = np.full((len(kept.outputs), tail, self._older.size), np.nan)
        out[:, -1, lanes] = kept.live.peek(older, bars)
        if (first := np.flatnonzero(self.traded & (self._older < 0))).size:  # their first bar of all
            plan = plan_of_reading(whole)[1]
            new = {name: self.newest(of, 1)[0, first] for name, of in kept.fields.items()}
            out[:, -1, first] = Live(plan, first.size).peek(np.arange(first.size), new)
        if tail > 1:
            out[:, :-1, lanes] = kept.before[:, BARS_BEFORE - tail + 1 :][:, :, older]
        return dict(zip(kept.outputs, out, strict=True))

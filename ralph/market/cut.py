"""A Panel as it was when a Session had closed, by itself: to play what came after it."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np

from ralph.market.adjustment import Raw
from ralph.market.columns import frozen
from ralph.market.panel import FIELDS, Panel


def until(panel: Panel, day: date) -> Panel:
    """The Panel up to a Session; DataNotFound where it has none on that day. Prices are those adjusted by what was
    known by then; bars as they were traded are not kept beside them."""
    latest = panel.session_view(day).latest
    count, height = latest.index + 1, latest.height
    rows = panel.rows[:count]
    moved = (latest.shift - (panel.bar_count - height)).astype(np.int32)
    return replace(
        panel,
        sessions=panel.sessions[:count],
        rows=frozen(np.where(rows >= 0, rows + moved, rows).astype(np.int32)),
        first=frozen(latest.first.astype(np.int32)),
        fields={name: latest.field(name) for name in FIELDS},
        flags=latest.flags(),
        actions=tuple(action for action in panel.actions if action.on <= day),
        raw=Raw.none(height),
    )

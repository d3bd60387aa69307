"""A Panel as it was when a Session had closed, by itself: to play what came after it."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np
from numpy.typing import NDArray

from ralph.market.adjustment import ADJUSTED, Raw
from ralph.market.columns import frozen
from ralph.market.panel import FIELDS, Panel


def until(panel: Panel, day: date) -> Panel:
    """The Panel up to a Session; DataNotFound where it has none on that day. Prices are those adjusted by what was
    known by then."""
    latest = panel.session_view(day).latest
    count, height = latest.index + 1, latest.height
    rows = panel.rows[:count]
    moved = (latest.shift - (panel.bar_count - height)).astype(np.int32)
    columns = panel.raw.columns
    raw = {name: frozen(_moved(panel.raw.fields[name], moved[columns], height)) for name in ADJUSTED}
    return replace(
        panel,
        sessions=panel.sessions[:count],
        rows=frozen(np.where(rows >= 0, rows + moved, rows).astype(np.int32)),
        first=frozen(latest.first.astype(np.int32)),
        fields={name: latest.field(name) for name in FIELDS},
        flags=latest.flags(),
        raw=Raw(columns, raw),
    )


def before(panel: Panel, day: date) -> Panel:
    """The Panel up to the last Session before a day; all of it where there is none."""
    older = panel.sessions[panel.sessions < np.datetime64(day, "D")]
    is_part = 0 < older.size < panel.sessions.size
    return until(panel, older[-1].astype(object)) if is_part else panel


def _moved(bars: NDArray[np.float64], by: NDArray[np.int32], height: int) -> NDArray[np.float64]:
    """Lines of bars [symbols, bars] that are `height` long, bar `row` in row + by."""
    out = np.full((bars.shape[0], height), np.nan)
    for line, move in enumerate(by.tolist()):
        begin, end = max(0, -move), min(bars.shape[1], height - move)
        out[line, begin + move : end + move] = bars[line, begin:end]
    return out

"""Which Symbols meet the parts of a screen: as of one Session, and on many Sessions at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np

from ralph.errors import BadParameter
from ralph.market.panel import Panel
from ralph.screens.across import Scope, Universe, listed
from ralph.screens.blocks import blocks
from ralph.screens.operations import BoolArray, IndexArray, Truth
from ralph.screens.selecting import Context, resolved
from ralph.screens.tree import Condition, settled

DATES_MAX = 5_000


def truths(scope: Scope, columns: IndexArray, parts: Sequence[Condition]) -> list[Truth]:
    """Of each resolved part, for each of the columns. Most of the columns are not worth picking out of all."""
    total = scope.view.first.size
    dense = columns.size * 2 > total
    asked = np.arange(total) if dense else columns
    settled_parts = [settled(part) for part in parts]
    true = np.empty((len(parts), asked.size), dtype=np.bool_)
    false = np.empty_like(true)
    start = 0
    with np.errstate(all="ignore"):
        for block in blocks(scope, asked, [(part, 1) for part in settled_parts]):
            stop = start + block.width
            for row, part in enumerate(settled_parts):
                true[row, start:stop], false[row, start:stop] = block.truth(part)
            start = stop
    if dense:
        true, false = true[:, columns], false[:, columns]
    return [Truth(true[row], false[row]) for row in range(len(parts))]


@dataclass(frozen=True, eq=False)
class Days:
    """A screen on many Sessions: where it held, and where that could not be told, [sessions, symbols] each.

    scanned  whether the Symbol belonged to the universe and traded; what is neither matched nor missing did not hold
    """

    dates: tuple[date, ...]
    matched: BoolArray
    missing: BoolArray
    scanned: BoolArray


def run_dates(
    node: Condition, panel: Panel, dates: Sequence[date], universe: Universe = listed, context: Context | None = None
) -> Days:
    """A condition on each of these Sessions, as single runs as of them would find it, in one evaluation.

    Dates are Sessions in rising order. DataNotFound for a date without data; BadExpression and TooLarge as in `run`.
    """
    if not 1 <= len(dates) <= DATES_MAX or list(dates) != sorted(set(dates)):
        accepted = f"1 to {DATES_MAX:,} different dates in rising order"
        raise BadParameter(f"a screen runs on {accepted}, not on {len(dates):,}", field="dates", accepted=accepted)
    context = context or Context()
    whole = settled(resolved(node, context))
    views = [panel.session_view(day) for day in dates]
    last = views[-1].latest
    sessions = np.array([view.index for view in views])
    rows = panel.rows[sessions]
    tail = min(last.index - int(sessions[0]) + 1, last.height)
    place = tail - 1 - ((panel.bar_count - 1 - last.shift) - rows)
    there = (rows >= 0) & (place >= 0)
    at = np.clip(place, 0, tail - 1)
    matched = np.zeros(rows.shape, dtype=np.bool_)
    denied = np.zeros_like(matched)
    start = 0
    with np.errstate(all="ignore"):
        for block in blocks(Scope(last, universe, context), np.arange(rows.shape[1]), [(whole, tail)]):
            stop = start + block.width
            columns = slice(start, stop)
            for target, mask in zip((matched, denied), block.truth(whole, tail), strict=True):
                full = np.broadcast_to(mask, (tail, block.width))
                target[:, columns] = np.take_along_axis(full, at[:, columns], axis=0)
            start = stop
    scanned = there & np.stack([universe(view) for view in views])
    return Days(tuple(dates), matched & scanned, scanned & ~matched & ~denied, scanned)

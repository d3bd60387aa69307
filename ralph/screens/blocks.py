"""Bounds what a screen may hold and cost: Symbols are taken in blocks, too much work is refused before it starts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ralph.errors import TooLarge
from ralph.market.panel import View
from ralph.screens.evaluation import Evaluation, IndexArray
from ralph.screens.tree import Node

CELLS_MAX = 32_000_000  # float64 values held at once (256 MB); more Symbols than fit are taken in blocks
COST_CELLS_MAX = 2_000_000_000  # values computed by one screen: some ten seconds


def blocks(view: View, columns: IndexArray, wants: Sequence[tuple[Node, int]]) -> Iterator[Evaluation]:
    """Evaluations over the columns in order, as many at once as memory allows, with the wanted rows planned.

    TooLarge where the whole would cost more than a screen may.
    """
    planned = _planned(Evaluation(view), wants)
    cells = planned.rows_planned * columns.size
    if cells > COST_CELLS_MAX:
        raise TooLarge(
            f"this screen computes {cells:,} values, and {COST_CELLS_MAX:,} are allowed: use fewer or shorter windows "
            "within each other, or a smaller universe",
            field="expression",
            accepted=f"at most {COST_CELLS_MAX:,} values",
        )
    width = max(1, CELLS_MAX // max(1, planned.rows_planned))
    if columns.size == planned.width <= width:
        yield planned
        return
    for start in range(0, columns.size, width):
        yield _planned(Evaluation(view, columns[start : start + width]), wants)


def _planned(evaluation: Evaluation, wants: Sequence[tuple[Node, int]]) -> Evaluation:
    for node, tail in wants:
        evaluation.want(node, tail)
    return evaluation

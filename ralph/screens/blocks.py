"""Bounds what a screen may hold and cost: Symbols are taken in blocks, too much work is refused before it starts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ralph.errors import TooLarge
from ralph.screens.across import Neighbours, Scope
from ralph.screens.evaluation import Evaluation
from ralph.screens.operations import IndexArray
from ralph.screens.tree import Node

CELLS_MAX = 8_000_000  # float64 values of one block: 64 MB, and some 40 ms at most between two checks
COST_CELLS_MAX = 2_000_000_000  # values computed by one screen: some ten seconds


def blocks(scope: Scope, columns: IndexArray, wants: Sequence[tuple[Node, int]]) -> Iterator[Evaluation]:
    """Evaluations over the columns in order, in slices between which the scope is asked whether to go on.

    TooLarge where the whole would cost more than a screen may; it names the costliest part.
    """
    around = Neighbours(scope, columns)
    everyone = columns.size == scope.view.first.size
    planned = _planned(Evaluation(scope.view, None if everyone else columns, around), wants)
    cells = _cells(scope, planned, around, columns)
    if cells > COST_CELLS_MAX:
        raise _too_large(scope, columns, wants, cells)
    width = max(1, CELLS_MAX // max(1, planned.rows_planned))
    if columns.size <= width:
        scope.context.check()
        yield planned
        return
    for start in range(0, columns.size, width):
        scope.context.check()
        yield _planned(Evaluation(scope.view, columns[start : start + width], around), wants)


def _cells(scope: Scope, planned: Evaluation, around: Neighbours, columns: IndexArray) -> int:
    return planned.rows_planned * columns.size + around.rows_planned * scope.view.first.size


def _planned(evaluation: Evaluation, wants: Sequence[tuple[Node, int]]) -> Evaluation:
    for node, tail in wants:
        evaluation.want(node, tail)
    return evaluation


def _too_large(scope: Scope, columns: IndexArray, wants: Sequence[tuple[Node, int]], cells: int) -> TooLarge:
    costs = []
    for node, tail in wants:
        around = Neighbours(scope, columns)
        alone = _planned(Evaluation(scope.view, None, around), [(node, tail)])
        costs.append((_cells(scope, alone, around, columns), str(node)))
    cost, part = max(costs)
    return TooLarge(
        f"this screen computes {cells:,} values, and {COST_CELLS_MAX:,} are allowed; the most, {cost:,}, are for "
        f"{part}: use fewer or shorter windows within each other, or a smaller universe",
        field="expression",
        accepted=f"at most {COST_CELLS_MAX:,} values",
    )

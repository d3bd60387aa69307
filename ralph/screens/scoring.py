"""How strongly a condition holds for Symbols that meet it, and the values behind it.

A comparison: m = |left - right|, s = its median over the Symbol's last 252 bars, 100 m / (m + s); 0 where s is 0.
A crossing: the same with m = the change of left - right over the crossing. No crossing: m as in a comparison.
`and`: the least of the parts; `or`: the most of those that hold.
An equality, a membership, and what held for some bars are whole or not at all: 100, which leaves the score of an `and`
to its other parts.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ralph import kernels
from ralph.screens.across import Scope
from ralph.screens.blocks import blocks
from ralph.screens.evaluation import Evaluation
from ralph.screens.operations import FloatArray, IndexArray
from ralph.screens.tree import All, Any, Atom, Comparison, Condition, Crossing, Not, Numeric

SCALE_BARS = 252


class Measured(NamedTuple):
    """Of some columns: points 0-100 (NaN where the condition does not hold), the deciding atom, and named values.

    `left`, `right` and `points_each` have a row an atom; a row of points_each is NaN where that atom does not hold.
    """

    points: FloatArray
    deciding: IndexArray
    left: FloatArray
    right: FloatArray
    points_each: FloatArray
    values: FloatArray

    def taken(self, order: IndexArray) -> Measured:
        """The same of some of the columns, in this order."""
        return Measured(
            self.points[order],
            self.deciding[order],
            self.left[:, order],
            self.right[:, order],
            self.points_each[:, order],
            self.values[:, order],
        )


def atoms(node: Condition) -> list[Atom]:
    """The comparisons and crossings of a settled condition, each once, in order."""
    if not isinstance(node, All | Any):
        return [node]
    return list(dict.fromkeys(atom for part in node.parts for atom in atoms(part)))


def sides(atom: Atom) -> tuple[Numeric, ...]:
    """Left and right of a comparison or crossing; a membership has no sides, nor has what held for some bars."""
    inner = atom.part if isinstance(atom, Not) else atom
    return (inner.left, inner.right) if isinstance(inner, Comparison | Crossing) else ()


def measure(scope: Scope, columns: IndexArray, node: Condition, shown: Sequence[Numeric] = ()) -> Measured:
    """Points and values of a settled condition; `values` has a row for each of `shown`."""
    each = atoms(node)
    wants: list[tuple[Condition | Numeric, int]] = [(number, 1) for number in shown]
    wants += [(atom, 1) for atom in each]
    wants += [(side, _bars_of(atom)) for atom in each for side in sides(atom)]
    found = [_measure_block(block, node, each, shown) for block in blocks(scope, columns, wants)]
    return Measured(*(np.concatenate(arrays, axis=-1) for arrays in zip(*found, strict=True)))


def _bars_of(atom: Atom) -> int:
    """How many bars of its sides the points of an atom take: an equality has no scale."""
    return 1 if isinstance(atom, Comparison) and atom.op == "==" else SCALE_BARS


def _measure_block(block: Evaluation, node: Condition, each: list[Atom], shown: Sequence[Numeric]) -> Measured:
    width = block.width
    left = np.empty((len(each), width))
    right = np.empty((len(each), width))
    points = np.empty((len(each), width))
    with np.errstate(all="ignore"):
        for row, atom in enumerate(each):
            holds = np.broadcast_to(block.truth(atom).true, (1, width))[0]
            if not sides(atom):
                left[row] = right[row] = np.nan
                points[row] = np.where(holds, 100.0, np.nan)
                continue
            near, far = (block.number(side, _bars_of(atom)) for side in sides(atom))
            left[row] = near[-1] if near.ndim else near
            right[row] = far[-1] if far.ndim else far
            points[row] = np.where(holds, _points(atom, np.subtract(near, far), width), np.nan)
        best, deciding = _weigh(node, {atom: (points[row], row) for row, atom in enumerate(each)})
    values = np.empty((len(shown), width))
    for row, number in enumerate(shown):
        value = block.number(number)
        values[row] = value[-1] if value.ndim else value
    return Measured(best, deciding, left, right, points, values)


def _points(atom: Atom, difference: FloatArray, width: int) -> FloatArray:
    if _bars_of(atom) == 1:
        return np.full(width, 100.0)
    if difference.ndim == 0:
        difference = np.full((2, width), float(difference))
    margin = np.abs(difference[-1])
    if isinstance(atom, Crossing) and difference.shape[0] > 1:
        margin = np.abs(difference[-1] - difference[-2])
    scale = np.empty(width)
    kernels.gaps.usual(np.ascontiguousarray(difference[-SCALE_BARS:]), scale)
    points = np.where(scale > 0, 100 * margin / (margin + scale), 0.0)
    return np.where(np.isnan(points), 100.0, points)


def _weigh(node: Condition, known: dict[Atom, tuple[FloatArray, int]]) -> tuple[FloatArray, NDArray[np.int64]]:
    """The points of a condition, NaN where it does not hold, and the row of the atom that decided them."""
    if not isinstance(node, All | Any):
        points, row = known[node]
        return points, np.full(points.size, row, dtype=np.int64)
    best, deciding = _weigh(node.parts[0], known)
    for part in node.parts[1:]:
        points, rows = _weigh(part, known)
        better = points < best if isinstance(node, All) else (points > best) | np.isnan(best)
        deciding = np.where(better, rows, deciding)
        best = np.minimum(best, points) if isinstance(node, All) else np.fmax(best, points)
    return best, deciding

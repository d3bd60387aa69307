"""Near misses: Symbols that fail exactly one part of a screen, and by how much."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ralph.market.panel import View
from ralph.screens.answer import NEAR_MISSES_MAX, NearMiss
from ralph.screens.evaluation import IndexArray, Truth
from ralph.screens.reasons import Wording
from ralph.screens.scoring import atoms, measure
from ralph.screens.tree import Comparison, Condition, settled


def near_misses(view: View, columns: IndexArray, parts: Sequence[Condition], truths: Sequence[Truth]) -> list[NearMiss]:
    """The nearest, nearest first, then by Symbol. A part that is missing is not a miss."""
    failing = np.sum([truth.false for truth in truths], axis=0)
    holding = np.sum([truth.true for truth in truths], axis=0)
    candidates = (failing == 1) & (holding == len(parts) - 1)
    found: list[NearMiss] = []
    for part, truth in zip(parts, truths, strict=True):
        chosen = columns[candidates & truth.false]
        if chosen.size:
            found += _of_part(view, chosen, part)
    found.sort(key=lambda miss: (-miss.closeness, miss.symbol))
    return found[:NEAR_MISSES_MAX]


def _of_part(view: View, columns: IndexArray, part: Condition) -> list[NearMiss]:
    """How far a part is from holding is how strongly its opposite holds."""
    opposite = settled(part, holds=False)
    each = atoms(opposite)
    measured = measure(view, columns, opposite)
    touching = np.array([isinstance(atom, Comparison) and atom.op == "==" for atom in each])
    points = np.where(touching[measured.deciding], 0.0, measured.points)
    misses = []
    for place in np.argsort(points, kind="stable")[:NEAR_MISSES_MAX]:
        row = measured.deciding[place]
        left, right = float(measured.left[row, place]), float(measured.right[row, place])
        listing = view.panel.listings[columns[place]]
        misses.append(
            NearMiss(
                symbol=listing.symbol,
                name=listing.name,
                part=str(part),
                lhs=left,
                rhs=right,
                distance=abs(left - right),
                closeness=100.0 - float(points[place]),
                reason=Wording(each[row]).reason(left, right),
            )
        )
    return misses

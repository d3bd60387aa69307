"""Sectors: how they changed, weighted by traded value, and where each Symbol stands among the others of its own."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

MEMBERS_MIN = 5  # a rank among fewer says nothing


def changes(sector: Sequence[str | None], change: FloatArray, value: FloatArray) -> dict[str, float]:
    """Each sector's change, a ratio: the mean of its members' `change` [symbols], weighted by traded `value` in won.

    Symbols without a sector, a change or traded value do not count; a sector without any that does is left out.
    """
    found: dict[str, float] = {}
    for name in sorted({one for one in sector if one}):
        there = np.array([one == name for one in sector]) & np.isfinite(change) & (value > 0)
        if there.any():
            found[name] = float(np.average(change[there], weights=value[there]))
    return found


def rank_shares(sector: Sequence[str | None], measured: FloatArray) -> FloatArray:
    """Where each Symbol stands in its sector by `measured` [symbols], best 0, worst towards 1; ties share the better.

    NaN without a sector or a value, and in a sector with fewer than MEMBERS_MIN values.
    """
    out = np.full(measured.size, np.nan)
    for name in {one for one in sector if one}:
        members = np.flatnonzero(np.array([one == name for one in sector]) & np.isfinite(measured))
        if members.size >= MEMBERS_MIN:
            values = measured[members]
            better = (values[None, :] > values[:, None]).sum(axis=1)
            out[members] = better / members.size
    return out

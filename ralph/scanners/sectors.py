"""Sectors: how they changed, weighted by traded value, and where each Symbol stands among the others of its own."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IndexArray = NDArray[np.int64]

MEMBERS_MIN = 5  # a rank among fewer says nothing


def changes(names: Sequence[str], sector: IndexArray, change: FloatArray, value: FloatArray) -> dict[str, float]:
    """Each sector's change, a ratio: the mean of its members' `change` [symbols], weighted by traded `value` in won.

    `sector` [symbols] are places in `names`, -1 without one. Symbols without a sector, a change or traded value do not
    count; a sector without any that does is left out.
    """
    counted = (sector >= 0) & np.isfinite(change) & (value > 0)
    weight = np.bincount(sector[counted], weights=value[counted], minlength=len(names))
    total = np.bincount(sector[counted], weights=value[counted] * change[counted], minlength=len(names))
    return {name: float(total[place] / weight[place]) for place, name in enumerate(names) if weight[place] > 0}


def rank_shares(sector: IndexArray, measured: FloatArray) -> FloatArray:
    """Where each Symbol stands in its sector by `measured` [symbols], best 0, worst towards 1; ties share the better.

    NaN without a sector (-1) or a value, and in a sector with fewer than MEMBERS_MIN values.
    """
    out = np.full(measured.size, np.nan)
    there = (sector >= 0) & np.isfinite(measured)
    for place in np.unique(sector[there]):
        members = np.flatnonzero(there & (sector == place))
        if members.size >= MEMBERS_MIN:
            values = measured[members]
            ordered = np.sort(values)
            out[members] = (members.size - np.searchsorted(ordered, values, side="right")) / members.size
    return out

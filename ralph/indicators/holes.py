"""Bars that only a chosen source misses: an indicator that remembers goes on as if they did not exist."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from ralph.indicators.plan import Plan

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int32]
SOURCE = "source"


def series(plan: Plan, inputs: Mapping[str, FloatArray]) -> FloatArray:
    """`Plan.series` [terms, bars] of inputs whose source may hold NaN."""
    if SOURCE not in plan.inputs or plan.reach(1) is not None:
        return plan.series(inputs)
    there = ~np.isnan(np.asarray(inputs[SOURCE]))
    if there.all():
        return plan.series(inputs)
    out = np.full((len(plan.terms), there.size), np.nan)
    out[:, there] = plan.series({name: np.asarray(inputs[name])[there] for name in plan.inputs})
    return out


def last(plan: Plan, inputs: Mapping[str, FloatArray], first: IntArray, tail: int) -> FloatArray:
    """`Plan.last` [terms, tail, symbols] of inputs whose source may hold NaN. Columns that do are computed alone."""
    out = plan.last(inputs, first, tail)
    if SOURCE not in plan.inputs or plan.reach(1) is not None:
        return out
    missing = np.isnan(inputs[SOURCE])
    height = missing.shape[0]
    missing &= np.arange(height)[:, None] >= first
    for column in np.flatnonzero(missing.any(axis=0)).tolist():
        begin = int(first[column])
        found = series(plan, {name: np.asarray(inputs[name])[begin:, column] for name in plan.inputs})
        newest = found[:, max(0, found.shape[1] - tail) :]
        out[:, :, column] = np.nan
        out[:, tail - newest.shape[1] :, column] = newest
    return out

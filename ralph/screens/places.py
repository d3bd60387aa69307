"""Places and medians within rows of values: one row a Session, NaN for who does not take part."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ralph.market.panel import FloatArray
from ralph.screens.operations import IndexArray

LOWEST_RATING, HIGHEST_RATING = 1, 99


def figures_across(name: str, values: FloatArray, sectors: Sequence[IndexArray], columns: IndexArray) -> FloatArray:
    """The figure for some columns of `values` [sessions, symbols]: [sessions, columns]; `sectors`: an array a row."""
    found = np.full((values.shape[0], columns.size), np.nan)
    for row in range(values.shape[0]):
        if name.startswith("sector_"):
            found[row] = _by_sector(name, values[row], sectors[row], columns)
        else:
            found[row] = _figure(name, values[row], values[row, columns])
    return found


def _by_sector(name: str, values: FloatArray, sectors: IndexArray, columns: IndexArray) -> FloatArray:
    found = np.full(columns.size, np.nan)
    mine = sectors[columns]
    for sector in np.unique(mine[mine >= 0]):
        asked = mine == sector
        found[asked] = _figure(name, values[sectors == sector], values[columns[asked]])
    return found


def _figure(name: str, values: FloatArray, asked: FloatArray) -> FloatArray:
    """The figure of each value asked for among all that are there."""
    ordered = np.sort(values[~np.isnan(values)])
    count = ordered.size
    if name.endswith("_median"):
        return np.full(asked.shape, np.median(ordered) if count else np.nan)
    below = np.searchsorted(ordered, asked, side="left").astype(np.float64)
    up_to = np.searchsorted(ordered, asked, side="right").astype(np.float64)
    if name.endswith("rank"):
        place = count - up_to + 1
    elif count < 2:
        place = np.full(asked.shape, np.nan)
    else:
        others = (below + (up_to - below - 1) / 2) / (count - 1)
        if name == "rs_rating":
            place = np.clip(np.floor(1 + 98 * others + 0.5), LOWEST_RATING, HIGHEST_RATING)
        else:
            place = 100 * others
    return np.where(np.isnan(asked), np.nan, place)

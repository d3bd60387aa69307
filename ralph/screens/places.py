"""Places and medians within rows of values: one row a Session, NaN for who does not take part."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from ralph import kernels
from ralph.market.panel import FloatArray
from ralph.screens.operations import IndexArray

LOWEST_RATING, HIGHEST_RATING = 1, 99


def figures_across(name: str, values: FloatArray, sectors: Sequence[IndexArray], columns: IndexArray) -> FloatArray:
    """The figure for some columns of `values` [sessions, symbols]: [sessions, columns]; `sectors`: an array a row."""
    if not name.startswith("sector_"):
        return _among(name, in_order(values), np.take(values, columns, axis=1))
    found = np.full((values.shape[0], columns.size), np.nan)
    for rows, of in _alike(sectors):
        within = _ranks if name == "sector_rank" else _sector_medians
        found[rows] = within(values[rows], of, columns)
    return found


def _ranks(values: FloatArray, of: IndexArray, columns: IndexArray) -> FloatArray:
    """Among those of the same sector, 1 the largest: [sessions, columns]."""
    found = np.empty((values.shape[0], columns.size))
    order = np.argsort(of, kind="stable")
    mine = of[columns]
    begins, ends = (np.searchsorted(of[order], mine, side=side) for side in ("left", "right"))
    spans = np.stack((begins, np.where(mine < 0, begins, ends)), axis=1)
    kernels.places.ranks_alike(np.ascontiguousarray(values), order, spans, columns, found)
    return found


def _sector_medians(values: FloatArray, of: IndexArray, columns: IndexArray) -> FloatArray:
    """Of each column's sector: [sessions, columns]."""
    found = np.full((values.shape[0], columns.size), np.nan)
    mine = of[columns]
    for sector in np.unique(mine[mine >= 0]).tolist():
        inside = in_order(np.take(values, np.flatnonzero(of == sector), axis=1))
        found[:, mine == sector] = _medians(inside)[:, None]
    return found


def ratings(values: FloatArray) -> FloatArray:
    """Of each value among all of its Session, 1 to 99: [sessions, symbols]."""
    found = np.empty(values.shape)
    order = np.argsort(values, axis=1)
    kernels.places.ratings(values, order, LOWEST_RATING, HIGHEST_RATING, found)
    return found


class Ordered(NamedTuple):
    """Who takes part on each Session, the lowest first: values [sessions, symbols], missing ones behind their counts
    [sessions]."""

    values: FloatArray
    counts: IndexArray


def in_order(values: FloatArray) -> Ordered:
    """Rows of values in rising order."""
    return Ordered(np.sort(values, axis=1), np.count_nonzero(~np.isnan(values), axis=1).astype(np.int64))


def _among(name: str, ordered: Ordered, asked: FloatArray) -> FloatArray:
    """The figure of each value asked for [sessions, columns] among all of its Session."""
    if name.endswith("_median"):
        return np.broadcast_to(_medians(ordered)[:, None], asked.shape)
    below, up_to = np.empty(asked.shape), np.empty(asked.shape)
    kernels.places.among(ordered.values, ordered.counts, np.ascontiguousarray(asked), below, up_to)
    count = ordered.counts[:, None].astype(np.float64)
    if name == "rank":
        place = count - up_to + 1
    else:
        place = 100 * ((below + (up_to - below - 1) / 2) / np.where(count < 2, np.nan, count - 1))
    return np.where(np.isnan(asked), np.nan, place)


def _medians(ordered: Ordered) -> FloatArray:
    """Of each row, NaN where nobody takes part."""
    there = np.maximum(ordered.counts, 1)
    row = np.arange(there.size)
    medians: FloatArray = (ordered.values[row, (there - 1) // 2] + ordered.values[row, there // 2]) / 2
    return medians


def _alike(sectors: Sequence[IndexArray]) -> Iterator[tuple[slice, IndexArray]]:
    """Stretches of rows with the same sectors."""
    start = 0
    for row in range(1, len(sectors) + 1):
        if row == len(sectors) or sectors[row] is not sectors[start]:
            yield slice(start, row), sectors[start]
            start = row

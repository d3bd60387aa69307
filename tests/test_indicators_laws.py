"""Laws that hold to the last bit for every indicator, over markets with ties, flat stretches and limit runs."""

from __future__ import annotations

import numpy as np
import pytest
from drawn_bars import CATALOGUE, Market, Scene, column, law, set_of, walk
from numpy.typing import NDArray

from ralph.indicators.indicator import MODES, Indicator, Mode, Outputs

TALLER = 5  # rows of rubbish put above


def same(found: Outputs, expected: Outputs) -> None:
    """To the last bit, missing values included."""
    assert found.keys() == expected.keys()
    for name in expected:
        np.testing.assert_array_equal(found[name], expected[name], err_msg=name)


def rows_of(outputs: Outputs, rows: slice | NDArray[np.bool_]) -> Outputs:
    return {name: values[rows] for name, values in outputs.items()}


def columns_of(outputs: Outputs, lanes: NDArray[np.intp]) -> Outputs:
    return {name: values[:, lanes] for name, values in outputs.items()}


@law()
def test_nothing_looks_ahead(indicator: Indicator, scene: Scene) -> None:
    """The value at a bar is the same when the bars after it are not there."""
    market, cut = scene.market, scene.cut
    inputs = market.inputs(indicator)
    bars = column(inputs, 0, int(market.first[0]))
    whole = indicator.series(bars, scene.mode, scene.params)
    early = {name: values[:cut] for name, values in bars.items()}
    same(indicator.series(early, scene.mode, scene.params), rows_of(whole, slice(cut)))
    if cut:
        before = {name: values[:cut] for name, values in inputs.items()}
        short = indicator.last(before, np.minimum(market.first, cut).astype(np.int32), cut, scene.mode, scene.params)
        all_rows = indicator.last(inputs, market.first, market.height, scene.mode, scene.params)
        same(short, rows_of(all_rows, slice(cut)))


@law()
def test_a_series_is_the_last_values_of_all_bars(indicator: Indicator, scene: Scene) -> None:
    """Both ways of computing agree, and a column computed alone is the column of the batch."""
    market, mode, params = scene.market, scene.mode, scene.params
    inputs = market.inputs(indicator)
    batch = indicator.last(inputs, market.first, market.height, mode, params)
    for lane, begin in enumerate(market.first):
        alone = {name: np.ascontiguousarray(values[:, lane : lane + 1]) for name, values in inputs.items()}
        of_batch = columns_of(batch, np.array([lane]))
        same(indicator.last(alone, market.first[lane : lane + 1], market.height, mode, params), of_batch)
        expected = indicator.series(column(inputs, lane, begin), mode, params)
        same({name: values[begin:, 0] for name, values in of_batch.items()}, expected)
        assert all(np.isnan(values[:begin]).all() for values in of_batch.values())


@law()
def test_the_order_of_symbols_does_not_matter(indicator: Indicator, scene: Scene) -> None:
    """Columns in another order give the same results in that order."""
    market, order = scene.market, scene.order
    inputs = market.inputs(indicator)
    shuffled = {name: np.ascontiguousarray(values[:, order]) for name, values in inputs.items()}
    found = indicator.last(shuffled, market.first[order], scene.tail, scene.mode, scene.params)
    same(found, columns_of(indicator.last(inputs, market.first, scene.tail, scene.mode, scene.params), order))


@law()
def test_the_newest_rows_are_the_same_however_many_are_asked_for(indicator: Indicator, scene: Scene) -> None:
    """More rows of output, and more rows of rubbish above, change nothing; rows that cannot be are NaN."""
    market, mode, params, tail = scene.market, scene.mode, scene.params, scene.tail
    inputs = market.inputs(indicator)
    whole = indicator.last(inputs, market.first, market.height, mode, params)
    same(indicator.last(inputs, market.first, tail, mode, params), rows_of(whole, slice(market.height - tail, None)))
    taller = {name: np.concatenate([np.full((TALLER, market.first.size), 3.5), v]) for name, v in inputs.items()}
    later = (market.first + TALLER).astype(np.int32)
    found = indicator.last(taller, later, tail, mode, params)
    same(found, rows_of(whole, slice(market.height - tail, None)))
    longer = indicator.last(inputs, market.first, market.height + TALLER, mode, params)
    same(rows_of(longer, slice(TALLER, None)), whole)
    assert all(np.isnan(values[:TALLER]).all() for values in longer.values())


@law()
def test_the_reach_is_enough(indicator: Indicator, scene: Scene) -> None:
    """With no more than the rows it says it needs, an indicator gives the same."""
    market, mode, params, tail = scene.market, scene.mode, scene.params, scene.tail
    inputs = market.inputs(indicator)
    reach = indicator.reach(tail, mode, params)
    assert reach is None or reach >= tail
    cut = market.height - min(market.height, reach or market.height)
    newest = {name: values[cut:] for name, values in inputs.items()}
    first = np.maximum(market.first - cut, 0).astype(np.int32)
    same(indicator.last(newest, first, tail, mode, params), indicator.last(inputs, market.first, tail, mode, params))


@law()
def test_a_hole_in_the_source(indicator: Indicator, scene: Scene) -> None:
    """There is no value at it. An indicator that remembers goes on as if the bar did not exist. A window is what it is
    from its own bars: missing where a number in the hole would make a difference, untouched where it cannot see the
    hole. A Panel says the same as one Symbol."""
    if indicator.source is None:
        return
    bars = column(scene.market.inputs(indicator), 0, int(scene.market.first[0]))
    there = np.ones(bars["source"].size, dtype=np.bool_)
    there[scene.holes[scene.holes < there.size]] = False

    def of(source: float) -> Outputs:
        filled = np.where(there, bars["source"], source)
        return indicator.series({**bars, "source": filled}, scene.mode, scene.params)

    found = of(np.nan)
    panel = {name: values[:, None] for name, values in bars.items()}
    panel["source"] = np.where(there, bars["source"], np.nan)[:, None]
    last = indicator.last(panel, np.zeros(1, np.int32), there.size, scene.mode, scene.params)
    same({name: values[:, 0] for name, values in last.items()}, found)
    assert all(np.isnan(values[~there]).all() for values in found.values())
    reach = indicator.reach(1, scene.mode, scene.params)
    if reach is None:
        compact = {name: values[there] for name, values in bars.items()}
        same(rows_of(found, there), indicator.series(compact, scene.mode, scene.params))
        return
    holes = np.cumsum(~there)
    in_sight = holes - np.concatenate([np.zeros(min(reach, holes.size)), holes[:-reach]]) > 0
    small, large = of(1e-3), of(1e7)
    for name, values in found.items():
        matters = (small[name] != large[name]) & ~(np.isnan(small[name]) & np.isnan(large[name]))
        assert np.isnan(values[matters]).all(), name
        seen = in_sight & np.isnan(values)
        np.testing.assert_array_equal(values[~seen], small[name][~seen], err_msg=name)


@pytest.mark.parametrize("indicator", CATALOGUE.values(), ids=lambda indicator: indicator.name)
@pytest.mark.parametrize("mode", MODES)
def test_a_whole_market_is_its_symbols_one_by_one(indicator: Indicator, mode: Mode) -> None:
    """Over more columns than are worked on together, young and empty ones among them."""
    random = np.random.default_rng(11)
    height, width = 45, 1_100
    fields = walk(random, "ticks", (height, width))
    first = np.where(random.random(width) < 0.3, random.integers(0, height + 1, width), 0).astype(np.int32)
    for values in fields.values():
        values.setflags(write=False)  # as a memory map is
    inputs = Market(fields, first).inputs(indicator)
    params = set_of(indicator, 1)
    outputs = indicator.last(inputs, first, 13, mode, params)
    for lane in (0, 1, 15, 479, 480, 481, 959, 960, 1_099, *random.integers(0, width, 8)):
        expected = indicator.series(column(inputs, int(lane), int(first[lane])), mode, params)
        for name, values in expected.items():
            padded = np.concatenate([np.full(13, np.nan), values])[-13:]
            np.testing.assert_array_equal(outputs[name][:, lane], padded, err_msg=f"{name} of column {lane}")

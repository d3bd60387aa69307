"""Laws that hold for every indicator of the catalogue, over drawn markets with ties, flat stretches and limit runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from ralph import indicators
from ralph.indicators import sources
from ralph.indicators.indicator import MODES, Arrays, FloatArray, Indicator, IntArray, Mode, Outputs, Params

CATALOGUE = indicators.load()
PRICES_IN = {"price": 1, "price_volume": 1, "price_squared_per_volume": 2}
"""Of which power of the price a unit is; of others it is none."""
SIZES = {"price": 1e4, "percent": 100.0, "volume": 1e8, "price_volume": 1e10, "price_squared_per_volume": 1e6}
UNSCALED = ("volume", "index_close", "session")
PERIOD_DRAWN_MAX = 9  # so that every filter is warm well within the bars drawn
MAY_BE_MISSING = {"bb", "stochrsi", "up_down_volume", "volume_zscore"}
"""Later too, where short windows hold nothing to divide by: an RSI that stands still, no falling bar, one width."""
few = settings(max_examples=25)


@dataclass(frozen=True)
class Market:
    """Drawn bars [bars, symbols] by field, and from which row on each column holds any; rubbish stands above."""

    fields: dict[str, FloatArray]
    first: IntArray

    @property
    def height(self) -> int:
        return int(self.fields["close"].shape[0])

    def inputs(self, indicator: Indicator) -> dict[str, FloatArray]:
        source = sources.pick(indicator.source or "close", self.fields)
        return {name: source if name == "source" else self.fields[name] for name in indicator.inputs}


def _walk(random: np.random.Generator, kind: str, shape: tuple[int, int]) -> dict[str, FloatArray]:
    step: FloatArray = random.normal(0.0, 0.03, shape)
    if kind == "limits":
        step = np.log(random.choice([1.3, 0.7], shape))
    if kind == "flat":
        step[random.random(shape) < 0.9] = 0.0
    close = 1_000.37 * np.exp(np.cumsum(step, axis=0))
    spread = 0.0 if kind in ("flat", "limits") else 0.02
    opened = close * (1 + spread * (random.random(shape) - 0.5))
    high = np.maximum(opened, close) * (1 + spread * random.random(shape))
    low = np.minimum(opened, close) * (1 - spread * random.random(shape))
    prices = {"open": opened, "high": high, "low": low, "close": close}
    if kind == "ticks":
        prices = {name: np.round(values / 50) * 50 for name, values in prices.items()}
    volume = random.integers(0, 3, shape) * random.integers(1, 10**6, shape).astype(np.float64)
    index = np.exp(np.cumsum(random.normal(0.0, 0.01, shape), axis=0))
    session = np.broadcast_to(np.arange(shape[0])[:, None] // 13, shape).astype(np.float64)
    return {**prices, "volume": volume, "index_close": index, "session": session}


@st.composite
def markets(draw: st.DrawFn, kinds: tuple[str, ...] = ("walk", "ticks", "flat", "limits")) -> Market:
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    height, width = draw(st.integers(1, 70)), draw(st.integers(1, 5))
    fields = _walk(random, draw(st.sampled_from(kinds)), (height, width))
    first = np.array([draw(st.integers(0, height) | st.just(0)) for _ in range(width)], dtype=np.int32)
    rubbish = draw(st.sampled_from([np.nan, np.inf, -np.inf, 1e300, -7.0, 0.0]))
    above = np.arange(height)[:, None] < first
    for values in fields.values():
        values[above] = rubbish
    return Market(fields, first)


@st.composite
def calls(draw: st.DrawFn, indicator: Indicator) -> tuple[Mode, Params]:
    given_params: dict[str, float | str] = {}
    for param in indicator.params:
        if param.choices:
            given_params[param.name] = draw(st.sampled_from(param.choices))
            continue
        most = min(param.high, PERIOD_DRAWN_MAX)
        given_params[param.name] = draw(
            st.integers(int(param.low), int(most)) if param.whole else st.floats(param.low, most)
        )
    return draw(st.sampled_from(MODES)), indicator.bind(given_params)


def law(test: Callable[..., None]) -> Callable[..., None]:
    """Run for every indicator."""
    each = pytest.mark.parametrize("indicator", CATALOGUE.values(), ids=lambda indicator: indicator.name)
    marked: Callable[..., None] = each(few(test))
    return marked


def column(inputs: Arrays, lane: int, begin: int = 0, end: int | None = None) -> dict[str, FloatArray]:
    return {name: np.ascontiguousarray(values[begin:end, lane]) for name, values in inputs.items()}


def same(found: Outputs, expected: Outputs) -> None:
    """To the last bit, missing values included."""
    assert found.keys() == expected.keys()
    for name in expected:
        np.testing.assert_array_equal(found[name], expected[name], err_msg=name)


def rows_of(outputs: Outputs, rows: slice) -> Outputs:
    return {name: values[rows] for name, values in outputs.items()}


def columns_of(outputs: Outputs, lanes: NDArray[np.intp]) -> Outputs:
    return {name: values[:, lanes] for name, values in outputs.items()}


@law
@given(data=st.data())
def test_the_first_value_is_where_it_is_said_to_be(indicator: Indicator, data: st.DataObject) -> None:
    """NaN before `first`, a number from there on; so nothing at all where there are too few bars."""
    market, (mode, params) = data.draw(markets(("walk",))), data.draw(calls(indicator))
    market.fields["volume"][:] = np.abs(market.fields["volume"]) + 1.0  # without trade there are no ratios of volume
    inputs = market.inputs(indicator)
    first = indicator.first(mode, params)
    assert set(first) == set(indicator.outputs)
    for lane, begin in enumerate(market.first):
        outputs = indicator.series(column(inputs, lane, begin), mode, params)
        for name, values in outputs.items():
            early = np.arange(values.size) < first[name]
            assert np.isnan(values[early]).all(), name
            if indicator.name not in MAY_BE_MISSING:
                np.testing.assert_array_equal(np.isnan(values), early, err_msg=name)


@law
@given(data=st.data())
def test_nothing_looks_ahead(indicator: Indicator, data: st.DataObject) -> None:
    """The value at a bar is the same, to the last bit, when the bars after it are not there."""
    market, (mode, params) = data.draw(markets()), data.draw(calls(indicator))
    cut = data.draw(st.integers(0, market.height))
    inputs = market.inputs(indicator)
    bars = column(inputs, 0, int(market.first[0]))
    whole = indicator.series(bars, mode, params)
    same(
        indicator.series({name: values[:cut] for name, values in bars.items()}, mode, params),
        rows_of(whole, slice(cut)),
    )
    if cut:
        before = {name: values[:cut] for name, values in inputs.items()}
        short = indicator.last(before, np.minimum(market.first, cut).astype(np.int32), cut, mode, params)
        same(short, rows_of(indicator.last(inputs, market.first, market.height, mode, params), slice(cut)))


@law
@given(data=st.data())
def test_a_series_is_the_last_values_of_all_bars(indicator: Indicator, data: st.DataObject) -> None:
    """Both ways of computing agree to the last bit, and a column computed alone is the column of the batch."""
    market, (mode, params) = data.draw(markets()), data.draw(calls(indicator))
    inputs = market.inputs(indicator)
    batch = indicator.last(inputs, market.first, market.height, mode, params)
    for lane, begin in enumerate(market.first):
        alone = {name: np.ascontiguousarray(values[:, lane : lane + 1]) for name, values in inputs.items()}
        of_batch = columns_of(batch, np.array([lane]))
        same(indicator.last(alone, market.first[lane : lane + 1], market.height, mode, params), of_batch)
        expected = indicator.series(column(inputs, lane, begin), mode, params)
        same({name: values[begin:, 0] for name, values in of_batch.items()}, expected)
        assert all(np.isnan(values[:begin]).all() for values in of_batch.values())


@law
@given(data=st.data())
def test_the_order_of_symbols_does_not_matter(indicator: Indicator, data: st.DataObject) -> None:
    """Columns in another order give the same results in that order."""
    market, (mode, params) = data.draw(markets()), data.draw(calls(indicator))
    order = np.array(data.draw(st.permutations(range(market.first.size))), dtype=np.intp)
    inputs = market.inputs(indicator)
    shuffled = {name: np.ascontiguousarray(values[:, order]) for name, values in inputs.items()}
    tail = data.draw(st.integers(1, market.height))
    expected = columns_of(indicator.last(inputs, market.first, tail, mode, params), order)
    same(indicator.last(shuffled, market.first[order], tail, mode, params), expected)


@law
@given(data=st.data())
def test_the_newest_rows_are_the_same_however_many_are_asked_for(indicator: Indicator, data: st.DataObject) -> None:
    """More rows of output, and more rows of rubbish above, change nothing; rows that cannot be are NaN."""
    market, (mode, params) = data.draw(markets()), data.draw(calls(indicator))
    inputs = market.inputs(indicator)
    whole = indicator.last(inputs, market.first, market.height, mode, params)
    tail = data.draw(st.integers(1, market.height))
    same(indicator.last(inputs, market.first, tail, mode, params), rows_of(whole, slice(market.height - tail, None)))
    more = data.draw(st.integers(1, 12))
    taller = {name: np.concatenate([np.full((more, market.first.size), 3.5), v]) for name, v in inputs.items()}
    later = (market.first + more).astype(np.int32)
    same(indicator.last(taller, later, market.height, mode, params), whole)
    longer = indicator.last(inputs, market.first, market.height + more, mode, params)
    same(rows_of(longer, slice(more, None)), whole)
    assert all(np.isnan(values[:more]).all() for values in longer.values())


@law
@given(data=st.data())
def test_the_reach_is_enough(indicator: Indicator, data: st.DataObject) -> None:
    """With no more than the rows it says it needs, an indicator gives the same to the last bit."""
    market, (mode, params) = data.draw(markets()), data.draw(calls(indicator))
    inputs = market.inputs(indicator)
    tail = data.draw(st.integers(1, market.height))
    reach = indicator.reach(tail, mode, params)
    assert reach is None or reach >= tail
    cut = market.height - min(market.height, reach or market.height)
    newest = {name: values[cut:] for name, values in inputs.items()}
    first = np.maximum(market.first - cut, 0).astype(np.int32)
    expected = indicator.last(inputs, market.first, tail, mode, params)
    same(indicator.last(newest, first, tail, mode, params), expected)


@law
@given(data=st.data())
def test_prices_in_another_unit_scale_prices_and_nothing_else(indicator: Indicator, data: st.DataObject) -> None:
    """Prices times k: outputs in the price's unit times k, percentages, ratios and volumes as they were."""
    market, (mode, params) = data.draw(markets(("walk",))), data.draw(calls(indicator))
    factor = data.draw(st.sampled_from([1e-6, 0.02, 137.5, 1e6]))
    bars = column(market.inputs(indicator), 0, int(market.first[0]))
    before = indicator.series(bars, mode, params)
    scaled = {name: values * (1.0 if name in UNSCALED else factor) for name, values in bars.items()}
    after = indicator.series(scaled, mode, params)
    for name in indicator.outputs:
        unit = indicator.units.get(name, indicator.unit)
        expected = factor ** PRICES_IN.get(unit, 0)
        size = SIZES.get(unit, 1.0)
        np.testing.assert_allclose(after[name] / expected, before[name], rtol=1e-9, atol=1e-9 * size, err_msg=name)


@law
@given(data=st.data())
def test_missing_values_of_a_source(indicator: Indicator, data: st.DataObject) -> None:
    """There is no value at one; windows see nothing else than their own bars; an indicator that remembers goes on as if
    the bar did not exist; both ways agree."""
    if indicator.source is None or indicator.inputs != ("source",):
        return
    market, (mode, params) = data.draw(markets()), data.draw(calls(indicator))
    source = market.fields["close"][int(market.first[0]) :, 0].copy()
    for gap in data.draw(st.lists(st.integers(0, 69), max_size=6)):
        source[gap : gap + 1] = np.nan
    there = ~np.isnan(source)
    found = indicator.series({"source": source}, mode, params)
    begin = int(there.argmax()) if there.any() else source.size
    as_panel = indicator.last(
        {"source": source[:, None].copy()}, np.array([begin], np.int32), source.size, mode, params
    )
    same({name: values[:, 0] for name, values in as_panel.items()}, found)
    if indicator.reach(1, mode, params) is None:
        compact = indicator.series({"source": source[there]}, mode, params)
        for name, values in found.items():
            assert np.isnan(values[~there]).all()
            np.testing.assert_array_equal(values[there], compact[name])
        return
    for bar in range(source.size):
        reach = indicator.reach(1, mode, params)
        window = source[max(0, bar + 1 - (reach or 0)) : bar + 1]
        alone = indicator.series({"source": window}, mode, params)
        for name, values in found.items():
            assert np.isnan(values[bar]) or not np.isnan(source[bar])
            np.testing.assert_array_equal(values[bar], alone[name][-1])


@pytest.mark.parametrize("indicator", CATALOGUE.values(), ids=lambda indicator: indicator.name)
@pytest.mark.parametrize("mode", MODES)
def test_a_whole_market_is_its_symbols_one_by_one(indicator: Indicator, mode: Mode) -> None:
    """Over more columns than are worked on together, young and empty ones among them, to the last bit."""
    random = np.random.default_rng(11)
    height, width = 45, 3_100
    fields = _walk(random, "ticks", (height, width))
    first = np.where(random.random(width) < 0.3, random.integers(0, height + 1, width), 0).astype(np.int32)
    for values in fields.values():
        values.setflags(write=False)  # as a memory map is
    market = Market(fields, first)
    inputs = market.inputs(indicator)
    params = indicator.bind(
        {each.name: max(each.low, min(7, each.high)) for each in indicator.params if each.whole and not each.choices}
    )
    outputs = indicator.last(inputs, first, 20, mode, params)
    for lane in (0, 1, 15, 479, 480, 481, 959, 960, 1_500, 2_879, 2_880, 3_099, *random.integers(0, width, 40)):
        expected = indicator.series(column(inputs, int(lane), int(first[lane])), mode, params)
        for name, values in expected.items():
            padded = np.concatenate([np.full(20, np.nan), values])[-20:]
            np.testing.assert_array_equal(outputs[name][:, lane], padded, err_msg=f"{name} of column {lane}")

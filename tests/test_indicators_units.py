"""Laws of values, for every indicator: where the first one is, where there is none, what other units do to them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from drawn_bars import CATALOGUE, Scene, column, law, walk
from numpy.typing import NDArray

from ralph.indicators.indicator import MODES, Arrays, FloatArray, Indicator, Mode, Params

Mask = NDArray[np.bool_]
POWERS = {
    "price": (1, 0),
    "volume": (0, 1),
    "price_volume": (1, 1),
    "price_squared_per_volume": (2, -1),
    "percent": (0, 0),
    "ratio": (0, 0),
    "number": (0, 0),
}
"""Of which power of the price, and of which of the volume, a unit is."""
PRICES = ("open", "high", "low", "close", "source")


def windows(values: FloatArray, bars: int, of: Callable[..., NDArray[np.float64]]) -> FloatArray:
    """A function of the newest values at each bar; NaN where there are fewer."""
    if values.size < bars:
        return np.full(values.size, np.nan)
    seen = np.lib.stride_tricks.sliding_window_view(values, bars)
    return np.concatenate([np.full(bars - 1, np.nan), of(seen, axis=1)])


def one_value(bars: Arrays, mode: Mode, params: Params) -> Mask:
    """Bands of one value have no width."""
    return np.full(bars["source"].size, params["period"] == 1)


def no_fall(bars: Arrays, mode: Mode, params: Params) -> Mask:
    """Nothing fell within the window, so there is no volume to divide by."""
    fell = np.diff(bars["close"], prepend=np.nan) < 0
    return np.equal(windows(fell * bars["volume"], params["period"], np.max), 0.0)


def one_volume(bars: Arrays, mode: Mode, params: Params) -> Mask:
    """All volumes of the window are the same one: they deviate by nothing."""
    return np.equal(windows(bars["volume"], params["period"], np.ptp), 0.0)


def still(smoothed: str | None = None, again: str | None = None) -> Callable[[Arrays, Mode, Params], Mask]:
    """The RSI stands still within the window (with few bars, at 0 or 100): Pine has no place in a range of nothing, nor
    a mean of such places."""

    def mask(bars: Arrays, mode: Mode, params: Params) -> Mask:
        rsi = CATALOGUE["rsi"].series(bars, mode, {"period": params["rsi_period"]})["rsi"]
        high, range_ = windows(rsi, params["period"], np.max), windows(rsi, params["period"], np.ptp)
        missing = np.less_equal(range_, 1e-9 * high) & (mode == "tv")
        for name in filter(None, (smoothed, again)):
            missing = np.greater(windows(missing.astype(float), params[name], np.max), 0)
        return missing

    return mask


NOTHING_TO_DIVIDE_BY: dict[tuple[str, str], Callable[[Arrays, Mode, Params], Mask]] = {
    ("bb", "width"): one_value,
    ("bb", "percent_b"): one_value,
    ("stochrsi", "raw"): still(),
    ("stochrsi", "k"): still("smooth_k"),
    ("stochrsi", "d"): still("smooth_k", "smooth_d"),
    ("up_down_volume", "up_down_volume"): no_fall,
    ("volume_zscore", "volume_zscore"): one_volume,
}
"""At which bars of an ordinary market an output is missing although it has begun: exactly these."""


@law("walk")
def test_the_first_value_is_where_it_is_said_to_be(indicator: Indicator, scene: Scene) -> None:
    """NaN before `first`, so nothing at all where there are too few bars; from there on a number, except where an
    output has nothing to divide by."""
    inputs = scene.market.inputs(indicator)
    first = indicator.first(scene.mode, scene.params)
    assert set(first) == set(indicator.outputs)
    for lane, begin in enumerate(scene.market.first):
        bars = column(inputs, lane, begin)
        for name, values in indicator.series(bars, scene.mode, scene.params).items():
            missing = np.arange(values.size) < first[name]
            if (indicator.name, name) in NOTHING_TO_DIVIDE_BY:
                missing |= NOTHING_TO_DIVIDE_BY[indicator.name, name](bars, scene.mode, scene.params)
            np.testing.assert_array_equal(np.isnan(values), missing, err_msg=name)


@pytest.mark.parametrize("indicator", CATALOGUE.values(), ids=lambda one: one.name)
def test_one_bar_too_few_is_nothing(indicator: Indicator) -> None:
    """With the usual parameters: no value of as many bars as `first` says, one at the last of one more."""
    params = indicator.bind({})
    for mode in MODES:
        begins = indicator.first(mode, params)
        for first in set(begins.values()):
            fields = walk(np.random.default_rng(4), "walk", (first + 1, 1))
            fields["source"] = fields["close"]
            bars = column({name: fields[name] for name in indicator.inputs}, 0)
            fewer = indicator.series({name: values[:first] for name, values in bars.items()}, mode, params)
            found = indicator.series(bars, mode, params)
            for output in (name for name in begins if begins[name] == first):
                assert np.isnan(fewer[output]).all(), output
                assert np.flatnonzero(~np.isnan(found[output])).tolist() == [first], output


@law("walk")
def test_prices_in_another_unit(indicator: Indicator, scene: Scene) -> None:
    """Prices times k: outputs in the price's unit times k, percentages, ratios, flags and volumes as they were."""
    rescaled(indicator, scene, dict.fromkeys(PRICES, scene.factor), 0)


@law("walk")
def test_volumes_in_another_unit(indicator: Indicator, scene: Scene) -> None:
    """Volumes times k: outputs in shares times k, those in price times shares too, all others as they were."""
    rescaled(indicator, scene, {"volume": scene.factor}, 1)


def rescaled(indicator: Indicator, scene: Scene, factors: dict[str, float], power: int) -> None:
    bars = column(scene.market.inputs(indicator), 0, int(scene.market.first[0]))
    before = indicator.series(bars, scene.mode, scene.params)
    scaled = {name: values * factors.get(name, 1.0) for name, values in bars.items()}
    after = indicator.series(scaled, scene.mode, scene.params)
    for name in indicator.outputs:
        unit = indicator.unit_of(name)
        expected = before[name] * scene.factor ** POWERS[unit][power]
        size = sizes(unit, bars) * scene.factor ** POWERS[unit][power]
        np.testing.assert_allclose(after[name], expected, rtol=1e-9, atol=1e-9 * size, err_msg=name)


def sizes(unit: str, bars: Arrays) -> float:
    """The largest of what a value is made of: rounding is measured by it, not by what differences leave."""
    price = max((float(np.max(bars[name], initial=0.0)) for name in PRICES if name in bars), default=1.0)
    volume = float(np.max(bars["volume"], initial=0.0)) * bars["volume"].size if "volume" in bars else 1.0
    of_price, of_volume = POWERS[unit]
    size = price**of_price * max(volume, 1.0) ** max(of_volume, 0)
    return 100.0 if unit in ("percent", "number") else size

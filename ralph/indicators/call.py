"""Any indicator by name over one Symbol's plain arrays: missing bars are taken out before and put back as NaN after."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from ralph import catalog
from ralph.errors import BadParameter, NotFound
from ralph.indicators import sources
from ralph.indicators.indicator import MODES, Arrays, FloatArray, Indicator, Mode, Outputs


def find(name: str, known: Mapping[str, Indicator]) -> Indicator:
    """The indicator of that name; NotFound suggests one."""
    if name in known:
        return known[name]
    near = catalog.nearest(str(name), list(known))
    hint = f": did you mean {near!r}?" if near else f"; there are {', '.join(known)}"
    raise NotFound(f"there is no indicator {name!r}{hint}", field="indicator", accepted=near or ", ".join(known))


def compute(indicator: Indicator, bars: Mapping[str, object], mode: Mode, given: Mapping[str, object]) -> Outputs:
    """All outputs [bars] of an indicator over bars that may hold missing rows: {output: [bars]}."""
    if mode not in MODES:
        raise BadParameter(f"mode must be tv or talib, not {mode!r}", field="mode", accepted="tv or talib")
    params = indicator.bind({name: value for name, value in given.items() if name != "source" or not indicator.source})
    arrays = _check(bars)
    there = ~_missing(arrays)
    compact = {name: array[there] for name, array in arrays.items()}
    if indicator.source:
        compact["source"] = sources.pick(given.get("source", indicator.source), compact)
    for name in indicator.inputs:
        if name not in compact:
            raise BadParameter(f"{indicator.name} needs {name}", field=name, accepted="an array as long as close")
    results = indicator.series({name: compact[name] for name in indicator.inputs}, mode, params)
    return {name: _scatter(result, there) for name, result in results.items()}


def _check(bars: Mapping[str, object]) -> dict[str, FloatArray]:
    """The arrays as float64, one-dimensional and of one length; BadParameter names the one that is not."""
    arrays: dict[str, FloatArray] = {}
    for name, given in bars.items():
        try:
            array = np.asarray(given, dtype=np.float64)
        except (TypeError, ValueError):
            raise BadParameter(f"{name} must be numbers", field=name, accepted="an array of float64") from None
        if array.ndim != 1:
            raise BadParameter(f"{name} must be [bars], not {array.ndim}-dimensional", field=name, accepted="[bars]")
        arrays[name] = array
    size = arrays["close"].size
    for name, array in arrays.items():
        if array.size != size:
            accepted = f"{size} values, as close has"
            raise BadParameter(f"{name} must have {accepted}, not {array.size}", field=name, accepted=accepted)
    return arrays


def _missing(bars: Arrays) -> NDArray[np.bool_]:
    """Bars without a price, and halts of the exchange: open, high and low 0, no volume, the close carried over."""
    unknown = np.isnan(bars["open"]) | np.isnan(bars["high"]) | np.isnan(bars["low"]) | np.isnan(bars["close"])
    prices = (bars["open"] == 0) & (bars["high"] == 0) & (bars["low"] == 0)
    halted: NDArray[np.bool_] = unknown | (prices & (bars["volume"] == 0))
    return halted


def _scatter(values: FloatArray, there: NDArray[np.bool_]) -> FloatArray:
    out = np.full(there.size, np.nan)
    out[there] = values
    return out

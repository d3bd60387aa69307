"""Indicators over sources that miss bars inside (a division by zero, an undefined oscillator).

A missing value of a source is treated as a missing bar: the indicator steps over it, and is missing there itself.
So an indicator over a source never depends on when a gap was noticed, and a recursive one is not lost for ever.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from ralph.indicators.indicator import FloatArray, Indicator, IntArray, Mode, Outputs, Params
from ralph.screens.tree import Arithmetic, Field, Number, Numeric, Offset, Reading, children

_FIELD_MOST = 1e18  # no price, volume or traded value of any market comes near
_FINITE_MOST = 1e300


def possible(source: Numeric) -> bool:
    """Whether a bar may be missing inside a source, after its first valid one."""
    return _most(source) > _FINITE_MOST


def _most(node: Numeric) -> float:
    """A bound of a number's size; infinite where it may be missing or not finite."""
    match node:
        case Number(value=value):
            return abs(value)
        case Field():
            return _FIELD_MOST
        case Reading() | Arithmetic(op="/"):
            return math.inf
        case Arithmetic(op="*"):
            return _most(node.left) * _most(node.right)
        case Offset(operand=operand):
            return _most(operand)  # type: ignore[arg-type]
        case _:
            return math.fsum(_most(child) for child in children(node))  # type: ignore[arg-type]


def last(indicator: Indicator, inputs: Mapping[str, FloatArray], first: IntArray, tail: int, call: Reading) -> Outputs:
    """`Indicator.last` with its mode and parameters from `call`, over a source that may start late and have gaps."""
    params: Params = indicator.bind(dict(call.params))
    if call.source is None or isinstance(call.source, Field):
        return indicator.last(inputs, first, tail, call.mode, params)
    source = inputs["source"]
    missing = np.isnan(source)
    rows = source.shape[0]
    late = np.where(missing.all(axis=0), rows, missing.argmin(axis=0)).astype(np.int32)
    first = np.maximum(first, late)
    found = indicator.last(inputs, first, tail, call.mode, params)
    gapped = np.flatnonzero(missing.sum(axis=0) > first)
    if not gapped.size:
        return found
    stepped = _step_over(
        indicator, {name: np.take(values, gapped, axis=1) for name, values in inputs.items()}, call.mode, params
    )
    for name, values in stepped.items():
        found[name] = found[name].copy()
        found[name][:, gapped] = values[rows - tail :]
    return found


def _step_over(indicator: Indicator, inputs: Mapping[str, FloatArray], mode: Mode, params: Params) -> Outputs:
    """All rows of the outputs for columns whose missing bars are pushed out of the way, and NaN put back there."""
    missing: NDArray[np.bool_] = np.isnan(inputs["source"])
    rows = missing.shape[0]
    order = np.argsort(~missing, axis=0, kind="stable")
    packed = {name: np.ascontiguousarray(np.take_along_axis(values, order, axis=0)) for name, values in inputs.items()}
    first = missing.sum(axis=0).astype(np.int32)
    outputs: Outputs = {}
    for name, values in indicator.last(packed, first, rows, mode, params).items():
        spread = np.full(missing.shape, np.nan)
        np.put_along_axis(spread, order, values, axis=0)
        spread[missing] = np.nan
        outputs[name] = spread
    return outputs

"""Indicators over sources that miss bars inside (a division by zero, an undefined oscillator).

A missing value of a source is treated as a missing bar: the indicator steps over it, and is missing there itself.
So an indicator over a source never depends on when a gap was noticed, and a recursive one is not lost for ever.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from ralph.indicators.indicator import FloatArray, Indicator, IntArray, Outputs, Params
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
    chosen = {name: np.take(values, gapped, axis=1) for name, values in inputs.items()}
    for name, values in _step_over(indicator, chosen, tail, call).items():
        found[name] = found[name].copy()
        found[name][:, gapped] = values
    return found


def _step_over(indicator: Indicator, inputs: Mapping[str, FloatArray], tail: int, call: Reading) -> Outputs:
    """The outputs for columns whose missing bars are pushed out of the way, and NaN put back there."""
    missing: NDArray[np.bool_] = np.isnan(inputs["source"])
    rows = missing.shape[0]
    first = missing.sum(axis=0, dtype=np.int32)
    # Where each bar goes: missing ones to the top, the others below them, in order.
    place = np.where(missing, missing.cumsum(axis=0), first + (~missing).cumsum(axis=0)) - 1
    packed = {name: np.empty_like(values) for name, values in inputs.items()}
    for name, values in inputs.items():
        np.put_along_axis(packed[name], place, values, axis=0)
    outputs: Outputs = {}
    for name, values in indicator.last(packed, first, rows, call.mode, indicator.bind(dict(call.params))).items():
        outputs[name] = np.where(missing[-tail:], np.nan, np.take_along_axis(values, place[-tail:], axis=0))
    return outputs

"""What operators do with numbers and truths, [rows, symbols] each: missing is NaN, or neither true nor false."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from ralph import kernels

FloatArray: TypeAlias = NDArray[np.float64]
BoolArray: TypeAlias = NDArray[np.bool_]
IndexArray: TypeAlias = NDArray[np.int64]

Moved = TypeVar("Moved", FloatArray, BoolArray)


class Truth(NamedTuple):
    """Where a condition is true and where it is false, [rows, symbols]; where neither, it is missing."""

    true: BoolArray
    false: BoolArray


def finite(values: FloatArray) -> FloatArray:
    """What is not finite is missing. Where nobody else holds the array, it is changed itself."""
    if values.ndim == 2 and values.base is None and values.flags.writeable and values.flags.c_contiguous:
        kernels.gaps.keep_finite(values)
        return values
    return np.where(np.isfinite(values), values, np.nan)


def arithmetic(op: str, left: FloatArray, right: FloatArray) -> FloatArray:
    match op:
        case "+":
            return left + right
        case "-":
            return left - right
        case "*":
            return left * right
        case _:
            return left / right


def function(name: str, arguments: Sequence[FloatArray]) -> FloatArray:
    if name == "abs":
        return np.abs(arguments[0])
    chosen = arguments[0]
    for other in arguments[1:]:
        chosen = np.minimum(chosen, other) if name == "min" else np.maximum(chosen, other)
    return chosen


def compared(op: str, left: FloatArray, right: FloatArray) -> Truth:
    """Exact comparison; a comparison with NaN is neither true nor false."""
    match op:
        case "<":
            true, false = left < right, left >= right
        case "<=":
            true, false = left <= right, left > right
        case ">":
            true, false = left > right, left <= right
        case ">=":
            true, false = left >= right, left < right
        case "==":
            true, false = left == right, (left < right) | (left > right)
        case _:
            true, false = (left < right) | (left > right), left == right
    return Truth(np.asarray(true), np.asarray(false))


def every(masks: Sequence[BoolArray]) -> BoolArray:
    joined = masks[0]
    for mask in masks[1:]:
        joined = joined & mask
    return joined


def some(masks: Sequence[BoolArray]) -> BoolArray:
    joined = masks[0]
    for mask in masks[1:]:
        joined = joined | mask
    return joined


def padded(values: Moved, rows: int) -> Moved:
    """The values below rows that are missing, `rows` in all."""
    if values.shape[0] == rows:
        return values
    missing = np.nan if values.dtype.kind == "f" else False
    padded = np.full((rows, values.shape[1]), missing, dtype=values.dtype)
    padded[rows - values.shape[0] :] = values
    return padded

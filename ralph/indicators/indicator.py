"""What an indicator is: its name, inputs, parameters and outputs, and two ways to compute it.

Missing bars do not exist: callers compact them away. Only "source", which may be computed from anything, can hold NaN.
Leading ones are skipped: the first value is the first bar. Of later ones: a window that holds one is NaN; an indicator
that remembers (exponential means and what is made of them) is NaN at that bar and holds its state over it, so that its
later values are as if the bar did not exist.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ralph.errors import BadParameter

FloatArray: TypeAlias = NDArray[np.float64]
IntArray: TypeAlias = NDArray[np.int32]
Mode: TypeAlias = Literal["tv", "talib"]
"""Whose edge cases and seeds are followed: TradingView's Pine (default) or TA-Lib."""
Params: TypeAlias = Mapping[str, float]
Outputs: TypeAlias = dict[str, FloatArray]
Arrays: TypeAlias = Mapping[str, FloatArray]

MODES: tuple[Mode, ...] = ("tv", "talib")
PERIOD_MAX = 5_000
SHOWN_MAX = 40  # characters of a refused value that an error repeats


@dataclass(frozen=True)
class Param:
    """A parameter with its range, ends included. Whole numbers unless `whole` is False."""

    name: str
    default: float
    low: float = 1
    high: float = PERIOD_MAX
    whole: bool = True

    def check(self, value: object) -> float:
        """The value in its type; BadParameter names the range."""
        number = _number(value)
        if not self.low <= number <= self.high or (self.whole and number != int(number)):
            accepted = f"{'a whole number' if self.whole else 'a number'} from {self.low:g} to {self.high:g}"
            shown = f"{value:g}" if isinstance(value, float) else repr(value)
            shown = shown if len(shown) <= SHOWN_MAX else f"{shown[:SHOWN_MAX]}…"
            raise BadParameter(f"{self.name} must be {accepted}, not {shown}", field=self.name, accepted=accepted)
        return int(number) if self.whole else number


def _number(value: object) -> float:
    """The number a value is, NaN where it is none; text and truth values are none."""
    if isinstance(value, bool | np.bool_) or not isinstance(value, int | float | np.integer | np.floating):
        return math.nan
    try:
        return float(value)
    except OverflowError:
        return math.inf


PERIOD = "period"


def period(params: Params, name: str = PERIOD) -> int:
    """A whole-number parameter as an int."""
    return int(params[name])


def plain(inputs: Arrays, name: str) -> FloatArray:
    """An input as kernels take it: contiguous float64, no subclass (a memory map comes as one); rarely a copy."""
    return np.ascontiguousarray(inputs[name], dtype=np.float64)


@dataclass(frozen=True)
class Indicator:
    """A pure function of bars.

    inputs   the fields it reads, in the names of the Panel ("high", "low", "close"); the one named "source" is chosen
             by the caller: a field or any series, `source` names its default
    outputs  the names of its results; the first is the one meant when none is named
    first    (mode, params) -> {output: index of the first valid value when the inputs start at bar 0}
    reach    (tail, mode, params) -> how many of the newest input rows `last` needs for `tail` rows of output, exactly
             the same as with all rows; None when it needs all of them (recursive)
    series   (inputs {name: [bars]}, mode, params) -> {output: [bars]}, NaN before its first valid value.
             Inputs hold no missing bars, apart from NaN in "source"
    last     (inputs {name: [bars, symbols]}, first_row int32 [symbols], tail, mode, params)
             -> {output: [tail, symbols]}: the newest `tail` rows, NaN where there are fewer. Inputs are time-major;
             a column is valid from its first row on, and what stands above it is never looked at
    unit     of the result: "price", "volume", "percent" (0-100), "ratio", "number"
    """

    name: str
    category: str
    en: str
    ko: str
    inputs: tuple[str, ...]
    params: tuple[Param, ...]
    outputs: tuple[str, ...]
    unit: str
    formula_source: str
    first: Callable[[Mode, Params], dict[str, int]]
    reach: Callable[[int, Mode, Params], int | None]
    series: Callable[[Arrays, Mode, Params], Outputs]
    last: Callable[[Arrays, IntArray, int, Mode, Params], Outputs]
    source: str | None = None

    def bind(self, given: Mapping[str, object]) -> dict[str, float]:
        """All parameters, checked, defaults filled in. BadParameter for an unknown name or a value out of range."""
        known = {param.name: param for param in self.params}
        for name in given:
            if name not in known:
                listed = ", ".join(known) or "none"
                raise BadParameter(
                    f"{self.name} has no parameter {name!r}; it has: {listed}", field=name, accepted=listed
                )
        return {name: param.check(given.get(name, param.default)) for name, param in known.items()}

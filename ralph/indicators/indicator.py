"""What an indicator is: its name, inputs, parameters and outputs, and two ways to compute it."""

from __future__ import annotations

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


@dataclass(frozen=True)
class Param:
    """A parameter with its range, ends included. Whole numbers unless `whole` is False."""

    name: str
    default: float
    low: float = 1
    high: float = PERIOD_MAX
    whole: bool = True

    def check(self, value: float) -> float:
        """The value in its type; BadParameter names the range."""
        number = float(value)
        if not self.low <= number <= self.high or (self.whole and number != int(number)):
            kind = "a whole number" if self.whole else "a number"
            raise BadParameter(
                f"{self.name} must be {kind} from {self.low:g} to {self.high:g}, not {value:g}",
                field=self.name,
                accepted=f"{kind} from {self.low:g} to {self.high:g}",
            )
        return int(number) if self.whole else number


@dataclass(frozen=True)
class Indicator:
    """A pure function of bars.

    inputs   the fields it reads, in the names of the Panel ("high", "low", "close"); the one named "source" is chosen by
             the caller: a field or any series, `source` names its default
    outputs  the names of its results; the first is the one meant when none is named
    first    (mode, params) -> {output: index of the first valid value when the inputs start at bar 0}
    reach    (tail, mode, params) -> how many of the newest input rows `last` needs for `tail` rows of output, exactly
             the same as with all rows; None when it needs all of them (recursive)
    series   (inputs {name: [bars]}, mode, params) -> {output: [bars]}, NaN before its first valid value.
             Inputs hold no missing bars, apart from leading NaN in "source"
    last     (inputs {name: [bars, symbols]}, first_row int32 [symbols], tail, mode, params) -> {output: [tail, symbols]}:
             the newest `tail` rows. Inputs are time-major; a column is valid from its first row on
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

    def bind(self, given: Mapping[str, float]) -> dict[str, float]:
        """All parameters, checked, defaults filled in. BadParameter for an unknown name or a value out of range."""
        known = {param.name: param for param in self.params}
        for name in given:
            if name not in known:
                listed = ", ".join(known) or "none"
                raise BadParameter(
                    f"{self.name} has no parameter {name!r}; it has: {listed}", field=name, accepted=listed
                )
        return {name: param.check(given.get(name, param.default)) for name, param in known.items()}

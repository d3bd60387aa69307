"""What an indicator is: its name, parameters and outputs, and one definition as terms, from which all else follows.

Missing bars do not exist: callers compact them away. Only "source", which may be computed from anything, can hold NaN.
Leading ones are skipped: the first value is the first bar. Of later ones: a window that holds one is NaN; an indicator
that remembers (exponential means and what is made of them) is NaN at that bar and holds its state over it, so that its
later values are as if the bar did not exist.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ralph.errors import BadParameter
from ralph.indicators import holes
from ralph.indicators.plan import Plan, plan_of
from ralph.indicators.reach import first_values
from ralph.indicators.terms import Term

FloatArray: TypeAlias = NDArray[np.float64]
IntArray: TypeAlias = NDArray[np.int32]
Mode: TypeAlias = Literal["tv", "talib"]
"""Whose edge cases and seeds are followed: TradingView's Pine (default) or TA-Lib."""
Params: TypeAlias = Mapping[str, Any]
"""Checked parameters: an int, a float or, where there are choices, one of their words."""
Terms: TypeAlias = dict[str, Term]
Outputs: TypeAlias = dict[str, FloatArray]
Arrays: TypeAlias = Mapping[str, FloatArray]

MODES: tuple[Mode, ...] = ("tv", "talib")
PERIOD_MAX = 5_000
SHOWN_MAX = 40  # characters of a refused value that an error repeats
DEFINITIONS_KEPT = 1_024


@dataclass(frozen=True)
class Param:
    """A parameter with its range, ends included, or the words it can be. Whole numbers unless `whole` is False."""

    name: str
    default: float | str
    low: float = 1
    high: float = PERIOD_MAX
    whole: bool = True
    choices: tuple[str, ...] = ()

    @property
    def shown(self) -> str:
        """Its default as people read it."""
        return self.default if isinstance(self.default, str) else f"{self.default:g}"

    def check(self, value: object) -> float | str:
        """The value in its type; BadParameter names the range. A number stands for the word that is written as it."""
        if self.choices:
            return self._choose(value)
        number = _number(value)
        if not self.low <= number <= self.high or (self.whole and number != int(number)):
            accepted = f"{'a whole number' if self.whole else 'a number'} from {self.low:g} to {self.high:g}"
            raise self._refused(value, accepted)
        return int(number) if self.whole else number

    def _choose(self, value: object) -> str:
        number = _number(value)
        for word in self.choices:
            if value == word or (word.isdigit() and number == int(word)):
                return word
        raise self._refused(value, f"one of {', '.join(self.choices)}")

    def _refused(self, value: object, accepted: str) -> BadParameter:
        shown = f"{value:g}" if isinstance(value, float) else repr(value)
        shown = shown if len(shown) <= SHOWN_MAX else f"{shown[:SHOWN_MAX]}…"
        return BadParameter(f"{self.name} must be {accepted}, not {shown}", field=self.name, accepted=accepted)


@dataclass(frozen=True)
class Preset:
    """Parameters that people use under a name."""

    en: str
    ko: str
    params: Mapping[str, float | str]


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


@dataclass(frozen=True)
class Indicator:
    """A pure function of bars.

    outputs  the names of its results; the first is the one meant when none is named
    define   (mode, params) -> {output: term}
    source   the default of the series it is computed from, where the caller may choose one
    unit     of the results: "price", "volume", "percent" (0-100), "ratio", "number", "price_volume",
             "price_squared_per_volume"; `units` names those that have another one
    """

    name: str
    category: str
    en: str
    ko: str
    params: tuple[Param, ...]
    outputs: tuple[str, ...]
    unit: str
    formula_source: str
    define: Callable[[Mode, Params], Terms]
    source: str | None = None
    units: Mapping[str, str] = field(default_factory=dict)
    presets: tuple[Preset, ...] = ()

    def unit_of(self, output: str) -> str:
        """The unit of one of the outputs."""
        return self.units.get(output, self.unit)

    @property
    def inputs(self) -> tuple[str, ...]:
        """The fields it reads, in the names of the Panel; "source" is the one that the caller chooses."""
        return _inputs_of(self.define, self.outputs, tuple(self.bind({}).items()))

    def terms(self, mode: Mode, params: Params) -> Terms:
        """What the outputs are made of."""
        return _defined(self.define, mode, tuple(params.items()))

    def plan(self, mode: Mode, params: Params) -> Plan:
        """How all outputs are computed together, in their order."""
        return _planned(self.define, self.outputs, mode, tuple(params.items()))

    def first(self, mode: Mode, params: Params) -> dict[str, int]:
        """{output: index of the first valid value when the inputs start at bar 0}."""
        return dict(_first_bars(self.define, self.outputs, mode, tuple(params.items())))

    def reach(self, tail: int, mode: Mode, params: Params) -> int | None:
        """How many of the newest input rows `last` needs for `tail` rows of output, exactly the same as with all rows;
        None when it needs all of them (it remembers)."""
        return self.plan(mode, params).reach(tail)

    def series(self, inputs: Arrays, mode: Mode, params: Params) -> Outputs:
        """{output: [bars]} of inputs {name: [bars]}, NaN before its first valid value.

        Inputs hold no missing bars, apart from NaN in "source".
        """
        plan = self.plan(mode, params)
        return dict(zip(self.outputs, holes.series(plan, inputs), strict=True))

    def last(self, inputs: Arrays, first_row: IntArray, tail: int, mode: Mode, params: Params) -> Outputs:
        """The newest `tail` rows {output: [tail, symbols]}, NaN where there are fewer, of inputs [bars, symbols].

        Inputs are time-major; a column is valid from its first row on, and what stands above it is never looked at.
        """
        plan = self.plan(mode, params)
        return dict(zip(self.outputs, holes.last(plan, inputs, first_row, tail), strict=True))

    def bind(self, given: Mapping[str, object]) -> dict[str, Any]:
        """All parameters, checked, defaults filled in. BadParameter for an unknown name or a value out of range."""
        known = {param.name: param for param in self.params}
        for name in given:
            if name not in known:
                listed = ", ".join(known) or "none"
                raise BadParameter(
                    f"{self.name} has no parameter {name!r}; it has: {listed}", field=name, accepted=listed
                )
        return {name: param.check(given.get(name, param.default)) for name, param in known.items()}


INPUT_ORDER = ("source", "open", "high", "low", "close", "volume", "index_close", "session")


@lru_cache(DEFINITIONS_KEPT)
def _defined(define: Callable[[Mode, Params], Terms], mode: Mode, params: tuple[tuple[str, Any], ...]) -> Terms:
    return define(mode, dict(params))


@lru_cache(DEFINITIONS_KEPT)
def _planned(
    define: Callable[[Mode, Params], Terms], outputs: tuple[str, ...], mode: Mode, params: tuple[tuple[str, Any], ...]
) -> Plan:
    terms = _defined(define, mode, params)
    return plan_of(tuple(terms[name] for name in outputs))


@lru_cache(DEFINITIONS_KEPT)
def _first_bars(
    define: Callable[[Mode, Params], Terms], outputs: tuple[str, ...], mode: Mode, params: tuple[tuple[str, Any], ...]
) -> Mapping[str, int]:
    terms = _defined(define, mode, params)
    first = first_values(terms.values())
    return {name: first[terms[name]] for name in outputs}


@lru_cache(DEFINITIONS_KEPT)
def _inputs_of(
    define: Callable[[Mode, Params], Terms], outputs: tuple[str, ...], defaults: tuple[tuple[str, Any], ...]
) -> tuple[str, ...]:
    read = {name for mode in MODES for name in _planned(define, outputs, mode, defaults).inputs}
    return tuple(sorted(read, key=INPUT_ORDER.index))

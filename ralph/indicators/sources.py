"""The series an indicator can be computed from by name: a bar's fields and the usual means of its prices."""

from __future__ import annotations

from collections.abc import Callable

from ralph import catalog
from ralph.errors import BadParameter
from ralph.indicators.indicator import Arrays, FloatArray

FIELDS = ("open", "high", "low", "close", "volume")

MEANS: dict[str, Callable[[Arrays], FloatArray]] = {
    "hl2": lambda bars: (bars["high"] + bars["low"]) / 2,
    "hlc3": lambda bars: (bars["high"] + bars["low"] + bars["close"]) / 3,
    "ohlc4": lambda bars: (bars["open"] + bars["high"] + bars["low"] + bars["close"]) / 4,
}

SOURCES = (*FIELDS, *MEANS)


def pick(name: object, bars: Arrays) -> FloatArray:
    """The series of that name; BadParameter lists them."""
    if name in FIELDS:
        return bars[str(name)]
    if name in MEANS:
        return MEANS[str(name)](bars)
    near = catalog.nearest(str(name), list(SOURCES))
    hint = f"did you mean {near!r}? " if near else ""
    known = ", ".join(SOURCES)
    raise BadParameter(f"there is no source {name!r}: {hint}known are {known}", field="source", accepted=known)

"""Indicators, one file each; `load` lists them, `series` computes one over a Symbol's bars.

indicator   what an indicator is
sources     the series an indicator can be computed from by name
call        any indicator over plain arrays, missing bars taken out
together    several at once, what they share computed once
straight    programs that are used again, as machine code
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from functools import cache

import numpy as np

from ralph import catalog
from ralph.indicators.call import compute, find
from ralph.indicators.indicator import FloatArray, Indicator, Mode
from ralph.indicators.plan import Plan
from ralph.indicators.together import Request, Together, planned

__all__ = ["Request", "Together", "load", "plan", "series", "warm_up"]


@cache
def load() -> dict[str, Indicator]:
    """All indicators by name, in order of name. Numba is not imported by it, let alone a kernel compiled."""
    return catalog.load(sys.modules[__name__], Indicator)


def series(
    id: str,  # noqa: A002
    *,
    open: FloatArray,  # noqa: A002
    high: FloatArray,
    low: FloatArray,
    close: FloatArray,
    volume: FloatArray,
    index_close: FloatArray | None = None,
    session: FloatArray | None = None,
    mode: Mode = "tv",
    **params: object,
) -> dict[str, FloatArray]:
    """The indicator `id` over one Symbol's bars: {output: [bars]}, NaN where it is not defined.

    Arrays are float64 [bars], oldest first, prices in one currency, volume in shares. Bars with a missing price, and
    halts (open, high, low and volume 0), are stepped over and hold NaN. `session` is a whole number that is another one
    for each trading day, for bars within days. `mode` is "tv" or "talib". `params` are the
    indicator's own, and `source` (a field, hl2, hlc3 or ohlc4) where it has one.
    NotFound: no such indicator. BadParameter: an unknown parameter, one out of its range, arrays of unequal length.
    """
    bars = {"open": open, "high": high, "low": low, "close": close, "volume": volume}
    bars |= {name: array for name, array in (("index_close", index_close), ("session", session)) if array is not None}
    return compute(find(id, load()), bars, mode, params)


def plan(requests: Iterable[Request]) -> Together:
    """Several indicators planned together, so that what they share is computed once, in one pass over a Panel.

    NotFound: no such indicator. BadParameter: an unknown parameter, one out of its range, an unknown source or mode.
    """
    return planned((find(one.indicator, load()), one) for one in requests)


def warm_up() -> None:
    """Compile the machine, or load it from the cache, and run every indicator once: for a thread, before a scan."""
    bars = np.linspace(1.0, 2.0, 4)
    panel = np.ascontiguousarray(np.tile(bars[:, None], 2))
    first = np.zeros(2, dtype=np.int32)
    terms = [term for each in load().values() for term in each.terms("tv", each.bind({})).values()]
    every = Plan(terms)
    every.last(dict.fromkeys(every.inputs, panel), first, 1)

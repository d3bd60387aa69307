"""The names a screen can use: columns of bars, functions, indicators."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from ralph import indicators as package
from ralph.indicators.indicator import Indicator
from ralph.indicators.sources import MEANS
from ralph.market.panel import FIELDS

COLUMNS = (*FIELDS, *MEANS)
"""A bar's own figures and the usual means of its prices."""

FUNCTIONS = {"abs": (1, 1), "min": (2, 200), "max": (2, 200)}
"""Functions of numbers, with the least and most arguments they take."""

CROSSINGS = ("crosses_above", "crosses_below")


@cache
def indicators() -> Mapping[str, Indicator]:
    """Every indicator by name; found once, when the first screen is read."""
    return package.load()

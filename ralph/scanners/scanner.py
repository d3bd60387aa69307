"""What a scanner is: a name, what it looks for, what may be chosen, and how it finds it in a market as of a Session."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

import msgspec

from ralph.catalog import nearest
from ralph.errors import BadParameter
from ralph.scanners.day import MarketDay
from ralph.scanners.setup import Setup

Chosen: TypeAlias = Mapping[str, float]
"""The value of each parameter."""


class Param(msgspec.Struct, frozen=True):
    """A number that may be chosen, from `low` to `high`, both included."""

    name: str
    default: float
    low: float
    high: float
    whole: bool = False


@dataclass(frozen=True)
class Scanner:
    """A pure function of a market's day.

    version  raised when its meaning changes: a Signal keeps the one it was made with
    find     the Setups, best score first, then by Symbol
    params   what may be chosen
    chance   the share of pure random walks on which it finds something, where that was measured
    """

    name: str
    en: str
    ko: str
    version: int
    find: Callable[[MarketDay, Chosen], list[Setup]]
    params: tuple[Param, ...] = ()
    chance: float | None = None
    timeframe: str = "1d"

    def bind(self, given: Chosen) -> dict[str, float]:
        """All parameters, those not given by default. BadParameter names an unknown one or one out of its range."""
        known = {param.name: param for param in self.params}
        for name, value in given.items():
            if name not in known:
                near = nearest(name, list(known))
                hint = f"did you mean {near!r}?" if near else f"there are {', '.join(known) or 'none'}"
                raise BadParameter(
                    f"{self.name} has no parameter {name!r}; {hint}",
                    field=f"params.{name}",
                    accepted=", ".join(known) or "no parameters",
                )
            _check(known[name], value)
        return {name: float(given.get(name, param.default)) for name, param in known.items()}


def _check(param: Param, value: float) -> None:
    inside = math.isfinite(value) and param.low <= value <= param.high
    if not inside or (param.whole and value != int(value)):
        kind = "a whole number" if param.whole else "a number"
        accepted = f"{kind} from {param.low:g} to {param.high:g}"
        raise BadParameter(
            f"{param.name} is {accepted}, not {value:g}", field=f"params.{param.name}", accepted=accepted
        )

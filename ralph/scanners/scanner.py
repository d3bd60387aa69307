"""What a scanner is: a name, what it looks for, and how it finds it in a market as of a Session."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ralph.scanners.day import MarketDay
from ralph.scanners.setup import Setup


@dataclass(frozen=True)
class Scanner:
    """A pure function of a market's day.

    version  raised when its meaning changes: a Signal keeps the one it was made with
    find     the Setups, best score first, then by Symbol
    """

    name: str
    en: str
    ko: str
    version: int
    find: Callable[[MarketDay], list[Setup]]

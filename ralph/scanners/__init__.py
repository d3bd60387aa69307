"""Scanners find charts in position: pure functions of a market's day that return Setups.

scanner       what a scanner is                     day        a market as of a Session, as scanners look at it
setup         what they return                      component  the named parts of a score
running       a scanner over a Universe             vcp        volatility contraction bases
around        the whole market around it            weather    gate and breadth as answers
cards         what a scanner says of itself
checks        seven checks of day-trading           daily      scans by one number of a daily bar
closing_bet   strong closes to hold over night      money      smart money, from investor flows
gate          the market gate                       breadth    how many Symbols rise, and where they stand
sectors       changes and ranks within sectors      intraday   measures within a Session
"""

from __future__ import annotations

import sys
from functools import cache

import numpy as np

from ralph import catalog, kernels
from ralph.errors import NotFound
from ralph.scanners import vcp
from ralph.scanners.scanner import Scanner

__all__ = ["find", "load", "warm_up"]


@cache
def load() -> dict[str, Scanner]:
    """All scanners by name, in order of name."""
    return catalog.load(sys.modules[__name__], Scanner)


def find(name: str) -> Scanner:
    """The scanner of that name; NotFound suggests one."""
    known = load()
    if name in known:
        return known[name]
    near = catalog.nearest(name, list(known))
    hint = f": did you mean {near!r}?" if near else f"; there are {', '.join(known)}"
    raise NotFound(f"there is no scanner {name!r}{hint}", field="name", accepted=near or ", ".join(known))


def warm_up() -> None:
    """Compile the kernel of bases, or load it from the cache: for a thread, before a scan."""
    bars = np.ones((1, 1))
    kernels.bases.scan(bars, bars, bars, bars, np.zeros(1, np.int32), np.full(1, np.nan), vcp.DEFAULT_RULES)

"""The bars of one Session, as the simulated exchange makes them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ralph.simulator.companies import BoolArray, IntArray


@dataclass(frozen=True, eq=False)
class SessionBars:
    """The bars of one Session, one element a share: [shares]. A halted one has O = H = L = 0 and its last close.

    open..close  won, as traded; volume in shares; value in won traded
    reference    the base price: the close before, after splits; the offering price of a share in its first Session
    shares       listed, after splits
    numerator, denominator  new shares for old ones from this Session on, 1 and 1 on usual days
    phase        NORMAL, NEW in its first Session, LIQUIDATING in its last ones
    member       counted by the index of its market
    """

    listed: BoolArray
    traded: BoolArray
    open: IntArray
    high: IntArray
    low: IntArray
    close: IntArray
    volume: IntArray
    value: IntArray
    reference: IntArray
    shares: IntArray
    numerator: IntArray
    denominator: IntArray
    phase: IntArray
    member: BoolArray

    def moved(self) -> IntArray:
        """The price that `open` has, or the last one where nothing traded: [shares]."""
        return np.where(self.traded, self.open, self.close)

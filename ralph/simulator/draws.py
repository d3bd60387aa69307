"""Random numbers that are the same on every machine and with every version of numpy.

Only the raw words of PCG64 are taken, which numpy keeps stable, and only + - * / and sqrt are applied to them, which
IEEE 754 rounds exactly: exp, log and the distributions of numpy differ between machines and versions.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

_UNIT = 2.0**-53
_ROOT_3 = 1.7320508075688772  # the square root of 3, to the last bit


class Draws:
    """A stream of random arrays of one width; streams of a seed are told apart by their names."""

    def __init__(self, seed: int, stream: str, width: int) -> None:
        self._bits = np.random.PCG64(np.random.SeedSequence([seed, *stream.encode()]))
        self._width = width

    def uniform(self) -> FloatArray:
        """Evenly in [0, 1): [width]."""
        return (self._raw() >> np.uint64(11)).astype(np.float64) * _UNIT

    def shock(self) -> FloatArray:
        """Bell-shaped with mean 0 and deviation 1, within 3.5: the sum of four even draws: [width]."""
        raw = self._raw()
        total = np.zeros(self._width)
        for shift in (0, 16, 32, 48):
            total += ((raw >> np.uint64(shift)) & np.uint64(0xFFFF)).astype(np.float64) + 0.5
        return (total * 2.0**-16 - 2.0) * _ROOT_3

    def below(self, limit: int) -> NDArray[np.int64]:
        """Whole numbers in [0, limit): [width]."""
        return (self.uniform() * limit).astype(np.int64)

    def _raw(self) -> NDArray[np.uint64]:
        return self._bits.random_raw(self._width)


def pick(odds: Sequence[tuple[str, float]], chance: float) -> str:
    """The name whose odds an even draw falls on, when they lie one after another; the last one takes the rest."""
    for name, share in odds:
        if chance < share:
            return name
        chance -= share
    return odds[-1][0]

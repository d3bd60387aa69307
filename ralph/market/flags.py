"""Quality flags of a daily bar, one bit each, and the row rules that set them."""

from __future__ import annotations

from enum import IntFlag

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


class Flag(IntFlag):
    """What was noticed about a stored bar; 0 means nothing."""

    NO_TRADE = 1  # volume 0: a halted or untraded day, compacted away by the Panel
    INCONSISTENT = 2  # high/low do not enclose open/close
    JUMP = 4  # |close / previous traded close - 1| beyond the price limit


RAW = np.uint8(128)
"""Beside the flags of a bar that was read from the store: its prices are as traded, and actions adjust them."""

ANOMALY = Flag.INCONSISTENT | Flag.JUMP
"""The flags that mark a screen's match as an anomaly."""

JUMP_RATIO = 0.305
"""The daily limit of 30 % (since 2015-06-15) with room for tick rounding."""

EARLY_JUMP_RATIO = 0.155
"""The limit of 15 % before; KOSDAQ had 12 % until 2005, which is not told apart: prices were adjusted and rounded."""

WIDER_SINCE = np.datetime64("2015-06-15", "D")

"""What stands in which row of the arrays about bases, and the numbers that are fixed; no numba needed to read them."""

from __future__ import annotations

import numpy as np

BARS_MIN = 252  # with fewer a Symbol is not evaluable
LEGS_MAX = 6
VOLUME_BARS = 50  # of the volume's mean
QUALITY_BARS = 10
TURNED = 8  # columns gathered together: a cache line of each row

# `rules`: the numbers a caller chooses.
(
    LENGTH_MIN, LENGTH_MAX, FIRST_DEPTH_MIN, FIRST_DEPTH_MAX, SHRINK_MAX, LAST_DEPTH_MAX, LOW_HOLDS,
    HIGH_FLOOR, HIGH_CEILING, ADVANCE_MIN, ADVANCE_BARS, DAMAGE_BARS, DAMAGE_HIGH, DRY_UP_MAX,
    BREAKOUT_VOLUME, NEAR, EXTENDED, RANK_MIN,
) = range(18)  # fmt: skip
RULES = 18

# Rows of `legs` [LEG_ROWS, LEGS_MAX, symbols].
HIGH_AT, HIGH, LOW_AT, LOW, DEPTH, BARS_DOWN, BARS_UP, VOLUME_MEAN, VOLUME_SHARE, VOLUME_SLOPE, CONFIRMED = range(11)
LEG_ROWS = 11

# Rows of `terms` [TERMS, symbols].
(
    LEG_COUNT, STATE, SCORE, PIVOT, BASE_HIGH, STOP_LOW, LENGTH, ADVANCE, DAMAGE, DRY_UP, DRY_UP_3,
    TIGHT_PART, COUNT_PART, DRY_PART, NEAR_PART, RANK_PART, QUALITY_PART, EVALUABLE,
) = range(18)  # fmt: skip
TERMS = 18

FORMING, NEAR_PIVOT, BREAKOUT, EXTENDED_STATE, FAILED = 1, 2, 3, 4, 5

LEG_POINTS = np.array([0.0, 0.0, 0.6, 1.0, 1.0, 0.8, 0.6])  # by the number of contractions
POINTS = np.array([25.0, 15.0, 20.0, 15.0, 15.0, 10.0])  # tight, count, dry, near, rank, quality

"""Formulas that several indicators and the ratings are made of, as terms."""

from __future__ import annotations

import math

from ralph.indicators.indicator import Mode
from ralph.indicators.terms import (
    CLOSE,
    HIGH,
    HL2,
    LOW,
    VOLUME,
    Term,
    absolute_deviation,
    both,
    choose,
    decaying_sum,
    ema,
    greatest,
    highest,
    least,
    lowest,
    magnitude,
    mean,
    otherwise,
    rma,
    same,
    term,
    total,
    weighted_mean,
)

ZERO_RANGE = 1e-9  # of the highest: a range this small is rounding (decision 0010)
TIE = 1e-9  # of the scale: nearer values count as equal
ZERO_DEVIATION = 1e-10  # of the mean


def holds(condition: Term) -> Term:
    """1 where a condition holds, 0 where it does not or cannot be told."""
    return otherwise(condition, 0.0)


def both_hold(left: Term, right: Term) -> Term:
    """1 where both conditions hold, 0 where one does not or cannot be told."""
    return least(holds(left), holds(right))


def either_holds(left: Term, right: Term) -> Term:
    """1 where one of the conditions holds, 0 where neither does."""
    return greatest(holds(left), holds(right))


def unless(condition: Term) -> Term:
    """1 where a condition does not hold; NaN where that cannot be told."""
    return 1.0 - condition


def above(left: Term | float, right: Term | float, scale: Term | float = CLOSE) -> Term:
    """1 where one is above another by more than rounding on its scale: the close, or 100 for an oscillator."""
    return term(left) - right > TIE * term(scale)


def only_with(gate: Term, value: Term) -> Term:
    """The value at bars at which the gate has one, NaN at the others."""
    return choose(same(gate, gate), value, math.nan)


def true_range() -> Term:
    """The bar's range with the gap before it; NaN at the first bar, which has none before it."""
    return greatest(HIGH - LOW, greatest(magnitude(HIGH - CLOSE[1]), magnitude(LOW - CLOSE[1])))


def average_true_range(period: int, mode: Mode) -> Term:
    """Wilder's mean of the true range; Pine counts the first bar's own range, TA-Lib begins with the second bar."""
    return rma(otherwise(true_range(), HIGH - LOW) if mode == "tv" else true_range(), period)


def relative_strength_index(value: Term, period: int, mode: Mode) -> Term:
    """Share of rises in the smoothed movement, 0 to 100; without movement Pine says 100 and TA-Lib 0."""
    change = value - value[1]
    rises, falls = rma(greatest(change, 0.0), period), rma(greatest(-change, 0.0), period)
    moved = rises + falls
    return choose(same(moved, 0.0), 100.0 if mode == "tv" else 0.0, 100.0 * (rises / moved))


def position(value: Term, low: Term, high: Term, flat: float) -> Term:
    """Where a value stands between two others, 0 to 100; `flat` where they are the same."""
    width = high - low
    return choose(width <= ZERO_RANGE * magnitude(high), flat, 100.0 * ((value - low) / width))


def stochastic(period: int, mode: Mode) -> Term:
    """Where the close stands in the range of the newest bars; without a range Pine says NaN and TA-Lib 0."""
    return position(CLOSE, lowest(LOW, period), highest(HIGH, period), math.nan if mode == "tv" else 0.0)


def stochastic_rsi(value: Term, rsi_period: int, period: int, mode: Mode) -> Term:
    """Where the RSI stands in its own recent range."""
    rsi = relative_strength_index(value, rsi_period, mode)
    return position(rsi, lowest(rsi, period), highest(rsi, period), math.nan if mode == "tv" else 0.0)


def williams_range(period: int) -> Term:
    """How far the close is below the recent highest, in percent of the range, -100 to 0; 0 without a range."""
    low, high = lowest(LOW, period), highest(HIGH, period)
    return choose(high - low <= ZERO_RANGE * magnitude(high), 0.0, 100.0 * ((CLOSE - high) / (high - low)))


def directional_movement(period: int, mode: Mode) -> tuple[Term, Term, Term]:
    """ADX, +DI and -DI. TA-Lib's sums begin with one movement less than the period; both publish on the same bar.

    How one-sided movement is follows from the sums: what they are shares of cancels out.
    """
    rise, fall = HIGH - HIGH[1], LOW[1] - LOW
    terms = period - (mode == "talib")
    up = decaying_sum(choose(both(rise > fall, rise > 0.0), rise, 0.0), period, terms)
    down = decaying_sum(choose(both(fall > rise, fall > 0.0), fall, 0.0), period, terms)
    moved, either = decaying_sum(true_range(), period, terms), up + down
    plus, minus = (choose(same(moved, 0.0), 0.0, 100.0 * (one / moved)) for one in (up, down))
    one_sided = choose(same(either, 0.0), 0.0, 100.0 * (magnitude(up - down) / either))
    return rma(one_sided, period), plus, minus


def commodity_channel(value: Term, period: int) -> Term:
    """Distance from the mean in units of 0.015 mean deviations; 0 where nothing deviates."""
    middle, spread = mean(value, period), absolute_deviation(value, period)
    flat = spread <= ZERO_DEVIATION * magnitude(middle)
    return choose(flat, 0.0, (value - middle) / (0.015 * spread))


def hull_mean(value: Term, period: int) -> Term:
    """Weighted mean of twice the fast minus the slow weighted mean."""
    fast = weighted_mean(value, max(1, period // 2))
    return weighted_mean(2.0 * fast - weighted_mean(value, period), math.isqrt(period))


def volume_weighted_mean(value: Term, period: int) -> Term:
    """Mean of a value by volume; NaN where none was traded."""
    return total(value * VOLUME, period) / total(VOLUME, period)


def awesome_oscillator() -> Term:
    """Mean of 5 midpoints of bars less the mean of 34."""
    return mean(HL2, 5) - mean(HL2, 34)


def middle(period: int) -> Term:
    """Halfway between the highest high and the lowest low."""
    return (highest(HIGH, period) + lowest(LOW, period)) / 2.0


def ultimate_oscillator(periods: tuple[int, int, int], mode: Mode) -> Term:
    """Buying pressure over true range in three lengths weighted 4, 2, 1; without a range Pine says NaN, TA-Lib 0."""
    floor, ceiling = least(LOW, CLOSE[1]), greatest(HIGH, CLOSE[1])
    flat = math.nan if mode == "tv" else 0.0

    def share(period: int) -> Term:
        moved = total(ceiling - floor, period)
        return choose(same(moved, 0.0), flat, total(CLOSE - floor, period) / moved)

    fast, medium, slow = (share(period) for period in periods)
    return 100.0 * (4.0 * fast + 2.0 * medium + slow) / 7.0


def convergence(value: Term, fast: int, slow: int) -> Term:
    """The fast exponential mean less the slow one."""
    return ema(value, fast) - ema(value, slow)

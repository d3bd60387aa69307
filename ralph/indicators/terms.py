"""What an indicator is made of: terms, each a series over bars, written as a formula writes them.

A term is a value: equal terms are computed once, whoever asks for them. The operations here are all there are; each has
one compiled form in `ralph.kernels` and one slow, obvious form in the tests. All of them see, at a bar, only that bar
and older ones. NaN is a missing value:

- arithmetic with one is NaN, and so is what is divided by zero; a comparison with one is NaN
- a window (`mean`, `highest`, …) that holds one, or is longer than the bars there are, is NaN
- an operation that remembers (`smooth`, `running`, …) begins with its first value, is NaN at a missing one and holds
  what it knew over it
"""

from __future__ import annotations

from dataclasses import dataclass, field

FIELDS = ("open", "high", "low", "close", "volume", "index_close", "source", "session")
"""What terms read. `source` is what the caller chose; `session` counts trading days, for intraday bars."""


@dataclass(frozen=True, eq=False)
class Term:
    """One operation over other terms; `whole` and `real` are its fixed numbers, in the operation's own order."""

    op: str
    inputs: tuple[Term, ...] = ()
    whole: tuple[int, ...] = ()
    real: tuple[float, ...] = ()
    _hash: int = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_hash", hash((self.op, self.inputs, self.whole, self.real)))

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        return (
            isinstance(other, Term)
            and self._hash == other._hash
            and (self.op, self.whole, self.real, self.inputs) == (other.op, other.whole, other.real, other.inputs)
        )

    def __add__(self, other: Term | float) -> Term:
        return Term("add", (self, term(other)))

    def __radd__(self, other: float) -> Term:
        return Term("add", (term(other), self))

    def __sub__(self, other: Term | float) -> Term:
        return Term("subtract", (self, term(other)))

    def __rsub__(self, other: float) -> Term:
        return Term("subtract", (term(other), self))

    def __mul__(self, other: Term | float) -> Term:
        return Term("multiply", (self, term(other)))

    def __rmul__(self, other: float) -> Term:
        return Term("multiply", (term(other), self))

    def __truediv__(self, other: Term | float) -> Term:
        """NaN where the divisor is 0."""
        return Term("divide", (self, term(other)))

    def __rtruediv__(self, other: float) -> Term:
        return Term("divide", (term(other), self))

    def __neg__(self) -> Term:
        return Term("subtract", (constant(0.0), self))

    def __getitem__(self, bars: int) -> Term:
        """The value `bars` bars before."""
        return self if bars == 0 else Term("shift", (self,), (bars,))

    def __gt__(self, other: Term | float) -> Term:
        """1 where it is greater, 0 where it is not."""
        return Term("greater", (self, term(other)))

    def __ge__(self, other: Term | float) -> Term:
        return Term("not_less", (self, term(other)))

    def __lt__(self, other: Term | float) -> Term:
        return Term("greater", (term(other), self))

    def __le__(self, other: Term | float) -> Term:
        return Term("not_less", (term(other), self))


def constant(value: float) -> Term:
    """The same number at every bar."""
    return Term("constant", real=(float(value),))


def term(value: Term | float) -> Term:
    """A term as it is, a number as a constant."""
    return value if isinstance(value, Term) else constant(value)


def read(name: str) -> Term:
    """One of FIELDS."""
    assert name in FIELDS
    return Term(f"read_{name}")


OPEN, HIGH, LOW, CLOSE, VOLUME = (read(name) for name in FIELDS[:5])
INDEX_CLOSE, SOURCE, SESSION = (read(name) for name in FIELDS[5:])
HL2 = (HIGH + LOW) / 2.0
HLC3 = (HIGH + LOW + CLOSE) / 3.0


# One bar


def magnitude(value: Term) -> Term:
    """Its absolute value."""
    return Term("magnitude", (value,))


def least(left: Term | float, right: Term | float) -> Term:
    """The smaller of two; NaN where either is."""
    return Term("least", (term(left), term(right)))


def greatest(left: Term | float, right: Term | float) -> Term:
    """The larger of two; NaN where either is."""
    return Term("greatest", (term(left), term(right)))


def root(value: Term) -> Term:
    """Square root; of a negative number 0."""
    return Term("root", (value,))


def log(value: Term) -> Term:
    """Natural logarithm; NaN unless positive."""
    return Term("log", (value,))


def same(left: Term | float, right: Term | float) -> Term:
    """1 where two are equal, 0 where not."""
    return Term("same", (term(left), term(right)))


def choose(condition: Term, yes: Term | float, no: Term | float) -> Term:
    """`yes` where the condition is not 0, `no` where it is, NaN where it is missing; the other one is not looked at."""
    return Term("choose", (condition, term(yes), term(no)))


def both(left: Term, right: Term) -> Term:
    """1 where two flags are, 0 where one is not; NaN where that cannot be said."""
    return least(left, right)


def known(value: Term) -> Term:
    """1 where there is a value, 0 where it is missing."""
    return Term("known", (value,))


def otherwise(value: Term, instead: Term | float) -> Term:
    """The value, and another one where it is missing."""
    return Term("otherwise", (value, term(instead)))


# Windows: the newest `period` values, this bar's included


def total(value: Term, period: int) -> Term:
    """Their sum."""
    return Term("total", (value,), (period,))


def mean(value: Term, period: int) -> Term:
    """Their mean; of equal values exactly that value."""
    return Term("mean", (value,), (period,))


def weighted_mean(value: Term, period: int) -> Term:
    """Weights 1, 2, … `period`, the newest the heaviest."""
    return Term("weighted_mean", (value,), (period,))


def highest(value: Term, period: int) -> Term:
    """The largest of them."""
    return Term("highest", (value,), (period,))


def lowest(value: Term, period: int) -> Term:
    """The smallest of them."""
    return Term("lowest", (value,), (period,))


def since_highest(value: Term, period: int) -> Term:
    """Bars since the largest of them, the newest of equal ones: 0 to `period` - 1."""
    return Term("since_highest", (value,), (period,))


def since_lowest(value: Term, period: int) -> Term:
    """Bars since the smallest of them, the newest of equal ones."""
    return Term("since_lowest", (value,), (period,))


def deviation(value: Term, period: int) -> Term:
    """Population standard deviation, in two passes: no sum of squares that could cancel; of equal values exactly 0."""
    return Term("deviation", (value,), (period,))


def absolute_deviation(value: Term, period: int) -> Term:
    """Mean distance from their mean."""
    return Term("absolute_deviation", (value,), (period,))


def trend_slope(value: Term, period: int) -> Term:
    """Slope of their least-squares line, a bar."""
    return Term("trend_slope", (value,), (period,))


def trend_fit(value: Term, period: int) -> Term:
    """Share of their variance that the least-squares line explains, 0 to 1; NaN where there is no variance."""
    return Term("trend_fit", (value,), (period,))


def covariance(left: Term, right: Term, period: int) -> Term:
    """Population covariance of two series, in two passes; with itself the variance."""
    return Term("covariance", (left, right), (period,))


def share_below(value: Term, period: int) -> Term:
    """Share of the `period` values before this one that are not above it, 0 to 1."""
    return Term("share_below", (value,), (period,))


def busiest_price(low: Term, high: Term, weight: Term, period: int, bins: int) -> Term:
    """Middle of that of `bins` equal price bins between their lowest low and highest high to which most weight falls,
    each bar's weight spread evenly over its own range; of bins equal but for rounding the lowest."""
    return Term("busiest_price", (low, high, weight), (period, bins))


# Memory


def smooth(value: Term, period: int, alpha: float, skip: int = 0) -> Term:
    """Exponential mean: `skip` values are passed over, the mean of the next `period` is the seed, then each new one
    counts `alpha`. Written so that a flat series stays exactly at its value."""
    return Term("smooth", (value,), (period, skip), (alpha,))


def ema(value: Term, period: int, skip: int = 0) -> Term:
    """Exponential mean with alpha 2 / (period + 1)."""
    return smooth(value, period, 2.0 / (period + 1), skip)


def rma(value: Term, period: int, skip: int = 0) -> Term:
    """Wilder's mean: alpha 1 / period."""
    return smooth(value, period, 1.0 / period, skip)


def decaying_sum(value: Term, period: int, terms: int) -> Term:
    """Wilder's sum: `terms` values added up, from then on s - s / period + value; there from the `period`-th on."""
    return Term("decaying_sum", (value,), (period, terms))


def running(value: Term, starts: Term | None = None) -> Term:
    """Sum of all values so far; begun anew where `starts` is not 0."""
    return Term("running", (value,)) if starts is None else Term("running_since", (value, starts))


def streak(condition: Term) -> Term:
    """How many bars in a row the condition has not been 0; 0 where it is."""
    return Term("streak", (condition,))


def adaptive_mean(value: Term, weight: Term) -> Term:
    """m + weight (value - m), begun with the value before the first weight there is (KAMA)."""
    return Term("adaptive_mean", (value, weight))


def held(value: Term, condition: Term) -> Term:
    """The value at the newest bar at which the condition was not 0."""
    return Term("held", (value, condition))


# Several results at once: `part` picks one


def part(whole: Term, index: int) -> Term:
    """One of the results of an operation that has several."""
    return Term("part", (whole,), (index,))


def parabolic(high: Term, low: Term, close: Term, steps: tuple[float, float, float], mode: str) -> Term:
    """Wilder's stop and reverse with (start, increment, maximum): parts line, direction (1 up, -1 down).

    "tv" takes its first direction from the closes of the first two bars, "talib" from their directional movement.
    """
    return Term("parabolic", (high, low, close), (int(mode == "talib"),), steps)


def bands_that_ratchet(upper: Term, lower: Term, close: Term, mode: str) -> Term:
    """Supertrend: the lower band only rises while the close before stood on or above it, the upper only falls
    likewise; parts line, direction (1 up, -1 down). `mode` chooses the side it begins on."""
    return Term("ratchet", (upper, lower, close), (int(mode == "talib"),))

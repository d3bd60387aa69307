"""The components of the Technical Ratings: 1 buy, -1 sell, 0 neither, NaN while it cannot be said.

A condition that lacks a value does not hold. By the rules of 2024 a component has one gate, a series without which it
is left out of the mean; by those of 2020 all its inputs must be there.
"""

from __future__ import annotations

from functools import reduce

from ralph.indicators import formulas
from ralph.indicators.formulas import above, both_hold, holds, only_with
from ralph.indicators.terms import CLOSE, HIGH, LOW, Term, ema, mean

LENGTHS = (10, 20, 30, 50, 100, 200)
OF_100 = 100.0  # the scale of an oscillator


def averages(before_2024: bool) -> dict[str, Term]:
    """The close against 14 moving averages, and Ichimoku."""
    lines = {f"sma{length}": mean(CLOSE, length) for length in LENGTHS}
    lines |= {f"ema{length}": ema(CLOSE, length) for length in LENGTHS}
    lines |= {"hma9": formulas.hull_mean(CLOSE, 9), "vwma20": formulas.volume_weighted_mean(CLOSE, 20)}
    scores = {name: _score((above(CLOSE, line),), (above(line, CLOSE),), line) for name, line in lines.items()}
    return scores | {"ichi": _ichimoku_2020() if before_2024 else _ichimoku()}


def oscillators(before_2024: bool) -> dict[str, Term]:
    """The eleven oscillators."""
    rsi = formulas.relative_strength_index(CLOSE, 14, "tv")
    cci = formulas.commodity_channel(CLOSE, 20)
    williams = formulas.williams_range(14)
    momentum = CLOSE - CLOSE[10]
    line = formulas.convergence(CLOSE, 12, 26)
    signal = ema(line, 9)
    return {
        "rsi": _turning(rsi, 30.0, 70.0),
        "stoch": _stochastic(before_2024),
        "cci": _turning(cci, -100.0, 100.0),
        "adx": _directional(before_2024),
        "ao": _awesome(),
        "mom": _score((above(momentum, momentum[1]),), (above(momentum[1], momentum),), momentum[1]),
        "macd": _score((above(line, signal),), (above(signal, line),), signal),
        "stochrsi": _stochastic_rsi(before_2024),
        "wpr": _turning(williams, -80.0, -20.0),
        "bbp": _power(),
        "uo": _ultimate(),
    }


def _score(buy: tuple[Term, ...], sell: tuple[Term, ...], gate: Term) -> Term:
    """1 where all of one side's conditions hold, -1 where all of the other's do, 0 elsewhere; NaN without the gate."""
    return only_with(gate, _all_hold(buy) - _all_hold(sell))


def _all_hold(conditions: tuple[Term, ...]) -> Term:
    return reduce(both_hold, conditions[1:], holds(conditions[0]))


def _turning(value: Term, low: float, high: float) -> Term:
    """Below `low` and rising, or above `high` and falling."""
    buy = (above(low, value, OF_100), above(value, value[1], OF_100))
    sell = (above(value, high, OF_100), above(value[1], value, OF_100))
    return _score(buy, sell, value[1])


def _ichimoku() -> Term:
    """All lines in order, against the cloud that was drawn 26 bars ago."""
    fast, base, slow = formulas.middle(9), formulas.middle(26), formulas.middle(52)
    span_a, span_b = ((fast + base) / 2.0)[26], slow[26]
    buy = (above(span_a, span_b), above(base, span_a), above(fast, base), above(CLOSE, fast))
    sell = (above(span_b, span_a), above(span_a, base), above(base, fast), above(fast, CLOSE))
    return _score(buy, sell, slow)


def _ichimoku_2020() -> Term:
    """The close crosses the conversion line between base line and the cloud of this bar."""
    fast, base, span_b = formulas.middle(9), formulas.middle(26), formulas.middle(52)
    span_a = (fast + base) / 2.0
    buy = (above(span_a, span_b), above(CLOSE, span_a), above(base, CLOSE), above(fast, CLOSE[1]), above(CLOSE, fast))
    # No mirror: as the script has it, both sides are measured at the upper edge of their cloud.
    sell = (above(span_b, span_a), above(span_b, CLOSE), above(CLOSE, base), above(CLOSE[1], fast), above(fast, CLOSE))
    return _score(buy, sell, span_b)


def _at_an_end(k: Term, d: Term, crossing: bool) -> tuple[tuple[Term, ...], tuple[Term, ...]]:
    """Both lines below 20 with k above d, both above 80 with k below d; `crossing` asks for it to be new."""
    buy = (above(20.0, k, OF_100), above(20.0, d, OF_100), above(k, d, OF_100))
    sell = (above(k, 80.0, OF_100), above(d, 80.0, OF_100), above(d, k, OF_100))
    if not crossing:
        return buy, sell
    return (*buy, above(d[1], k[1], OF_100)), (*sell, above(k[1], d[1], OF_100))


def _stochastic(before_2024: bool) -> Term:
    k = mean(formulas.stochastic(14, "tv"), 3)
    d = mean(k, 3)
    return _score(*_at_an_end(k, d, before_2024), d + d[1] if before_2024 else d[1])


def _stochastic_rsi(before_2024: bool) -> Term:
    """Against the trend of the 50-bar mean."""
    trend = ema(CLOSE, 50)
    k = mean(formulas.stochastic_rsi(CLOSE, 14, 14, "tv"), 3)
    d = mean(k, 3)
    buy, sell = _at_an_end(k, d, before_2024)
    return _score((above(trend, CLOSE), *buy), (above(CLOSE, trend), *sell), trend + d + d[1] if before_2024 else trend)


def _directional(before_2024: bool) -> Term:
    adx, plus, minus = formulas.directional_movement(14, "tv")
    strong, up, down = above(adx, 20.0, OF_100), above(plus, minus, OF_100), above(minus, plus, OF_100)
    if before_2024:
        was_up, was_down = above(plus[1], minus[1], OF_100), above(minus[1], plus[1], OF_100)
        return _score((strong, up, was_down), (strong, down, was_up), adx)
    rising = above(adx, adx[1], OF_100)
    return _score((strong, rising, up), (strong, rising, down), adx)


def _awesome() -> Term:
    """A crossing of zero, or a saucer: a dip of one bar on the far side of zero."""
    ao = formulas.awesome_oscillator()

    def side(value: Term) -> Term:
        crossed = both_hold(above(value, 0.0), formulas.unless(above(value[1], 0.0)))
        beyond = both_hold(above(value, 0.0), above(value[1], 0.0))
        dipped = both_hold(above(value, value[1]), above(value[2], value[1]))
        return formulas.either_holds(crossed, both_hold(beyond, dipped))

    return only_with(ao[1], side(ao) - side(-ao))


def _power() -> Term:
    """Bears weakening in an advance, bulls weakening in a decline."""
    trend, center = ema(CLOSE, 50), ema(CLOSE, 13)
    bull, bear = HIGH - center, LOW - center
    buy = (above(CLOSE, trend), above(0.0, bear), above(bear, bear[1]))
    sell = (above(trend, CLOSE), above(bull, 0.0), above(bull[1], bull))
    return _score(buy, sell, trend)


def _ultimate() -> Term:
    value = formulas.ultimate_oscillator((7, 14, 28), "tv")
    return _score((above(value, 70.0, OF_100),), (above(30.0, value, OF_100),), value)

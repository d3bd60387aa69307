"""Operations of one bar, and ones that remember, as straight code: the same arithmetic as in `rows` and `memory`.

Each takes the values of its operands, and of the state that it reads, and answers its result and the state after.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ralph.kernels.straight.lines import NAN, ONE, ZERO, Lines, splat
from ralph.kernels.straight.turning import parabolic, ratchet

HUNDRED = splat(100.0)
Values = Sequence[str]


def one_bar(lines: Lines, name: str, x: Values, period: int, real: float) -> str:
    """The operation of that name, of those without memory."""
    if name in _COMPARED:
        return lines.compared(_COMPARED[name], x[0], x[1])
    if name == "mean_of":
        mean = lines.div(x[2], splat(float(period)))
        flat = lines.flag("oge", x[1], splat(float(period - 1)))
        return lines.pick(lines.every(flat, lines.there(mean)), x[0], mean)
    if name == "fill":
        return splat(real)
    return _BAR[name](lines, x)


def _divide(lines: Lines, x: Values) -> str:
    return lines.pick(lines.flag("oeq", x[1], ZERO), NAN, lines.div(x[0], x[1]))


def _root(lines: Lines, x: Values) -> str:
    return lines.called("sqrt", lines.pick(lines.flag("ogt", ZERO, x[0]), ZERO, x[0]))


def _choose(lines: Lines, x: Values) -> str:
    return lines.unless_missing((x[0],), lines.chosen(lines.flag("oeq", x[0], ZERO), x[2], x[1]))


def _true_range(lines: Lines, x: Values) -> str:
    high, low, before = x[:3]
    above, under = (lines.called("fabs", lines.sub(one, before)) for one in (high, low))
    return lines.larger_of(lines.sub(high, low), lines.larger_of(above, under))


def _movement(lines: Lines, x: Values) -> str:
    one, other = x[:2]
    moves = lines.every(lines.flag("ogt", one, other), lines.flag("ogt", one, ZERO))
    return lines.unless_missing((one, other), lines.chosen(moves, one, ZERO))


def _share(lines: Lines, x: Values) -> str:
    percent = lines.mul(HUNDRED, lines.div(x[0], x[1]))
    return lines.pick(lines.flag("oeq", x[1], ZERO), x[2], percent)


_COMPARED = {"greater": "ogt", "not_less": "oge", "same": "oeq"}
_BAR: dict[str, Callable[[Lines, Values], str]] = {
    "add": lambda lines, x: lines.add(x[0], x[1]),
    "subtract": lambda lines, x: lines.sub(x[0], x[1]),
    "multiply": lambda lines, x: lines.mul(x[0], x[1]),
    "copy": lambda lines, x: x[0],
    "divide": _divide,
    "least": lambda lines, x: lines.smaller_of(x[0], x[1]),
    "greatest": lambda lines, x: lines.larger_of(x[0], x[1]),
    "magnitude": lambda lines, x: lines.called("fabs", x[0]),
    "root": _root,
    "log": lambda lines, x: lines.pick(lines.flag("ogt", x[0], ZERO), lines.called("log", x[0]), NAN),
    "choose": _choose,
    "true_range": _true_range,
    "movement": _movement,
    "share": _share,
    "known": lambda lines, x: ONE if lines.is_number(x[0]) else lines.pick(lines.there(x[0]), ONE, ZERO),
    "otherwise": lambda lines, x: x[0] if lines.is_number(x[0]) else lines.pick(lines.there(x[0]), x[0], x[1]),
}


def seeded(
    lines: Lines, name: str, value: str, state: Values, whole: tuple[int, int], keep: float
) -> tuple[str, list[str]]:
    """A filter while it may wait for its seed; the same values where it does not. `whole`: period, and values passed
    over or added up."""
    mean, part, seen = state
    period, extra = whole
    waits = lines.every(lines.flag("uno", mean, mean), lines.there(value))
    if name == "smooth":
        now = lines.add(value, lines.mul(splat(keep), lines.sub(mean, value)))
        count = lines.sub(seen, splat(float(extra)))
        old = lines.pick(lines.flag("ogt", count, ZERO), part, value)
        share = lines.div(count, lines.add(count, ONE))
        summed = lines.add(value, lines.mul(share, lines.sub(old, value)))
        after = lines.pick(lines.every(waits, lines.flag("oge", count, ZERO)), summed, part)
        last = splat(float(period - 1))
    else:
        now = lines.add(lines.mul(splat(keep), mean), value)
        count = lines.add(seen, ONE)
        kept = lines.pick(lines.flag("ole", count, splat(float(extra))), ONE, splat(keep))
        after = lines.pick(waits, lines.add(lines.mul(kept, part), value), part)
        last = splat(float(period))
    now = lines.pick(lines.every(waits, lines.flag("oeq", count, last)), after, now)
    seen = lines.add(seen, lines.pick(waits, ONE, ZERO))
    return now, [lines.pick(lines.there(now), now, mean), after, seen]


def remembered(
    lines: Lines, name: str, x: Values, state: Values, extra: int, real: Sequence[float]
) -> tuple[list[str], list[str]]:
    """The results of an operation that remembers (filters: once they have begun), and what it knows after."""
    if name == "smooth":
        return lines.for_good(lines.add(x[0], lines.mul(splat(real[0]), lines.sub(state[0], x[0]))), state[0])
    if name == "decaying_sum":
        return lines.for_good(lines.add(lines.mul(splat(real[0]), state[0]), x[0]), state[0])
    if name == "running":
        return lines.for_good(lines.add(state[0], x[0]), state[0])
    if name == "ratchet":
        return ratchet(lines, x, state, talib=extra == 1)
    if name == "parabolic":
        return parabolic(lines, x, state, real, talib=extra == 1)
    result, after = _REMEMBERED[name](lines, x, state)
    return [result], after


def _is_set(lines: Lines, flag: str) -> str:
    return lines.flag("one", flag, ZERO)


def _running_since(lines: Lines, x: Values, state: Values) -> tuple[str, list[str]]:
    before = lines.pick(_is_set(lines, x[1]), ZERO, state[0])
    now = lines.pick(lines.there(x[1]), lines.add(before, x[0]), NAN)
    return now, [lines.pick(lines.there(now), now, before)]


def _streak(lines: Lines, x: Values, state: Values) -> tuple[str, list[str]]:
    longer = lines.chosen(lines.flag("une", x[0], ZERO), lines.add(state[0], ONE), ZERO)
    if lines.is_number(x[0]):
        return longer, [longer]
    there = lines.there(x[0])
    return lines.pick(there, longer, NAN), [lines.pick(there, longer, state[0])]


def _repeats(lines: Lines, x: Values, state: Values) -> tuple[str, list[str]]:
    longer = lines.chosen(lines.flag("oeq", x[0], x[1]), lines.add(state[0], ONE), ZERO)
    return longer, [longer]


def _adaptive_mean(lines: Lines, x: Values, state: Values) -> tuple[str, list[str]]:
    mean, begun = state
    before = lines.pick(lines.there(mean), mean, x[0])
    now = lines.add(before, lines.mul(x[1], lines.sub(x[0], before)))
    waiting = lines.every(lines.flag("oeq", begun, ZERO), lines.there(x[0]))
    there = lines.there(now)
    kept = lines.pick(there, now, lines.pick(waiting, x[0], mean))
    return now, [kept, lines.pick(there, ONE, begun)]


def _held(lines: Lines, x: Values, state: Values) -> tuple[str, list[str]]:
    value = lines.pick(_is_set(lines, x[1]), x[0], state[0])
    return lines.pick(lines.there(x[1]), value, NAN), [lines.pick(lines.there(value), value, state[0])]


_REMEMBERED: dict[str, Callable[[Lines, Values, Values], tuple[str, list[str]]]] = {
    "running_since": _running_since,
    "streak": _streak,
    "repeats": _repeats,
    "adaptive_mean": _adaptive_mean,
    "held": _held,
}

"""Lines that turn, as straight code: every branch of `kernels.turning` is computed, and one of them chosen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ralph.kernels.straight.lines import FLAGS, NAN, ONE, ZERO, Lines, splat

Values = Sequence[str]
STOP, EXTREME, PACE, UP, HIGH, LOW, HIGH2, LOW2, CLOSE = range(9)


def ratchet(lines: Lines, x: Values, state: Values, *, talib: bool) -> tuple[list[str], list[str]]:
    """Line and direction of bands that close in on the price, and what is known after."""
    high, low, now = x[:3]
    high_before, low_before, before, side = state
    there = lines.every(lines.flag("ord", high, low), lines.there(now))
    has = lines.there(high_before)
    rises = lines.either(lines.flag("ogt", low, low_before), lines.flag("olt", before, low_before))
    falls = lines.either(lines.flag("olt", high, high_before), lines.flag("ogt", before, high_before))
    lower = lines.pick(has, lines.pick(rises, low, low_before), low)
    upper = lines.pick(has, lines.pick(falls, high, high_before), high)
    turned = lines.pick_flag(lines.flag("oeq", side, ONE), lines.flag("ogt", now, upper), lines.flag("oge", now, lower))
    up = lines.pick_flag(has, turned, f"splat (i1 {str(talib).lower()})")
    line = lines.pick(up, lower, upper)
    on_upper = lines.opposite(up) if talib else lines.flag("oeq", line, upper)
    flag = lines.pick(on_upper, ONE, ZERO)
    after = [lines.pick(there, new, old) for new, old in zip((upper, lower, now, flag), state, strict=True)]
    return [lines.pick(there, line, NAN), lines.pick(there, lines.pick(up, ONE, splat(-1.0)), NAN)], after


class _Stop(NamedTuple):
    """What a stop knows: where it and the extreme are, its pace, and the flag whether it is below the price."""

    stop: str
    extreme: str
    pace: str
    up: str


def parabolic(
    lines: Lines, x: Values, state: Values, steps: Sequence[float], *, talib: bool
) -> tuple[list[str], list[str]]:
    """Line and direction of a stop and reverse, and what is known after; `steps` start, increment and maximum."""
    high, low, close = x[:3]
    there = lines.every(lines.flag("ord", high, low), lines.there(close))
    first = lines.flag("uno", state[STOP], state[STOP])
    published, after = (_talib if talib else _pine)(lines, x, state, steps)
    goes_on = lines.every(there, lines.opposite(first))
    line = lines.pick(goes_on, published, NAN)
    direction = lines.pick(goes_on, lines.pick(after.up, ONE, splat(-1.0)), NAN)
    new = [
        *(lines.pick(first, ZERO, after.stop), lines.pick(first, NAN, after.extreme)),
        *(lines.pick(first, state[PACE], after.pace), lines.pick(first, state[UP], lines.pick(after.up, ONE, ZERO))),
        *(high, low, lines.pick(first, high, state[HIGH]), lines.pick(first, low, state[LOW]), close),
    ]
    return [line, direction], [lines.pick(there, now, old) for now, old in zip(new, state, strict=True)]


def _least(lines: Lines, x: str, y: str) -> str:
    return lines.pick(lines.flag("olt", y, x), y, x)


def _most(lines: Lines, x: str, y: str) -> str:
    return lines.pick(lines.flag("ogt", y, x), y, x)


def _begun(lines: Lines, x: Values, state: Values, start: float, up: str) -> tuple[str, _Stop]:
    """Whether this is the second bar, and the stop with its beginning there, in the direction `up`."""
    fresh = lines.flag("uno", state[EXTREME], state[EXTREME])
    up = lines.pick_flag(fresh, up, lines.flag("oeq", state[UP], ONE))
    extreme = lines.pick(fresh, lines.pick(up, x[0], x[1]), state[EXTREME])
    stop = lines.pick(fresh, lines.pick(up, state[LOW], state[HIGH]), state[STOP])
    return fresh, _Stop(stop, extreme, lines.pick(fresh, splat(start), state[PACE]), up)


def _moved(lines: Lines, known: _Stop) -> str:
    return lines.add(known.stop, lines.mul(known.pace, lines.sub(known.extreme, known.stop)))


def _farther(lines: Lines, x: Values, known: _Stop, steps: Sequence[float]) -> tuple[str, str]:
    """The extreme and the pace where the bar goes beyond."""
    beyond = lines.pick_flag(known.up, lines.flag("ogt", x[0], known.extreme), lines.flag("olt", x[1], known.extreme))
    faster = _least(lines, lines.add(known.pace, splat(steps[1])), splat(steps[2]))
    extreme = lines.pick(beyond, lines.pick(known.up, x[0], x[1]), known.extreme)
    return extreme, lines.pick(beyond, faster, known.pace)


def _pine(lines: Lines, x: Values, state: Values, steps: Sequence[float]) -> tuple[str, _Stop]:
    high, low, close = x[:3]
    fresh, known = _begun(lines, x, state, steps[0], lines.flag("ogt", close, state[CLOSE]))
    stop = _moved(lines, known)
    crossed = lines.pick_flag(known.up, lines.flag("ogt", stop, low), lines.flag("olt", stop, high))
    turned_stop = lines.pick(known.up, _most(lines, high, known.extreme), _least(lines, low, known.extreme))
    extreme, pace = _farther(lines, x, known, steps)
    extreme = lines.pick(fresh, known.extreme, extreme)
    pace = lines.pick(fresh, known.pace, pace)
    extreme = lines.pick(crossed, lines.pick(known.up, low, high), extreme)
    pace = lines.pick(crossed, splat(steps[0]), pace)
    stop = lines.pick(crossed, turned_stop, stop)
    up = lines.make(f"xor {FLAGS} {known.up}, {crossed}")
    below = _least(lines, stop, _least(lines, state[LOW], state[LOW2]))
    above = _most(lines, stop, _most(lines, state[HIGH], state[HIGH2]))
    stop = lines.pick(up, below, above)
    return stop, _Stop(stop, extreme, pace, up)


def _talib(lines: Lines, x: Values, state: Values, steps: Sequence[float]) -> tuple[str, _Stop]:
    high, low = x[:2]
    fall = lines.sub(state[LOW], low)
    falls = lines.every(lines.flag("ogt", fall, ZERO), lines.flag("ogt", fall, lines.sub(high, state[HIGH])))
    fresh, known = _begun(lines, x, state, steps[0], lines.opposite(falls))
    highest = lines.pick(fresh, high, _most(lines, high, state[HIGH]))
    lowest = lines.pick(fresh, low, _least(lines, low, state[LOW]))
    touched = lines.pick_flag(known.up, lines.flag("ole", low, known.stop), lines.flag("oge", high, known.stop))
    up = lines.make(f"xor {FLAGS} {known.up}, {touched}")
    turned = lines.pick(up, _least(lines, known.extreme, lowest), _most(lines, known.extreme, highest))
    published = lines.pick(touched, turned, known.stop)
    extreme, pace = _farther(lines, x, known, steps)
    extreme = lines.pick(touched, lines.pick(up, high, low), extreme)
    pace = lines.pick(touched, splat(steps[0]), pace)
    stop = _moved(lines, _Stop(published, extreme, pace, up))
    stop = lines.pick(up, _least(lines, stop, lowest), _most(lines, stop, highest))
    return published, _Stop(stop, extreme, pace, up)

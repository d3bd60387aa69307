"""Windows as straight code: the same additions and comparisons, in the same order, as in `windows` and `spans`.

Where a window's rows stand is told by a function: the address of the row so many bars back, that number being a name
of the code or a whole number.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from ralph.kernels.straight.lines import NAN, ONE, VECTOR, ZERO, Hopes, Lines, splat

Row = Callable[[str | int], str]
WRITTEN_OUT = 4  # bars of a sum; of longer ones halves are worked on in turn
TOGETHER = 4  # bars of an extreme that is hoped to be there
BY_MEAN = ("deviation", "absolute_deviation", "trend_slope", "trend_fit", "covariance")


class Window(NamedTuple):
    """One window: the operation, how long, its rows, a second source's (of `covariance`) and the means of both."""

    name: str
    period: int
    row: Row
    other: Row
    mean: str
    other_mean: str


def can_write(name: str) -> bool:
    """Whether a window has straight code."""
    return name != "busiest_price"


def window(lines: Lines, made: Window, hopes: Hopes | None) -> str:
    """Its value."""
    if made.name in ("total", "mean"):
        return _sum(lines, made)
    if made.name in ("highest", "lowest"):
        return _extreme(lines, made) if hopes is None else _hoped_extreme(lines, made, hopes)
    if made.name in ("since_highest", "since_lowest"):
        return _since(lines, made)
    if made.name == "share_below":
        return _share_below(lines, made)
    return _spread(lines, made)


def _loop(
    lines: Lines, begin: int, step: int, end: int, first: list[str], turn: Callable[[str, list[str]], list[str]]
) -> list[str]:
    """`turn` with a counter from `begin` to before `end`, and what is carried from turn to turn."""
    before, body, last, after = (lines.fresh(f"{stem}_") for stem in ("before", "turn", "last", "after"))
    counter, following = lines.fresh("%k"), lines.fresh("%k")
    carried = [lines.fresh("%c") for _ in first]
    lines.say(f"  br label %{before}")
    lines.label(before)
    lines.say(f"  br label %{body}")
    lines.label(body)
    here = len(lines.text)
    made = turn(counter, carried)
    phis = [f"  {counter} = phi i64 [ {begin}, %{before} ], [ {following}, %{last} ]"]
    for name, start, again in zip(carried, first, made, strict=True):
        phis.append(f"  {name} = phi {VECTOR} [ {start}, %{before} ], [ {again}, %{last} ]")
    lines.text[here:here] = phis
    lines.say(f"  br label %{last}")  # a turn may have loops of its own
    lines.label(last)
    lines.say(f"  {following} = add i64 {counter}, {step}")
    goes_on = lines.make(f"icmp ne i64 {following}, {end}")
    lines.say(f"  br i1 {goes_on}, label %{body}, label %{after}")
    lines.label(after)
    return made


def _tree(lines: Lines, row: Row, back: str | int, width: int) -> str:
    """The sum of `width` rows, a power of two, from `back` bars back on: pairs of pairs."""
    if width == 1:
        return lines.load(row(back))
    half = width // 2
    if width <= WRITTEN_OUT:
        older = back + half if isinstance(back, int) else lines.whole("add", back, half)
        return lines.add(_tree(lines, row, back, half), _tree(lines, row, older, half))

    def turn(place: str, carried: list[str]) -> list[str]:
        value = _tree(lines, row, lines.whole("add", lines.whole("mul", place, half), back), half)
        is_newer = lines.make(f"icmp eq i64 {place}, 0")
        both = lines.add(carried[0], value)
        return [lines.make(f"select i1 {is_newer}, {VECTOR} {value}, {VECTOR} {both}")]

    return _loop(lines, 0, 1, 2, [ZERO], turn)[0]


def _sum(lines: Lines, made: Window) -> str:
    summed, width, result = 0, 1, ""
    while width <= made.period:
        if made.period & width:
            block = _tree(lines, made.row, summed, width)
            result = lines.add(result, block) if result else block
            summed += width
        width *= 2
    if made.name == "total":
        return result
    mean, newest = lines.div(result, splat(float(made.period))), lines.load(made.row(0))
    return _flat(lines, made, newest, mean) if made.period > 1 else newest


def _flat(lines: Lines, made: Window, newest: str, mean: str) -> str:
    """Of equal values that value: looked at where the newest two and the oldest are the same somewhere."""
    before, oldest = lines.load(made.row(1)), lines.load(made.row(made.period - 1))
    same = lines.every(lines.flag("oeq", newest, before), lines.flag("oeq", newest, oldest))
    if made.period <= 3:
        return lines.pick(same, newest, mean)

    def turn(back: str, carried: list[str]) -> list[str]:
        value = lines.load(made.row(back))
        return [lines.pick(lines.flag("oeq", newest, value), carried[0], ZERO)]

    def look() -> str:
        all_same = _loop(lines, 2, 1, made.period, [lines.pick(same, ONE, ZERO)], turn)[0]
        return lines.pick(lines.flag("oeq", all_same, ONE), newest, mean)

    return lines.where_any(same, look, mean)


def _more(lines: Lines, name: str, value: str, best: str) -> str:
    """Where a value is beyond the best so far."""
    return lines.flag("ogt" if name.endswith("highest") else "olt", value, best)


def _extreme(lines: Lines, made: Window) -> str:
    def turn(back: str, carried: list[str]) -> list[str]:
        value, best = lines.load(made.row(back)), carried[0]
        chosen = lines.either(_more(lines, made.name, value, best), lines.flag("uno", value, value))
        return [lines.pick(chosen, value, best)]

    newest = lines.load(made.row(0))
    return _loop(lines, 1, 1, made.period, [newest], turn)[0] if made.period > 1 else newest


def _hoped_extreme(lines: Lines, made: Window, hopes: Hopes) -> str:
    """In the hope that no bar is missing, which their sum tells."""

    def take(back: str | int, best: str, total: str) -> list[str]:
        value = lines.load(made.row(back))
        return [lines.pick(_more(lines, made.name, value, best), value, best), lines.add(total, value)]

    def turn(back: str, carried: list[str]) -> list[str]:
        best, sums = carried[0], carried[1:]
        for place in range(TOGETHER):
            best, sums[place] = take(lines.whole("add", back, place), best, sums[place])
        return [best, *sums]

    best, total = lines.load(made.row(0)), ZERO
    total = lines.add(total, best)
    first = 1 + (made.period - 1) % TOGETHER
    for back in range(1, first):
        best, total = take(back, best, total)
    sums = [total, *[ZERO] * (TOGETHER - 1)]
    if first < made.period:
        best, *sums = _loop(lines, first, TOGETHER, made.period, [best, *sums], turn)
    for one in sums:
        hopes.is_there(one)
    return best


def _since(lines: Lines, made: Window) -> str:
    def turn(back: str, carried: list[str]) -> list[str]:
        best, since, bars = carried
        value = lines.load(made.row(back))
        more = _more(lines, made.name, value, best)
        chosen = lines.either(more, lines.flag("uno", value, value))
        now = lines.add(bars, splat(1.0))
        return [lines.pick(chosen, value, best), lines.pick(more, now, since), now]

    best, since = lines.load(made.row(0)), ZERO
    if made.period > 1:
        best, since, _ = _loop(lines, 1, 1, made.period, [best, ZERO, ZERO], turn)
    return lines.pick(lines.there(best), since, NAN)


def _share_below(lines: Lines, made: Window) -> str:
    newest = lines.load(made.row(0))

    def turn(back: str, carried: list[str]) -> list[str]:
        value, count = lines.load(made.row(back)), carried[0]
        more = lines.pick(lines.flag("ole", value, newest), lines.add(count, splat(1.0)), count)
        return [lines.pick(lines.flag("ord", value, newest), more, NAN)]

    count = _loop(lines, 1, 1, made.period + 1, [ZERO], turn)[0]
    return lines.div(count, splat(float(made.period)))


def _spread(lines: Lines, made: Window) -> str:
    """What is added up over a window, the oldest bar first."""
    name, period = made.name, made.period

    def turn(back: str, carried: list[str]) -> list[str]:
        value = lines.load(made.row(back))
        if name == "weighted_mean":
            weight = lines.sub(splat(float(period)), carried[1])
            return [lines.add(carried[0], lines.mul(weight, value)), lines.sub(carried[1], splat(1.0))]
        away = lines.sub(value, made.mean)
        if name == "deviation":
            return [lines.add(carried[0], lines.mul(away, away))]
        if name == "absolute_deviation":
            return [lines.add(carried[0], lines.called("fabs", away))]
        if name == "covariance":
            beside = lines.sub(lines.load(made.other(back)), made.other_mean)
            return [lines.add(carried[0], lines.mul(away, beside))]
        weight = lines.sub(splat((period - 1) / 2.0), carried[1])
        tilted = lines.add(carried[0], lines.mul(weight, away))
        squares = [lines.add(carried[2], lines.mul(away, away))] if name == "trend_fit" else []
        return [tilted, lines.sub(carried[1], splat(1.0)), *squares]

    first = [ZERO]
    if name in ("weighted_mean", "trend_slope", "trend_fit"):
        first.append(splat(float(period - 1)))
    if name == "trend_fit":
        first.append(ZERO)
    found = _loop(lines, period - 1, -1, -1, first, turn)
    return _finished(lines, name, period, found)


def _finished(lines: Lines, name: str, period: int, found: list[str]) -> str:
    of_bars = period * (period * period - 1) / 12.0
    if name == "weighted_mean":
        return lines.div(found[0], splat(period * (period + 1) / 2.0))
    if name == "deviation":
        return lines.called("sqrt", lines.div(found[0], splat(float(period))))
    if name == "trend_slope":
        return lines.div(found[0], splat(of_bars))
    if name == "trend_fit":
        both = lines.mul(splat(of_bars), found[2])
        explained = lines.div(lines.mul(found[0], found[0]), both)
        return lines.pick(lines.flag("ogt", both, ZERO), explained, NAN)
    return lines.div(found[0], splat(float(period)))

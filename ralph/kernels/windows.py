"""Windows, a stretch of rows at a time: for each bar back, from a field of the Panel or from a ring in memory.

Where rows stand is told by an address, how far apart they are (`pitch`) and, of a ring, how many it holds less one
(`mask`). A sum is one fixed tree: pairs, pairs of pairs, … of neighbours, and one such block for each binary digit of
the period, the smallest newest. So it is a function of its window alone, whichever way it is asked for.
"""

from __future__ import annotations

from ralph.kernels import rows, spans
from ralph.kernels.jit import Pointer, Whole, leaf, moved
from ralph.kernels.opcodes import COVARIANCE, DEVIATION, HIGHEST, LOWEST, MEAN, SINCE_HIGHEST, TREND_FIT

View = tuple[Pointer, int, int]


@leaf
def row_of(view: View, row: int) -> Pointer:
    """The address of a row."""
    start: Pointer = moved(view[0], (row & view[2]) * view[1])
    return start


@leaf
def room(view: View, row: int, lanes: int, most: int) -> int:
    """How many rows from this one on stand one behind the other."""
    if view[1] != lanes:
        return 1
    return min(most, view[2] + 1 - (row & view[2]))


@leaf
def add_block(x: View, row: int, width: int, scratch: Pointer, lanes: int) -> Pointer:
    """The sum of `width` rows, a power of two, from `row` backwards. Scratch row n waits with 4 * 2 ** n rows added."""
    if width == 1:
        return row_of(x, row)
    if width == 2:
        rows.add(row_of(x, row), row_of(x, row - 1), scratch, lanes)
        return scratch
    block = scratch
    for place in range(width // 4):
        newest = row - 4 * place
        level = 0
        while (place >> level) & 1:
            level += 1
        block = moved(scratch, level * lanes)
        spans.add_four(
            row_of(x, newest), row_of(x, newest - 1), row_of(x, newest - 2), row_of(x, newest - 3), block, lanes
        )
        for below in range(level):
            rows.add(moved(scratch, below * lanes), block, block, lanes)
    return block


@leaf
def add_up(x: View, row: int, period: int, z: Pointer, scratch: Pointer, lanes: int) -> None:
    """A block for each binary digit of the period, the smallest newest."""
    summed, width = 0, 1
    while width <= period:
        if period & width:
            block = add_block(x, row - summed, width, scratch, lanes)
            if summed == 0:
                rows.copy(block, z, lanes)
            else:
                rows.add(z, block, z, lanes)
            summed += width
        width *= 2


@leaf
def average(x: View, row: int, period: int, z: Pointer, scratch: Pointer, lanes: int) -> None:
    """Of equal values that value: columns whose newest and oldest are the same are looked at one by one."""
    add_up(x, row, period, z, scratch, lanes)
    spans.divide_by(float(period), z, lanes)
    newest, before, oldest = row_of(x, row), row_of(x, row - min(1, period - 1)), row_of(x, row - period + 1)
    for i in range(lanes):
        value = newest[i]
        if value == oldest[i] and value == before[i]:
            back = 2
            while back < period and row_of(x, row - back)[i] == value:
                back += 1
            if back >= period:
                z[i] = value


@leaf
def sums(op: int, x: View, row: int, n: int, period: int, z: Pointer, scratch: Pointer, lanes: int) -> None:
    for place in range(n):
        if op == MEAN:
            average(x, row + place, period, moved(z, place * lanes), scratch, lanes)
        else:
            add_up(x, row + place, period, moved(z, place * lanes), scratch, lanes)


@leaf
def extremes(op: int, x: View, row: int, n: int, period: int, z: Pointer, scratch: Pointer, lanes: int) -> None:
    """Highest, lowest, and how long ago they were."""
    for back in range(period):
        done = 0
        while done < n:
            m = room(x, row + done - back, lanes, n - done)
            one, to, best = row_of(x, row + done - back), moved(z, done * lanes), moved(scratch, done * lanes)
            if back == 0:
                rows.copy(one, to if op < SINCE_HIGHEST else best, m * lanes)
                if op >= SINCE_HIGHEST:
                    rows.fill(0.0, to, m * lanes)
                    spans.newer_high(one, best, to, m * lanes, 0.0)
            elif op == HIGHEST:
                spans.higher(one, to, m * lanes)
            elif op == LOWEST:
                spans.lower(one, to, m * lanes)
            elif op == SINCE_HIGHEST:
                spans.newer_high(one, best, to, m * lanes, float(back))
            else:
                spans.newer_low(one, best, to, m * lanes, float(back))
            done += m


@leaf
def spreads(
    op: int,
    views: tuple[View, View, View, View],
    row: Whole,
    n: int,
    period: int,
    z: Pointer,
    scratch: Pointer,
    lanes: int,
) -> None:
    """What is added up about means that are there already, the oldest bar first. `row`: where each operand is read."""
    x, mean, y, other = views
    rows.fill(0.0, z, n * lanes)
    if op == TREND_FIT:
        rows.fill(0.0, scratch, n * lanes)
    for back in range(period - 1, -1, -1):
        done = 0
        while done < n:
            m = room(x, row[0] + done - back, lanes, n - done)
            if op >= DEVIATION:
                m = room(mean, row[1] + done, lanes, m)
            if op == COVARIANCE:
                m = min(room(y, row[2] + done - back, lanes, m), room(other, row[3] + done, lanes, m))
            spans.spread(
                op,
                row_of(x, row[0] + done - back),
                row_of(mean, row[1] + done),
                row_of(y, row[2] + done - back),
                row_of(other, row[3] + done),
                moved(z, done * lanes),
                moved(scratch, done * lanes),
                m * lanes,
                back,
                period,
            )
            done += m
    spans.finish(op, z, scratch, n * lanes, period)


@leaf
def shares(x: View, row: int, n: int, period: int, z: Pointer, lanes: int) -> None:
    """Of the values before this one."""
    rows.fill(0.0, z, n * lanes)
    for place in range(n):
        now = row_of(x, row + place)
        for back in range(1, period + 1):
            spans.below(row_of(x, row + place - back), now, moved(z, place * lanes), lanes)
    spans.divide_by(float(period), z, n * lanes)


@leaf
def profile(
    low: View,
    high: View,
    weight: View,
    row: Whole,
    n: int,
    period: int,
    bins: int,
    z: Pointer,
    lanes: int,
    scratch: Pointer,
) -> None:
    """The busiest price; `scratch` holds three times the period and the bins."""
    for place in range(n):
        for i in range(lanes):
            for back in range(period):
                bar = period - 1 - back
                scratch[bar] = row_of(low, row[0] + place - back)[i]
                scratch[period + bar] = row_of(high, row[1] + place - back)[i]
                scratch[2 * period + bar] = row_of(weight, row[2] + place - back)[i]
            z[place * lanes + i] = spans.busiest(scratch, period, bins, moved(scratch, 3 * period))

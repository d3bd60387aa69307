"""Arithmetic over rows of many Symbols side by side: `n` numbers at each operand's address, results at `z`.

Both sides of a choice are read before it is made, so that it is a selection and not a jump.
"""

from __future__ import annotations

import numpy as np

from ralph.kernels.jit import Pointer, leaf
from ralph.kernels.opcodes import (
    ADD,
    CHOOSE,
    COPY,
    DIVIDE,
    FILL,
    GREATER,
    GREATEST,
    KNOWN,
    LEAST,
    LOG,
    MAGNITUDE,
    MEAN_OF,
    MOVEMENT,
    MULTIPLY,
    NOT_LESS,
    OTHERWISE,
    ROOT,
    SAME,
    SHARE,
    SUBTRACT,
    TRUE_RANGE,
)


@leaf
def copy(x: Pointer, z: Pointer, n: int) -> None:
    for i in range(n):
        z[i] = x[i]


@leaf
def fill(value: float, z: Pointer, n: int) -> None:
    for i in range(n):
        z[i] = value


@leaf
def begun(begins: Pointer, z: Pointer, lanes: int, rows: int, row: int) -> None:
    """NaN in rows from `row` on where a column has not begun."""
    for place in range(rows):
        for i in range(lanes):
            value = z[place * lanes + i]
            z[place * lanes + i] = value if begins[i] <= row + place else np.nan


@leaf
def add(x: Pointer, y: Pointer, z: Pointer, n: int) -> None:
    for i in range(n):
        z[i] = x[i] + y[i]


@leaf
def subtract(x: Pointer, y: Pointer, z: Pointer, n: int) -> None:
    for i in range(n):
        z[i] = x[i] - y[i]


@leaf
def multiply(x: Pointer, y: Pointer, z: Pointer, n: int) -> None:
    for i in range(n):
        z[i] = x[i] * y[i]


@leaf
def divide(x: Pointer, y: Pointer, z: Pointer, n: int) -> None:
    for i in range(n):
        by = y[i]
        quotient = x[i] / by
        z[i] = np.nan if by == 0.0 else quotient


@leaf
def greater(x: Pointer, y: Pointer, z: Pointer, n: int) -> None:
    for i in range(n):
        left, right = x[i], y[i]
        flag = 1.0 if left > right else 0.0
        z[i] = flag if (left == left) & (right == right) else np.nan


@leaf
def not_less(x: Pointer, y: Pointer, z: Pointer, n: int) -> None:
    for i in range(n):
        left, right = x[i], y[i]
        flag = 1.0 if left >= right else 0.0
        z[i] = flag if (left == left) & (right == right) else np.nan


@leaf
def same(x: Pointer, y: Pointer, z: Pointer, n: int) -> None:
    for i in range(n):
        left, right = x[i], y[i]
        flag = 1.0 if left == right else 0.0
        z[i] = flag if (left == left) & (right == right) else np.nan


@leaf
def smaller_of(x: float, y: float) -> float:
    """NaN where either is: it stands on the side that a comparison with it chooses."""
    return x if (x < y) | (x != x) else y


@leaf
def larger_of(x: float, y: float) -> float:
    """NaN where either is."""
    return x if (x > y) | (x != x) else y


@leaf
def least(x: Pointer, y: Pointer, z: Pointer, n: int) -> None:
    for i in range(n):
        z[i] = smaller_of(x[i], y[i])


@leaf
def greatest(x: Pointer, y: Pointer, z: Pointer, n: int) -> None:
    for i in range(n):
        z[i] = larger_of(x[i], y[i])


@leaf
def magnitude(x: Pointer, z: Pointer, n: int) -> None:
    for i in range(n):
        z[i] = abs(x[i])


@leaf
def root(x: Pointer, z: Pointer, n: int) -> None:
    for i in range(n):
        value = x[i]
        z[i] = np.sqrt(max(value, 0.0))


@leaf
def log(x: Pointer, z: Pointer, n: int) -> None:
    for i in range(n):
        z[i] = np.log(x[i]) if x[i] > 0.0 else np.nan


@leaf
def known(x: Pointer, z: Pointer, n: int) -> None:
    for i in range(n):
        value = x[i]
        z[i] = 1.0 if value == value else 0.0


@leaf
def otherwise(x: Pointer, y: Pointer, z: Pointer, n: int) -> None:
    for i in range(n):
        value, instead = x[i], y[i]
        z[i] = value if value == value else instead


@leaf
def choose(x: Pointer, y: Pointer, w: Pointer, z: Pointer, n: int) -> None:
    for i in range(n):
        flag, yes, no = x[i], y[i], w[i]
        chosen = no if flag == 0.0 else yes
        z[i] = chosen if flag == flag else np.nan


@leaf
def true_range(x: Pointer, y: Pointer, w: Pointer, z: Pointer, n: int) -> None:
    """Of high, low and the close before: the widest of the bar's range and the gaps to its ends."""
    for i in range(n):
        high, low, before = x[i], y[i], w[i]
        z[i] = larger_of(high - low, larger_of(abs(high - before), abs(low - before)))


@leaf
def movement(x: Pointer, y: Pointer, z: Pointer, n: int) -> None:
    """`x` where it is greater than `y` and than nothing, else 0."""
    for i in range(n):
        one, other = x[i], y[i]
        move = one if (one > other) & (one > 0.0) else 0.0
        z[i] = move if (one == one) & (other == other) else np.nan


@leaf
def share(x: Pointer, y: Pointer, w: Pointer, z: Pointer, n: int) -> None:
    """100 (x / y), and `w` where y is 0."""
    for i in range(n):
        of, flat = y[i], w[i]
        percent = 100.0 * (x[i] / of)
        z[i] = flat if of == 0.0 else percent


@leaf
def mean_of(x: Pointer, y: Pointer, w: Pointer, z: Pointer, n: int, period: int) -> None:
    """The sum `w` of a window over its length; the value `x` itself where it has been the same for `y` bars."""
    for i in range(n):
        value, mean = x[i], w[i] / period
        z[i] = value if (y[i] >= period - 1) & (mean == mean) else mean


@leaf
def two_values(op: int, x: Pointer, y: Pointer, z: Pointer, n: int) -> None:
    """The operation of that number, of those with two operands."""
    if op == ADD:
        add(x, y, z, n)
    elif op == SUBTRACT:
        subtract(x, y, z, n)
    elif op == MULTIPLY:
        multiply(x, y, z, n)
    elif op == DIVIDE:
        divide(x, y, z, n)
    elif op == GREATER:
        greater(x, y, z, n)
    elif op == NOT_LESS:
        not_less(x, y, z, n)
    elif op == SAME:
        same(x, y, z, n)
    elif op == LEAST:
        least(x, y, z, n)
    elif op == GREATEST:
        greatest(x, y, z, n)
    elif op == MOVEMENT:
        movement(x, y, z, n)
    elif op == OTHERWISE:
        otherwise(x, y, z, n)


@leaf
def one_bar(op: int, x: Pointer, y: Pointer, w: Pointer, z: Pointer, n: int, period: int, real: float) -> None:
    """The operation of that number."""
    if op == COPY:
        copy(x, z, n)
    elif op == MAGNITUDE:
        magnitude(x, z, n)
    elif op == ROOT:
        root(x, z, n)
    elif op == LOG:
        log(x, z, n)
    elif op == KNOWN:
        known(x, z, n)
    elif op == FILL:
        fill(real, z, n)
    elif op == CHOOSE:
        choose(x, y, w, z, n)
    elif op == TRUE_RANGE:
        true_range(x, y, w, z, n)
    elif op == SHARE:
        share(x, y, w, z, n)
    elif op == MEAN_OF:
        mean_of(x, y, w, z, n, period)
    else:
        two_values(op, x, y, z, n)

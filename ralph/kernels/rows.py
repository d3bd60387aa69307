"""Arithmetic over one row of many Symbols side by side: operands and result are rows of `memory` by their offset."""

from __future__ import annotations

import numpy as np

from ralph.kernels.jit import NUMBER, SERIES_OUT, VOID, WHOLE, FloatArray, kernel
from ralph.kernels.opcodes import (
    ADD,
    CHOOSE,
    COPY,
    DIVIDE,
    GREATER,
    GREATEST,
    LEAST,
    LOG,
    MAGNITUDE,
    MEAN_OF,
    MOVEMENT,
    MULTIPLY,
    NOT_LESS,
    ROOT,
    SAME,
    SHARE,
    SUBTRACT,
    TRUE_RANGE,
)

UNARY = kernel(VOID, SERIES_OUT, WHOLE, WHOLE, WHOLE)
BINARY = kernel(VOID, SERIES_OUT, WHOLE, WHOLE, WHOLE, WHOLE)
TERNARY = kernel(VOID, SERIES_OUT, WHOLE, WHOLE, WHOLE, WHOLE, WHOLE)


@UNARY
def copy(memory: FloatArray, a: int, out: int, size: int) -> None:
    x, z = memory[a : a + size], memory[out : out + size]
    for i in range(size):
        z[i] = x[i]


@BINARY
def add(memory: FloatArray, a: int, b: int, out: int, size: int) -> None:
    x, y, z = memory[a : a + size], memory[b : b + size], memory[out : out + size]
    for i in range(size):
        z[i] = x[i] + y[i]


@BINARY
def subtract(memory: FloatArray, a: int, b: int, out: int, size: int) -> None:
    x, y, z = memory[a : a + size], memory[b : b + size], memory[out : out + size]
    for i in range(size):
        z[i] = x[i] - y[i]


@BINARY
def multiply(memory: FloatArray, a: int, b: int, out: int, size: int) -> None:
    x, y, z = memory[a : a + size], memory[b : b + size], memory[out : out + size]
    for i in range(size):
        z[i] = x[i] * y[i]


@BINARY
def divide(memory: FloatArray, a: int, b: int, out: int, size: int) -> None:
    x, y, z = memory[a : a + size], memory[b : b + size], memory[out : out + size]
    for i in range(size):
        quotient = x[i] / y[i]
        z[i] = np.nan if y[i] == 0.0 else quotient


@BINARY
def greater(memory: FloatArray, a: int, b: int, out: int, size: int) -> None:
    x, y, z = memory[a : a + size], memory[b : b + size], memory[out : out + size]
    for i in range(size):
        flag = 1.0 if x[i] > y[i] else 0.0
        z[i] = flag if (x[i] == x[i]) & (y[i] == y[i]) else np.nan


@BINARY
def not_less(memory: FloatArray, a: int, b: int, out: int, size: int) -> None:
    x, y, z = memory[a : a + size], memory[b : b + size], memory[out : out + size]
    for i in range(size):
        flag = 1.0 if x[i] >= y[i] else 0.0
        z[i] = flag if (x[i] == x[i]) & (y[i] == y[i]) else np.nan


@BINARY
def same(memory: FloatArray, a: int, b: int, out: int, size: int) -> None:
    x, y, z = memory[a : a + size], memory[b : b + size], memory[out : out + size]
    for i in range(size):
        flag = 1.0 if x[i] == y[i] else 0.0
        z[i] = flag if (x[i] == x[i]) & (y[i] == y[i]) else np.nan


@kernel(NUMBER, NUMBER, NUMBER)
def smaller_of(x: float, y: float) -> float:
    """NaN where either is: it stands on the side that a comparison with it chooses."""
    return x if (x < y) | (x != x) else y


@kernel(NUMBER, NUMBER, NUMBER)
def larger_of(x: float, y: float) -> float:
    """NaN where either is."""
    return x if (x > y) | (x != x) else y


@BINARY
def least(memory: FloatArray, a: int, b: int, out: int, size: int) -> None:
    x, y, z = memory[a : a + size], memory[b : b + size], memory[out : out + size]
    for i in range(size):
        z[i] = smaller_of(x[i], y[i])


@BINARY
def greatest(memory: FloatArray, a: int, b: int, out: int, size: int) -> None:
    x, y, z = memory[a : a + size], memory[b : b + size], memory[out : out + size]
    for i in range(size):
        z[i] = larger_of(x[i], y[i])


@UNARY
def magnitude(memory: FloatArray, a: int, out: int, size: int) -> None:
    x, z = memory[a : a + size], memory[out : out + size]
    for i in range(size):
        z[i] = abs(x[i])


@UNARY
def root(memory: FloatArray, a: int, out: int, size: int) -> None:
    x, z = memory[a : a + size], memory[out : out + size]
    for i in range(size):
        z[i] = np.sqrt(max(x[i], 0.0))


@UNARY
def log(memory: FloatArray, a: int, out: int, size: int) -> None:
    x, z = memory[a : a + size], memory[out : out + size]
    for i in range(size):
        z[i] = np.log(x[i]) if x[i] > 0.0 else np.nan


@TERNARY
def choose(memory: FloatArray, a: int, b: int, c: int, out: int, size: int) -> None:
    flag, yes, no = memory[a : a + size], memory[b : b + size], memory[c : c + size]
    z = memory[out : out + size]
    for i in range(size):
        chosen = no[i] if flag[i] == 0.0 else yes[i]
        z[i] = chosen if flag[i] == flag[i] else np.nan


@TERNARY
def true_range(memory: FloatArray, a: int, b: int, c: int, out: int, size: int) -> None:
    """Of high, low and the close before: the widest of the bar's range and the gaps to its ends."""
    high, low, before = memory[a : a + size], memory[b : b + size], memory[c : c + size]
    z = memory[out : out + size]
    for i in range(size):
        gaps = larger_of(abs(high[i] - before[i]), abs(low[i] - before[i]))
        z[i] = larger_of(high[i] - low[i], gaps)


@BINARY
def movement(memory: FloatArray, a: int, b: int, out: int, size: int) -> None:
    """`a` where it is greater than `b` and than nothing, else 0."""
    x, y, z = memory[a : a + size], memory[b : b + size], memory[out : out + size]
    for i in range(size):
        move = x[i] if (x[i] > y[i]) & (x[i] > 0.0) else 0.0
        z[i] = move if (x[i] == x[i]) & (y[i] == y[i]) else np.nan


@TERNARY
def share(memory: FloatArray, a: int, b: int, c: int, out: int, size: int) -> None:
    """100 (a / b), and `c` where b is 0."""
    x, y, flat, z = memory[a : a + size], memory[b : b + size], memory[c : c + size], memory[out : out + size]
    for i in range(size):
        percent = 100.0 * (x[i] / y[i])
        z[i] = flat[i] if y[i] == 0.0 else percent


@kernel(VOID, SERIES_OUT, WHOLE, WHOLE, WHOLE, WHOLE, WHOLE, WHOLE)
def mean_of(memory: FloatArray, a: int, b: int, c: int, out: int, size: int, period: int) -> None:
    """The sum `c` of a window over its length; the value `a` itself where it has been the same for `b` bars."""
    x, equal, total = memory[a : a + size], memory[b : b + size], memory[c : c + size]
    z = memory[out : out + size]
    for i in range(size):
        mean = total[i] / period
        z[i] = x[i] if (equal[i] >= period - 1) & (mean == mean) else mean


@kernel(VOID, WHOLE, SERIES_OUT, WHOLE, WHOLE, WHOLE, WHOLE, WHOLE, WHOLE)
def one_bar(op: int, memory: FloatArray, a: int, b: int, c: int, out: int, size: int, period: int) -> None:
    """The operation of that number."""
    if op == COPY:
        copy(memory, a, out, size)
    elif op == ADD:
        add(memory, a, b, out, size)
    elif op == SUBTRACT:
        subtract(memory, a, b, out, size)
    elif op == MULTIPLY:
        multiply(memory, a, b, out, size)
    elif op == DIVIDE:
        divide(memory, a, b, out, size)
    elif op == GREATER:
        greater(memory, a, b, out, size)
    elif op == NOT_LESS:
        not_less(memory, a, b, out, size)
    elif op == SAME:
        same(memory, a, b, out, size)
    elif op == LEAST:
        least(memory, a, b, out, size)
    elif op == GREATEST:
        greatest(memory, a, b, out, size)
    elif op == MAGNITUDE:
        magnitude(memory, a, out, size)
    elif op == ROOT:
        root(memory, a, out, size)
    elif op == LOG:
        log(memory, a, out, size)
    elif op == CHOOSE:
        choose(memory, a, b, c, out, size)
    elif op == TRUE_RANGE:
        true_range(memory, a, b, c, out, size)
    elif op == MOVEMENT:
        movement(memory, a, b, out, size)
    elif op == SHARE:
        share(memory, a, b, c, out, size)
    elif op == MEAN_OF:
        mean_of(memory, a, b, c, out, size, period)

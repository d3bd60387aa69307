"""Operations that remember, over one row of many Symbols side by side.

What one remembers of its columns stands in rows of `memory` from `state` on (`opcodes.STATES`). A filter's mean is NaN
until its seed is made, so that the arithmetic over all columns needs no branch: the few columns whose seed is being
made are listed in `warm` and worked on one by one.
"""

from __future__ import annotations

import numpy as np

from ralph.kernels.jit import COUNTS, NUMBER, SERIES_OUT, VOID, WHOLE, CountArray, FloatArray, kernel
from ralph.kernels.opcodes import ADAPTIVE_MEAN, HELD, REPEATS, RUNNING, RUNNING_SINCE, STREAK

ONE = kernel(VOID, SERIES_OUT, WHOLE, WHOLE, WHOLE, WHOLE)
TWO = kernel(VOID, SERIES_OUT, WHOLE, WHOLE, WHOLE, WHOLE, WHOLE)
FILTER = kernel(VOID, SERIES_OUT, WHOLE, WHOLE, WHOLE, WHOLE, NUMBER)
SEED = kernel(VOID, SERIES_OUT, WHOLE, WHOLE, WHOLE, WHOLE, COUNTS, WHOLE, WHOLE, NUMBER)


@FILTER
def smooth(memory: FloatArray, a: int, out: int, state: int, size: int, keep: float) -> None:
    """value + keep (mean - value): a flat series stays exactly at its value."""
    x, z, mean = memory[a : a + size], memory[out : out + size], memory[state : state + size]
    for i in range(size):
        moved = x[i] + keep * (mean[i] - x[i])
        mean[i] = moved if moved == moved else mean[i]
        z[i] = moved


@SEED
def seed_smooth(
    memory: FloatArray,
    a: int,
    out: int,
    state: int,
    size: int,
    warm: CountArray,
    period: int,
    skip: int,
    keep: float,
) -> None:
    """`skip` values are passed over, the mean of the next `period` is the seed."""
    still = 1
    for place in range(1, warm[0] + 1):
        i = warm[place]
        value = memory[a + i]
        if value == value:
            memory[state + 2 * size + i] += 1.0
            count = memory[state + 2 * size + i] - 1.0 - skip
            if count >= 0.0:
                old = memory[state + size + i] if count > 0.0 else value
                memory[state + size + i] = value + count / (count + 1.0) * (old - value)
            if count == period - 1:
                memory[state + i] = memory[state + size + i]
                memory[out + i] = memory[state + size + i]
                continue
        warm[still] = i
        still += 1
    warm[0] = still - 1


@FILTER
def decaying_sum(memory: FloatArray, a: int, out: int, state: int, size: int, keep: float) -> None:
    x, z, total = memory[a : a + size], memory[out : out + size], memory[state : state + size]
    for i in range(size):
        added = keep * total[i] + x[i]
        total[i] = added if added == added else total[i]
        z[i] = added


@SEED
def seed_decaying_sum(
    memory: FloatArray,
    a: int,
    out: int,
    state: int,
    size: int,
    warm: CountArray,
    period: int,
    terms: int,
    keep: float,
) -> None:
    """The first `terms` values are added up; from the next on the sum decays; it is there from the `period`-th on."""
    still = 1
    for place in range(1, warm[0] + 1):
        i = warm[place]
        value = memory[a + i]
        if value == value:
            memory[state + 2 * size + i] += 1.0
            count = memory[state + 2 * size + i]
            memory[state + size + i] = (1.0 if count <= terms else keep) * memory[state + size + i] + value
            if count == period:
                memory[state + i] = memory[state + size + i]
                memory[out + i] = memory[state + size + i]
                continue
        warm[still] = i
        still += 1
    warm[0] = still - 1


@ONE
def running(memory: FloatArray, a: int, out: int, state: int, size: int) -> None:
    x, z, total = memory[a : a + size], memory[out : out + size], memory[state : state + size]
    for i in range(size):
        added = total[i] + x[i]
        total[i] = added if added == added else total[i]
        z[i] = added


@TWO
def running_since(memory: FloatArray, a: int, b: int, out: int, state: int, size: int) -> None:
    x, starts = memory[a : a + size], memory[b : b + size]
    z, total = memory[out : out + size], memory[state : state + size]
    for i in range(size):
        before = 0.0 if (starts[i] != 0.0) & (starts[i] == starts[i]) else total[i]
        added = before + x[i] if starts[i] == starts[i] else np.nan
        total[i] = added if added == added else before
        z[i] = added


@ONE
def streak(memory: FloatArray, a: int, out: int, state: int, size: int) -> None:
    x, z, count = memory[a : a + size], memory[out : out + size], memory[state : state + size]
    for i in range(size):
        longer = count[i] + 1.0 if x[i] != 0.0 else 0.0
        count[i] = longer if x[i] == x[i] else count[i]
        z[i] = longer if x[i] == x[i] else np.nan


@TWO
def repeats(memory: FloatArray, a: int, b: int, out: int, state: int, size: int) -> None:
    """How many bars in a row `a` has been the same as `b`."""
    x, before = memory[a : a + size], memory[b : b + size]
    z, count = memory[out : out + size], memory[state : state + size]
    for i in range(size):
        longer = count[i] + 1.0 if x[i] == before[i] else 0.0
        count[i] = longer
        z[i] = longer


@TWO
def adaptive_mean(memory: FloatArray, a: int, b: int, out: int, state: int, size: int) -> None:
    x, weight, z = memory[a : a + size], memory[b : b + size], memory[out : out + size]
    mean, begun = memory[state : state + size], memory[state + size : state + 2 * size]
    for i in range(size):
        before = mean[i] if mean[i] == mean[i] else x[i]
        moved = before + weight[i] * (x[i] - before)
        waiting = (begun[i] == 0.0) & (x[i] == x[i])
        begun[i] = 1.0 if moved == moved else begun[i]
        held = x[i] if waiting else mean[i]
        mean[i] = moved if moved == moved else held
        z[i] = moved


@TWO
def held(memory: FloatArray, a: int, b: int, out: int, state: int, size: int) -> None:
    x, flag = memory[a : a + size], memory[b : b + size]
    z, kept = memory[out : out + size], memory[state : state + size]
    for i in range(size):
        takes = (flag[i] != 0.0) & (flag[i] == flag[i])
        value = x[i] if takes else kept[i]
        z[i] = value if flag[i] == flag[i] else np.nan
        kept[i] = value if value == value else kept[i]


@kernel(VOID, WHOLE, SERIES_OUT, WHOLE, WHOLE, WHOLE, WHOLE, WHOLE)
def remember(op: int, memory: FloatArray, a: int, b: int, out: int, state: int, size: int) -> None:
    """The operation of that number, of those without a seed."""
    if op == RUNNING:
        running(memory, a, out, state, size)
    elif op == RUNNING_SINCE:
        running_since(memory, a, b, out, state, size)
    elif op == STREAK:
        streak(memory, a, out, state, size)
    elif op == REPEATS:
        repeats(memory, a, b, out, state, size)
    elif op == ADAPTIVE_MEAN:
        adaptive_mean(memory, a, b, out, state, size)
    elif op == HELD:
        held(memory, a, b, out, state, size)

"""Operations that remember, over rows of many Symbols side by side, one row after another.

What one remembers of its columns stands in rows from `s` on (`opcodes.STATES`). A filter's mean is NaN until its seed
is made. While columns wait for one, the form with seeds runs, which gives the others the same; it branches nowhere.
Results are stored before what is remembered: compilers would else make stores under a mask of it, which are slow.
"""

from __future__ import annotations

import numpy as np

from ralph.kernels.jit import Pointer, leaf, moved
from ralph.kernels.opcodes import ADAPTIVE_MEAN, HELD, REPEATS, RUNNING, RUNNING_SINCE, STREAK


@leaf
def smooth(x: Pointer, z: Pointer, mean: Pointer, lanes: int, keep: float) -> None:
    """value + keep (mean - value): a flat series stays exactly at its value."""
    for i in range(lanes):
        value, before = x[i], mean[i]
        now = value + keep * (before - value)
        z[i] = now
        mean[i] = now if now == now else before


@leaf
def seed_smooth(x: Pointer, z: Pointer, s: Pointer, lanes: int, period: int, skip: int, keep: float) -> int:
    """`skip` values are passed over, the mean of the next `period` is the seed. How many columns still wait."""
    seed, seen = moved(s, lanes), moved(s, 2 * lanes)
    waiting = 0
    for i in range(lanes):
        value, mean, part = x[i], s[i], seed[i]
        now = value + keep * (mean - value)
        waits = (mean != mean) & (value == value)
        count = seen[i] - skip
        old = part if count > 0.0 else value
        summed = value + count / (count + 1.0) * (old - value)
        part = summed if waits & (count >= 0.0) else part
        now = part if waits & (count == period - 1) else now
        mean = now if now == now else mean
        z[i] = now
        seed[i] = part
        seen[i] += 1.0 if waits else 0.0
        s[i] = mean
        waiting += 0 if mean == mean else 1
    return waiting


@leaf
def decaying_sum(x: Pointer, z: Pointer, total: Pointer, lanes: int, keep: float) -> None:
    for i in range(lanes):
        before = total[i]
        now = keep * before + x[i]
        z[i] = now
        total[i] = now if now == now else before


@leaf
def seed_decaying_sum(x: Pointer, z: Pointer, s: Pointer, lanes: int, period: int, terms: int, keep: float) -> int:
    """The first `terms` values are added up; from the next on the sum decays; it is there from the `period`-th on."""
    seed, seen = moved(s, lanes), moved(s, 2 * lanes)
    waiting = 0
    for i in range(lanes):
        value, total, part = x[i], s[i], seed[i]
        now = keep * total + value
        waits = (total != total) & (value == value)
        count = seen[i] + 1.0
        summed = (1.0 if count <= terms else keep) * part + value
        part = summed if waits else part
        now = part if waits & (count == period) else now
        total = now if now == now else total
        z[i] = now
        seed[i] = part
        seen[i] += 1.0 if waits else 0.0
        s[i] = total
        waiting += 0 if total == total else 1
    return waiting


@leaf
def running(x: Pointer, z: Pointer, total: Pointer, lanes: int) -> None:
    for i in range(lanes):
        before = total[i]
        now = before + x[i]
        z[i] = now
        total[i] = now if now == now else before


@leaf
def running_since(x: Pointer, y: Pointer, z: Pointer, total: Pointer, lanes: int) -> None:
    for i in range(lanes):
        starts, before = y[i], total[i]
        before = 0.0 if (starts != 0.0) & (starts == starts) else before
        now = before + x[i]
        now = now if starts == starts else np.nan
        z[i] = now
        total[i] = now if now == now else before


@leaf
def streak(x: Pointer, z: Pointer, count: Pointer, lanes: int) -> None:
    for i in range(lanes):
        flag, before = x[i], count[i]
        longer = before + 1.0 if flag != 0.0 else 0.0
        z[i] = longer if flag == flag else np.nan
        count[i] = longer if flag == flag else before


@leaf
def repeats(x: Pointer, y: Pointer, z: Pointer, count: Pointer, lanes: int) -> None:
    """How many bars in a row `x` has been the same as `y`."""
    for i in range(lanes):
        longer = count[i] + 1.0
        longer = longer if x[i] == y[i] else 0.0
        count[i] = longer
        z[i] = longer


@leaf
def adaptive_mean(x: Pointer, y: Pointer, z: Pointer, s: Pointer, lanes: int) -> None:
    has = moved(s, lanes)
    for i in range(lanes):
        value, mean, begun = x[i], s[i], has[i]
        before = mean if mean == mean else value
        now = before + y[i] * (value - before)
        waiting = (begun == 0.0) & (value == value)
        kept = value if waiting else mean
        z[i] = now
        has[i] = 1.0 if now == now else begun
        s[i] = now if now == now else kept


@leaf
def held(x: Pointer, y: Pointer, z: Pointer, kept: Pointer, lanes: int) -> None:
    for i in range(lanes):
        new, flag, old = x[i], y[i], kept[i]
        value = new if (flag != 0.0) & (flag == flag) else old
        z[i] = value if flag == flag else np.nan
        kept[i] = value if value == value else old


@leaf
def remember(op: int, x: Pointer, y: Pointer, z: Pointer, s: Pointer, lanes: int) -> None:
    """The operation of that number, of those without a seed, over one row."""
    if op == RUNNING:
        running(x, z, s, lanes)
    elif op == RUNNING_SINCE:
        running_since(x, y, z, s, lanes)
    elif op == STREAK:
        streak(x, z, s, lanes)
    elif op == REPEATS:
        repeats(x, y, z, s, lanes)
    elif op == ADAPTIVE_MEAN:
        adaptive_mean(x, y, z, s, lanes)
    elif op == HELD:
        held(x, y, z, s, lanes)

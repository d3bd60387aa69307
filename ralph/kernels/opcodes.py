"""The machine's operations by number, and the columns of a program; known without numba.

A program is `code` int64 [operations, COLUMNS] with `real` float64 [operations, 3], and `slots` int64 [slots, 2]:
where each slot's rows begin, and how many there are, less one: they are a ring of a power of two. An operand is a slot
and how many bars back of it.
"""

from __future__ import annotations

OP, OUT, OUT2, A, A_BACK, B, B_BACK, C, C_BACK, D, D_BACK = range(11)
PERIOD, EXTRA, STATE, FIELD, WARM, ACTIVE, COLUMNS = range(11, 18)
OPERANDS = ((A, A_BACK), (B, B_BACK), (C, C_BACK), (D, D_BACK))
BASE, MASK = range(2)

ONE_BAR = (
    *("copy", "add", "subtract", "multiply", "divide", "greater", "not_less", "same", "least", "greatest"),
    *("magnitude", "root", "log", "choose", "true_range", "movement", "share", "mean_of"),
)
MASKED = ("load", "fill", "known", "otherwise")
MEMORY = (
    *("smooth", "decaying_sum", "running", "running_since", "streak", "repeats", "adaptive_mean", "held"),
    *("parabolic", "ratchet"),
)
WINDOWS = (
    *("total", "mean", "weighted_mean", "highest", "lowest", "since_highest", "since_lowest", "deviation"),
    *("absolute_deviation", "trend_slope", "trend_fit", "covariance", "share_below", "busiest_price"),
)
NAMES = (*ONE_BAR, *MASKED, *MEMORY, *WINDOWS)
NUMBERS = {name: number for number, name in enumerate(NAMES)}

(COPY, ADD, SUBTRACT, MULTIPLY, DIVIDE, GREATER, NOT_LESS, SAME, LEAST, GREATEST) = range(10)
(MAGNITUDE, ROOT, LOG, CHOOSE, TRUE_RANGE, MOVEMENT, SHARE, MEAN_OF) = range(10, 18)
(LOAD, FILL, KNOWN, OTHERWISE) = range(18, 22)
(SMOOTH, DECAYING_SUM, RUNNING, RUNNING_SINCE, STREAK, REPEATS, ADAPTIVE_MEAN, HELD, PARABOLIC, RATCHET) = range(22, 32)
(TOTAL, MEAN, WEIGHTED_MEAN, HIGHEST, LOWEST, SINCE_HIGHEST, SINCE_LOWEST, DEVIATION) = range(32, 40)
(ABSOLUTE_DEVIATION, TREND_SLOPE, TREND_FIT, COVARIANCE, SHARE_BELOW, BUSIEST_PRICE) = range(40, 46)

STATES = {
    "smooth": (float("nan"), 0.0, 0.0),  # the mean, once there is one; the seed so far; values seen
    "decaying_sum": (float("nan"), 0.0, 0.0),
    "running": (0.0,),
    "running_since": (0.0,),
    "streak": (0.0,),
    "repeats": (0.0,),
    "adaptive_mean": (float("nan"), 0.0),  # the mean, or before it the value before; whether it has begun
    "held": (float("nan"),),
    "parabolic": (float("nan"), *(0.0,) * 8),
    "ratchet": (float("nan"), 0.0, 0.0, 0.0),
}
"""What each operation that remembers knows of a column, and what it knows at first."""

WIDE = 8  # columns that straight code works on together: their numbers fill a cache line
SCRATCH_ROWS = 16  # for sums in pairs, of up to 2 ** 16 bars

ROW, END, LEFT, LANES, HEIGHT, WIDTH, YOUNGEST, BEGINS, SCRATCH, NOT_BEGUN, TAIL = range(11)
"""Where the machine is: the stretch's first row and the one after its last; the block's first column and how many; the
Panel's shape; the row from which on all columns have begun; the rows of memory that hold where they begin, and scratch;
how many have not; how many rows are wanted."""
WHERE, PANELS, WAITING = 11, 15, 23
"""And behind these: four rows that a window reads, the addresses of the eight fields, and for how many columns each
filter has no seed yet."""

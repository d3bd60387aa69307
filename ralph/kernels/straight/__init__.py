"""Programs as machine code of their own: the machine's arithmetic, to the last bit, without looking operations up.

phase     rows of a Panel                  lines     LLVM's language
live      one more bar of some columns     native    what makes machine code of it
bar       operations of one bar, and ones that remember
turning   lines that turn                  windows   operations of many bars
body      a program's operations, one after another
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ralph.kernels.straight import live, phase
from ralph.kernels.straight.body import Listing, Part, is_writable
from ralph.kernels.straight.native import Function

__all__ = ["Function", "Listing", "Part", "bar_function", "is_writable", "phase_function"]


def phase_function(listing: Listing, part: Part, rows: int, *, publishes: bool) -> Function:
    """Machine code for rows along which these operations are active, so many in one go."""
    return Function(phase.written(listing, part, rows, publishes=publishes), phase.NAME, phase.ARGUMENTS)


def bar_function(listing: Listing, moves: NDArray[np.int64]) -> Function:
    """Machine code for one more bar; `moves` as `kernels.live` has them."""
    carried = [live.Move(*(int(number) for number in move)) for move in moves]
    return Function(live.written(listing, carried), live.NAME, live.ARGUMENTS)

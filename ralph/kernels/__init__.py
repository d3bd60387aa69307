"""Numba kernels over plain arrays; they know nothing of Ralph.

A kernel's module is imported when it is first used (`kernels.machine.scan(...)`), because importing numba takes
longer than `ralph --help` may.

machine   runs a program of row operations down a Panel   live     the same for one more bar of some columns
steps     one operation over a stretch of rows            rows     arithmetic
memory    operations that remember                        turning  lines that follow a price and turn
windows   windows, a stretch of rows at a time            spans    what is done with a window's rows
opcodes   how a program is written down
bases     volatility contractions                    swings   a causal zigzag
legs      what is told of each contraction           uptrend  the Trend Template's rules of price
base_rows the rows of their results
following running bars of weeks and months           places   of values among those before them
lives     how positions end                     straight  programs as machine code of their own
gaps      how far lines lie apart               jit       how kernels are compiled
"""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ralph.kernels import bases as bases
    from ralph.kernels import following as following
    from ralph.kernels import gaps as gaps
    from ralph.kernels import live as live
    from ralph.kernels import lives as lives
    from ralph.kernels import machine as machine
    from ralph.kernels import places as places
    from ralph.kernels import straight as straight
    from ralph.kernels import uptrend as uptrend
else:

    def __getattr__(name: str) -> ModuleType:
        path = f"{__name__}.{name}"
        try:
            return importlib.import_module(path)
        except ModuleNotFoundError as error:
            if error.name != path:
                raise
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}") from None

"""Numba kernels over plain arrays; they know nothing of Ralph.

A kernel's module is imported when it is first used (`kernels.windows.mean_last(...)`), because importing numba takes
longer than `ralph --help` may.

windows     sums and means over the newest bars           smoothing    exponential means (EMA, RMA)
extremes    highest and lowest                            convergence  MACD
spread      Bollinger bands                               strength     RSI
stochastic  a close within its range                      ranges       average true range
flow        volume added up by the close's direction      direction    ADX and its two lines
bases       volatility contractions                       swings       a causal zigzag
uptrend     the Trend Template's rules of price           base_rows    the rows of their results
jit         how kernels are compiled                      lanes        many Symbols side by side
"""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ralph.kernels import bases as bases
    from ralph.kernels import convergence as convergence
    from ralph.kernels import direction as direction
    from ralph.kernels import extremes as extremes
    from ralph.kernels import flow as flow
    from ralph.kernels import ranges as ranges
    from ralph.kernels import smoothing as smoothing
    from ralph.kernels import spread as spread
    from ralph.kernels import stochastic as stochastic
    from ralph.kernels import strength as strength
    from ralph.kernels import windows as windows
else:

    def __getattr__(name: str) -> ModuleType:
        path = f"{__name__}.{name}"
        try:
            return importlib.import_module(path)
        except ModuleNotFoundError as error:
            if error.name != path:
                raise
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}") from None

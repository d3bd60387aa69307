"""On-balance volume."""

from __future__ import annotations

from ralph import kernels
from ralph.indicators.indicator import Arrays, Indicator, IntArray, Mode, Outputs, Params, plain


def first(mode: Mode, params: Params) -> dict[str, int]:
    return {"obv": 0}


def reach(tail: int, mode: Mode, params: Params) -> None:
    return None


def series(inputs: Arrays, mode: Mode, params: Params) -> Outputs:
    # TA-Lib begins with the first bar's volume, Pine with 0: a constant offset.
    opening = mode == "talib"
    return {"obv": kernels.flow.obv_series(plain(inputs, "close"), plain(inputs, "volume"), opening=opening)}


def last(inputs: Arrays, first_row: IntArray, tail: int, mode: Mode, params: Params) -> Outputs:
    close, volume = plain(inputs, "close"), plain(inputs, "volume")
    return {"obv": kernels.flow.obv_last(close, volume, first_row, opening=mode == "talib", tail=tail)}


OBV = Indicator(
    name="obv",
    category="volume",
    en="Volume added on rises and taken away on falls",
    ko="오른 날의 거래량은 더하고 내린 날은 뺀 누적",
    inputs=("close", "volume"),
    params=(),
    outputs=("obv",),
    unit="volume",
    formula_source="Granville: running sum of the volume by the sign of the close's change",
    first=first,
    reach=reach,
    series=series,
    last=last,
)

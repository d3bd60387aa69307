"""True range."""

from __future__ import annotations

from ralph.indicators.formulas import true_range
from ralph.indicators.indicator import Indicator, Mode, Params, Terms


def define(mode: Mode, params: Params) -> Terms:
    return {"true_range": true_range()}


TRUE_RANGE = Indicator(
    name="true_range",
    category="volatility",
    en="The bar's range together with the gap before it; not defined on the first bar",
    ko="직전 종가와의 갭을 포함한 봉의 변동폭; 첫 봉에는 없음",
    params=(),
    outputs=("true_range",),
    unit="price",
    formula_source="Wilder 1978: the largest of high - low, |high - close[1]| and |low - close[1]|",
    define=define,
)

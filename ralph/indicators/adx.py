"""Average directional index, with the two lines it is made of."""

from __future__ import annotations

from ralph.indicators.formulas import directional_movement
from ralph.indicators.indicator import PERIOD, Indicator, Mode, Param, Params, Preset, Terms, period


def define(mode: Mode, params: Params) -> Terms:
    adx, plus, minus = directional_movement(period(params), mode)
    return {"adx": adx, "plus_di": plus, "minus_di": minus}


ADX = Indicator(
    name="adx",
    category="trend",
    en="Strength of the trend, and the shares of rising and falling movement, 0 to 100",
    ko="추세의 강도와 상승·하락 움직임의 비중, 0에서 100",
    params=(Param(PERIOD, 14),),
    outputs=("adx", "plus_di", "minus_di"),
    unit="percent",
    formula_source="Wilder 1978: directional movement over true range, and how one-sided it is",
    define=define,
    presets=(
        Preset("Wilder's", "와일더", {"period": 14}),
        Preset("Fast", "빠르게", {"period": 8}),
        Preset("Month", "한 달", {"period": 20}),
    ),
)

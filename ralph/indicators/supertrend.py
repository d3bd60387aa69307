"""Supertrend."""

from __future__ import annotations

from ralph.indicators.formulas import average_true_range
from ralph.indicators.indicator import PERIOD, Indicator, Mode, Param, Params, Preset, Terms, period
from ralph.indicators.terms import CLOSE, HL2, bands_that_ratchet, part


def define(mode: Mode, params: Params) -> Terms:
    distance = params["mult"] * average_true_range(period(params), mode)
    bands = bands_that_ratchet(HL2 + distance, HL2 - distance, CLOSE, mode)
    return {"line": part(bands, 0), "trend": part(bands, 1), "direction": -part(bands, 1)}


SUPERTREND = Indicator(
    name="supertrend",
    category="trend",
    en="A stop that follows the trend at multiples of the true range; trend 1 up, -1 down; direction as Pine, -1 up",
    ko="실제 변동폭의 배수로 추세를 따라가는 손절선; trend는 상승 1·하락 -1, direction은 파인 방식으로 상승 -1",
    params=(Param(PERIOD, 10), Param("mult", 3.0, low=0.001, high=50, whole=False)),
    outputs=("line", "trend", "direction"),
    unit="price",
    units={"trend": "number", "direction": "number"},
    formula_source="Seban: hl2 -+ mult ATR, tightened while the price stays on its side, changed when it closes beyond",
    presets=(
        Preset("Classic", "기본", {"period": 10, "mult": 3.0}),
        Preset("Tight", "민감", {"period": 7, "mult": 2.0}),
        Preset("Wide", "완만", {"period": 14, "mult": 4.0}),
    ),
    define=define,
)

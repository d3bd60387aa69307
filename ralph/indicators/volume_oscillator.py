"""Volume oscillator."""

from __future__ import annotations

from ralph.indicators.indicator import Indicator, Mode, Param, Params, Preset, Terms, period
from ralph.indicators.terms import VOLUME, ema


def define(mode: Mode, params: Params) -> Terms:
    slow = ema(VOLUME, period(params, "slow"))
    return {"volume_oscillator": 100.0 * ((ema(VOLUME, period(params, "fast")) - slow) / slow)}


VOLUME_OSCILLATOR = Indicator(
    name="volume_oscillator",
    category="volume",
    en="How far the fast mean of volume is above the slow one, in percent",
    ko="느린 거래량 평균 대비 빠른 거래량 평균의 차이(%)",
    params=(Param("fast", 5), Param("slow", 10)),
    outputs=("volume_oscillator",),
    unit="percent",
    formula_source="100 (fast EMA - slow EMA) / slow EMA of volume",
    presets=(
        Preset("Classic", "기본", {"fast": 5, "slow": 10}),
        Preset("Month", "1개월", {"fast": 5, "slow": 20}),
        Preset("As MACD", "MACD 기간", {"fast": 12, "slow": 26}),
    ),
    define=define,
)

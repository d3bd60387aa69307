"""Keltner channel."""

from __future__ import annotations

from ralph.indicators.formulas import only_with, true_range
from ralph.indicators.indicator import PERIOD, Indicator, Mode, Param, Params, Preset, Terms, period
from ralph.indicators.terms import CLOSE, HLC3, Term, ema, rma


def define(mode: Mode, params: Params) -> Terms:
    middle, width = _talib(params) if mode == "talib" else _pine(params)
    upper, lower = middle + params["mult"] * width, middle - params["mult"] * width
    return {
        "middle": middle,
        "upper": upper,
        "lower": lower,
        "width": (upper - lower) / middle,
        "position": (CLOSE - lower) / (upper - lower),
    }


def _pine(params: Params) -> tuple[Term, Term]:
    """All three lines begin together, one bar later than the mean could: the first bar has no true range."""
    width = ema(true_range(), period(params))
    return only_with(width, ema(CLOSE, period(params))), width


def _talib(params: Params) -> tuple[Term, Term]:
    """Both means end their seeds on the first bar at which either could."""
    bars, wilder = period(params), period(params, "atr_period")
    begin = max(bars - 1, wilder)
    middle = ema(HLC3, bars, skip=begin - (bars - 1))
    return middle, rma(true_range(), wilder, skip=begin - wilder)


KC = Indicator(
    name="kc",
    category="volatility",
    en="Keltner channel: an exponential mean and true ranges above and below it; its width, the close's position in it",
    ko="켈트너 채널: 지수 평균과 그 위아래의 변동폭, 채널의 폭과 그 안에서 종가의 위치",
    params=(
        Param(PERIOD, 20),
        Param("mult", 2.0, low=0.001, high=50, whole=False),
        Param("atr_period", 10),
    ),
    outputs=("middle", "upper", "lower", "width", "position"),
    unit="price",
    units={"width": "ratio", "position": "ratio"},
    formula_source="tv: EMA(close) -+ mult EMA(true range), atr_period unused; talib: EMA(typical price) -+ mult ATR",
    define=define,
    presets=(
        Preset("Standard", "표준", {"period": 20, "mult": 2.0, "atr_period": 10}),
        Preset("Squeeze", "스퀴즈", {"period": 20, "mult": 1.5, "atr_period": 20}),
        Preset("Wide", "넓게", {"period": 50, "mult": 2.75, "atr_period": 10}),
    ),
)

"""Coppock curve."""

from __future__ import annotations

from ralph.indicators.indicator import PERIOD, Indicator, Mode, Param, Params, Preset, Terms, period
from ralph.indicators.terms import SOURCE, Term, weighted_mean


def define(mode: Mode, params: Params) -> Terms:
    changes = _change(period(params, "long")) + _change(period(params, "short"))
    return {"coppock": weighted_mean(changes, period(params))}


def _change(bars: int) -> Term:
    return 100.0 * (SOURCE / SOURCE[bars] - 1.0)


COPPOCK = Indicator(
    name="coppock",
    category="momentum",
    en="Coppock curve: weighted mean of two rates of change, made for monthly bars",
    ko="코폭 곡선: 두 변화율의 합의 가중 평균, 월봉용으로 만들어짐",
    params=(Param(PERIOD, 10), Param("long", 14), Param("short", 11)),
    outputs=("coppock",),
    unit="percent",
    formula_source="Coppock 1962: WMA(10) of the rates of change over 14 and 11 bars, in percent",
    define=define,
    source="close",
    presets=(
        Preset("Coppock's, monthly bars", "코폭, 월봉", {"period": 10, "long": 14, "short": 11}),
        Preset("The same in days", "일봉으로 같은 기간", {"period": 210, "long": 294, "short": 231}),
        Preset("Quicker", "빠르게", {"period": 6, "long": 9, "short": 6}),
    ),
)

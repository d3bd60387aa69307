"""Triple exponential rate of change."""

from __future__ import annotations

from ralph.indicators.indicator import PERIOD, Indicator, Mode, Param, Params, Preset, Terms, period
from ralph.indicators.terms import SOURCE, ema


def define(mode: Mode, params: Params) -> Terms:
    n = period(params)
    thrice = ema(ema(ema(SOURCE, n), n), n)
    return {"trix": 100.0 * (thrice / thrice[1] - 1.0)}


TRIX = Indicator(
    name="trix",
    category="momentum",
    en="Change in percent, from bar to bar, of a mean smoothed three times",
    ko="세 번 평활한 평균의 봉 간 변화율(%)",
    params=(Param(PERIOD, 18),),
    outputs=("trix",),
    unit="percent",
    formula_source="Hutson 1983: 100 (t / t[1] - 1), t the exponential mean of the mean of the mean",
    source="close",
    presets=(
        Preset("Classic", "기본", {"period": 18}),
        Preset("Fast", "단기", {"period": 9}),
        Preset("Slow", "장기", {"period": 30}),
    ),
    define=define,
)

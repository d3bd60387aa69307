"""Chaikin's oscillator of accumulation and distribution."""

from __future__ import annotations

from ralph.indicators.flows import money_flow
from ralph.indicators.formulas import only_with
from ralph.indicators.indicator import Indicator, Mode, Param, Params, Preset, Terms, period
from ralph.indicators.terms import CLOSE, Term, ema, running, smooth


def define(mode: Mode, params: Params) -> Terms:
    flow, fast, slow = running(money_flow()), period(params, "fast"), period(params, "slow")
    if mode == "tv":
        return {"adosc": ema(flow, fast) - ema(flow, slow)}
    # TA-Lib begins both means with the very first value.
    return {"adosc": only_with(CLOSE[max(fast, slow) - 1], _from_first(flow, fast) - _from_first(flow, slow))}


def _from_first(flow: Term, bars: int) -> Term:
    return smooth(flow, 1, 2.0 / (bars + 1))


ADOSC = Indicator(
    name="adosc",
    category="volume",
    en="Chaikin oscillator: a fast minus a slow exponential mean of accumulation and distribution",
    ko="차이킨 오실레이터: 매집·분산선의 빠른 지수 평균에서 느린 지수 평균을 뺀 값",
    params=(Param("fast", 3), Param("slow", 10)),
    outputs=("adosc",),
    unit="volume",
    formula_source="Chaikin: EMA(fast) - EMA(slow) of the running money flow; TA-Lib seeds both with its first value",
    define=define,
    presets=(
        Preset("Standard", "표준", {"fast": 3, "slow": 10}),
        Preset("Slower", "느리게", {"fast": 6, "slow": 20}),
        Preset("Month", "한 달", {"fast": 10, "slow": 20}),
    ),
)

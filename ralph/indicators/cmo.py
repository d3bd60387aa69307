"""Chande's momentum oscillator."""

from __future__ import annotations

from ralph.indicators.indicator import PERIOD, Indicator, Mode, Param, Params, Preset, Terms, period
from ralph.indicators.terms import SOURCE, choose, greatest, rma, total


def define(mode: Mode, params: Params) -> Terms:
    change = SOURCE - SOURCE[1]
    added = rma if mode == "talib" else total
    gains = added(greatest(change, 0.0), period(params))
    losses = added(greatest(-change, 0.0), period(params))
    moved = gains + losses
    return {"cmo": choose(moved > 0.0, 100.0 * (gains - losses) / moved, 0.0)}


CMO = Indicator(
    name="cmo",
    category="momentum",
    en="Chande momentum oscillator: gains less losses over gains and losses, -100 to 100",
    ko="챈드 모멘텀 오실레이터: 상승폭과 하락폭의 차이를 그 합으로 나눈 값, -100에서 100",
    params=(Param(PERIOD, 14),),
    outputs=("cmo",),
    unit="percent",
    formula_source="Chande 1994: 100 (gains - losses) / (gains + losses); TA-Lib takes Wilder's means of them",
    define=define,
    source="close",
    presets=(
        Preset("Standard", "표준", {"period": 14}),
        Preset("Short", "단기", {"period": 9}),
        Preset("Month", "한 달", {"period": 20}),
    ),
)

"""Inside day."""

from __future__ import annotations

from ralph.indicators.indicator import Indicator, Mode, Param, Params, Preset, Terms
from ralph.indicators.terms import HIGH, LOW, both


def define(mode: Mode, params: Params) -> Terms:
    ceiling, floor = HIGH[1], LOW[1]
    if params["strict"]:
        return {"inside_day": both(ceiling > HIGH, floor < LOW)}
    return {"inside_day": both(ceiling >= HIGH, floor <= LOW)}


INSIDE_DAY = Indicator(
    name="inside_day",
    category="structure",
    en="Inside day: 1 where the bar lies within the range of the one before, else 0",
    ko="인사이드 데이: 전일 범위 안에 들어오면 1, 아니면 0",
    params=(Param("strict", 1, low=0, high=1),),
    outputs=("inside_day",),
    unit="number",
    formula_source="high below and low above those of the bar before; with strict=0 they may be equal",
    define=define,
    presets=(
        Preset("Strictly inside", "완전히 안쪽", {"strict": 1}),
        Preset("May touch", "같아도 됨", {"strict": 0}),
    ),
)

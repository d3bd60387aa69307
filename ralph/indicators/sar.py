"""Parabolic stop and reverse."""

from __future__ import annotations

from ralph.indicators.indicator import Indicator, Mode, Param, Params, Preset, Terms
from ralph.indicators.terms import CLOSE, HIGH, LOW, parabolic, part


def define(mode: Mode, params: Params) -> Terms:
    stops = parabolic(HIGH, LOW, CLOSE, (params["start"], params["increment"], params["maximum"]), mode)
    return {"sar": part(stops, 0), "direction": part(stops, 1)}


SAR = Indicator(
    name="sar",
    category="trend",
    en="Parabolic stop and reverse, and the side it stands for: 1 up, -1 down",
    ko="파라볼릭 SAR과 방향: 상승 1, 하락 -1",
    params=(
        Param("start", 0.02, low=0.0001, high=1, whole=False),
        Param("increment", 0.02, low=0, high=1, whole=False),
        Param("maximum", 0.2, low=0.0001, high=1, whole=False),
    ),
    outputs=("sar", "direction"),
    unit="price",
    units={"direction": "number"},
    formula_source="Wilder 1978: sar + af (extreme - sar), beyond the two bars before, turned when it is crossed",
    presets=(
        Preset("Wilder", "와일더", {"start": 0.02, "increment": 0.02, "maximum": 0.2}),
        Preset("Patient", "완만", {"start": 0.01, "increment": 0.01, "maximum": 0.1}),
        Preset("Tight", "민감", {"start": 0.03, "increment": 0.03, "maximum": 0.3}),
    ),
    define=define,
)

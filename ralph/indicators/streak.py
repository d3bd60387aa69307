"""Bars in a row that rose or fell."""

from __future__ import annotations

from ralph.indicators.indicator import Indicator, Mode, Params, Terms
from ralph.indicators.terms import SOURCE, streak


def define(mode: Mode, params: Params) -> Terms:
    return {"streak": streak(SOURCE > SOURCE[1]) - streak(SOURCE < SOURCE[1])}


STREAK = Indicator(
    name="streak",
    category="structure",
    en="How many bars in a row have risen, or, below zero, fallen; 0 where nothing changed",
    ko="연속 상승 봉 수, 하락이면 음수; 변화가 없으면 0",
    params=(),
    outputs=("streak",),
    unit="number",
    formula_source="count of consecutive rises, less the count of consecutive falls",
    source="close",
    define=define,
)

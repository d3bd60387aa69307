"""Opening gap."""

from __future__ import annotations

from ralph.indicators.indicator import Indicator, Mode, Params, Terms
from ralph.indicators.terms import CLOSE, OPEN


def define(mode: Mode, params: Params) -> Terms:
    return {"gap_pct": 100.0 * (OPEN / CLOSE[1] - 1.0)}


GAP_PCT = Indicator(
    name="gap_pct",
    category="structure",
    en="Opening gap: percent from the close before to the open",
    ko="시가 갭: 전일 종가에서 시가까지의 퍼센트",
    params=(),
    outputs=("gap_pct",),
    unit="percent",
    formula_source="100 (open / close before - 1)",
    define=define,
)

"""Correlation with the index."""

from __future__ import annotations

from ralph.indicators.indicator import PERIOD, Indicator, Mode, Param, Params, Preset, Terms, period
from ralph.indicators.terms import CLOSE, INDEX_CLOSE, Term, choose, covariance, greatest, least, root


def define(mode: Mode, params: Params) -> Terms:
    returns = _correlation(CLOSE / CLOSE[1] - 1.0, INDEX_CLOSE / INDEX_CLOSE[1] - 1.0, period(params), mode)
    return {"correl": _correlation(CLOSE, INDEX_CLOSE, period(params), mode), "returns": returns}


def _correlation(left: Term, right: Term, bars: int, mode: Mode) -> Term:
    spread = root(covariance(left, left, bars)) * root(covariance(right, right, bars))
    found = greatest(least(covariance(left, right, bars) / spread, 1.0), -1.0)
    # Where one of them does not move TA-Lib says 0.
    return choose(spread > 0.0, found, 0.0) if mode == "talib" else found


CORREL = Indicator(
    name="correl",
    category="structure",
    en="Correlation of the close with the index, and of their daily returns, -1 to 1",
    ko="지수와의 상관계수: 종가끼리, 그리고 일간 수익률끼리, -1에서 1",
    params=(Param(PERIOD, 60, low=2),),
    outputs=("correl", "returns"),
    unit="ratio",
    formula_source="Pearson: covariance over the product of the standard deviations",
    define=define,
    presets=(
        Preset("Month", "한 달", {"period": 20}),
        Preset("Quarter", "한 분기", {"period": 60}),
        Preset("Year", "한 해", {"period": 250}),
    ),
)

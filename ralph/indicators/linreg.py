"""Line of least squares."""

from __future__ import annotations

from ralph.indicators.indicator import PERIOD, Indicator, Mode, Param, Params, Preset, Terms, period
from ralph.indicators.terms import SOURCE, log, mean, trend_fit, trend_slope

SESSIONS_OF_YEAR = 252


def define(mode: Mode, params: Params) -> Terms:
    bars = period(params)
    slope = trend_slope(SOURCE, bars)
    return {
        "value": mean(SOURCE, bars) + slope * ((bars - 1) / 2.0),
        "slope": slope,
        "fit": trend_fit(SOURCE, bars),
        "year_pct": 100.0 * SESSIONS_OF_YEAR * trend_slope(log(SOURCE), bars),
    }


LINREG = Indicator(
    name="linreg",
    category="trend",
    en="Least-squares line of the newest bars: its end, slope a bar, fit (0 to 1), and slope of the logarithm a year",
    ko="최소제곱 추세선: 끝 값, 봉당 기울기, 설명력(0에서 1), 로그 가격의 연간 기울기",
    params=(Param(PERIOD, 20, low=2),),
    outputs=("value", "slope", "fit", "year_pct"),
    unit="price",
    units={"fit": "ratio", "year_pct": "percent"},
    formula_source="ordinary least squares over bar numbers; year_pct is 100 x 252 x the slope of ln(x)",
    define=define,
    source="close",
    presets=(
        Preset("Month", "한 달", {"period": 20}),
        Preset("Quarter", "한 분기", {"period": 60}),
        Preset("Clenow's", "클레노", {"period": 90}),
    ),
)

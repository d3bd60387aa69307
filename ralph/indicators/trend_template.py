"""Trend Template: the price rules of a stock in an advance."""

from __future__ import annotations

from functools import reduce
from operator import add

from ralph.indicators.formulas import above, both_hold, holds, only_with
from ralph.indicators.indicator import PERIOD, Indicator, Mode, Param, Params, Preset, Terms, period
from ralph.indicators.terms import CLOSE, HIGH, LOW, Term, highest, known, lowest, mean

RULES = 7


def define(mode: Mode, params: Params) -> Terms:
    fast, medium, slow = (mean(CLOSE, period(params, name)) for name in ("fast", "medium", "slow"))
    before = slow[period(params, "rising")]
    high, low = highest(HIGH, period(params)), lowest(LOW, period(params))
    floor, ceiling = low * (1.0 + params["above_low_pct"] / 100.0), high * (1.0 - params["below_high_pct"] / 100.0)
    rules = (
        both_hold(above(CLOSE, medium), above(CLOSE, slow)),
        holds(above(medium, slow)),
        holds(above(slow, before)),
        both_hold(above(fast, medium), above(fast, slow)),
        holds(above(CLOSE, fast)),
        1.0 - holds(above(floor, CLOSE)),
        1.0 - holds(above(ceiling, CLOSE)),
    )
    # What every rule needs: a young listing cannot be judged, which is not the same as failing.
    judged = high + low + fast + medium + slow + before
    flags: list[Term] = [only_with(judged, rule) for rule in rules]
    named = {f"rule{place}": flag for place, flag in enumerate(flags, start=1)}
    return {"count7": reduce(add, flags), **named, "evaluable": known(judged)}


TREND_TEMPLATE = Indicator(
    name="trend_template",
    category="rating",
    en="How many of the seven price rules of an advance hold, and each of them; NaN until all can be judged",
    ko="상승 추세의 일곱 가격 조건 중 충족한 수와 각 조건; 모두 판단할 수 있기 전에는 없음",
    params=(
        Param("rising", 22),
        Param("above_low_pct", 30, low=0, high=1_000, whole=False),
        Param("below_high_pct", 25, low=0, high=100, whole=False),
        Param(PERIOD, 252),
        Param("fast", 50),
        Param("medium", 150),
        Param("slow", 200),
    ),
    outputs=("count7", *(f"rule{place}" for place in range(1, RULES + 1)), "evaluable"),
    unit="number",
    formula_source="Minervini 2013, chapter 5: close, means of 50, 150 and 200, the year's high and low",
    presets=(
        Preset("2013", "2013", {"rising": 22, "above_low_pct": 30, "below_high_pct": 25}),
        Preset("Later, wider", "완화", {"rising": 22, "above_low_pct": 25, "below_high_pct": 25}),
        Preset("Five months rising", "5개월 상승", {"rising": 110, "above_low_pct": 30, "below_high_pct": 25}),
    ),
    define=define,
)

"""Technical Ratings: 26 components that say buy, sell or neither, and their means."""

from __future__ import annotations

from collections.abc import Iterable
from functools import reduce
from operator import add

from ralph.indicators import rating_components as components
from ralph.indicators.formulas import only_with
from ralph.indicators.indicator import Indicator, Mode, Param, Params, Preset, Terms
from ralph.indicators.terms import Term, known, otherwise

RULE_SETS = ("2024", "2020")
AVERAGES = (
    *(f"{kind}{length}" for kind in ("sma", "ema") for length in components.LENGTHS),
    *("hma9", "vwma20", "ichi"),
)
OSCILLATORS = ("rsi", "stoch", "cci", "adx", "ao", "mom", "macd", "stochrsi", "wpr", "bbp", "uo")
MEANS = ("all", "ma", "oscillators")


def define(mode: Mode, params: Params) -> Terms:
    """The components are Pine's in both modes: a rating never mixes seeds."""
    before_2024 = params["rules"] == RULE_SETS[1]
    scores = components.averages(before_2024) | components.oscillators(before_2024)
    # The gates are the first components there are of each group, and are there from then on.
    averages = only_with(scores["sma10"], _mean(scores[name] for name in AVERAGES))
    oscillators = only_with(scores["mom"], _mean(scores[name] for name in OSCILLATORS))
    # The averages alone stand for both at first; the mean of the two is not the mean of all components.
    together = (averages + otherwise(oscillators, averages)) / 2.0
    return {"all": together, "ma": averages, "oscillators": oscillators, **scores}


def _mean(scores: Iterable[Term]) -> Term:
    """Mean of the scores there are: a whole number over a whole number, so that borders such as 0.1 are exact."""
    listed = list(scores)
    count = reduce(add, (known(score) for score in listed))
    return reduce(add, (otherwise(score, 0.0) for score in listed)) / count


TECHNICAL_RATING = Indicator(
    name="technical_rating",
    category="rating",
    en="Technical rating, -1 strong sell to 1 strong buy: means of 15 averages and 11 oscillators, and each of them",
    ko="기술적 등급, -1 강력 매도에서 1 강력 매수: 이동평균 15개와 오실레이터 11개의 평균과 각 항목",
    params=(Param("rules", RULE_SETS[0], choices=RULE_SETS),),
    outputs=(*MEANS, *AVERAGES, *OSCILLATORS),
    unit="number",
    formula_source="TradingView Technical Ratings, rules of 2024 (library version 3) or of 2020 (first script)",
    presets=(Preset("2024", "2024 규칙", {"rules": "2024"}), Preset("2020", "2020 규칙", {"rules": "2020"})),
    define=define,
)

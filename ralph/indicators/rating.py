"""What ratings mean: label and counts of a technical rating, the RS rating of a Universe, the whole template."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ralph.errors import BadParameter
from ralph.indicators.call import compute
from ralph.indicators.indicator import FloatArray
from ralph.indicators.technical_rating import AVERAGES, OSCILLATORS, RULE_SETS, TECHNICAL_RATING

RS_LOWEST, RS_HIGHEST = 1, 99
RS_LEADING = 70  # rule 8 of the Trend Template
RULES = 7


@dataclass(frozen=True)
class Label:
    """A rating in words; `name` is the one that programs compare."""

    name: str
    en: str
    ko: str


STRONG_SELL = Label("strong_sell", "Strong sell", "강력 매도")
SELL = Label("sell", "Sell", "매도")
NEUTRAL = Label("neutral", "Neutral", "중립")
BUY = Label("buy", "Buy", "매수")
STRONG_BUY = Label("strong_buy", "Strong buy", "강력 매수")
UNKNOWN = Label("unknown", "-", "-")


@dataclass(frozen=True)
class Counts:
    """How many components say what; those without a value are in none."""

    buy: int
    neutral: int
    sell: int


def label(value: float) -> Label:
    """A rating from -1 to 1 in words; "-" for NaN. 0.5 is still Buy, 0.1 still Neutral, -0.5 still Sell.

    BadParameter: outside of -1 to 1.
    """
    if np.isnan(value):
        return UNKNOWN
    if not -1.0 <= value <= 1.0:
        raise BadParameter(f"a rating is from -1 to 1, not {value:g}", field="value", accepted="a number from -1 to 1")
    if value < -0.5:
        return STRONG_SELL
    if value < -0.1:
        return SELL
    if value <= 0.1:
        return NEUTRAL
    return BUY if value <= 0.5 else STRONG_BUY


def counts(scores: Mapping[str, float]) -> Counts:
    """Of a bar's outputs of technical_rating (means among them are not looked at): how many buy, neutral, sell.

    The label never comes from them: a rating is the mean of two means.
    """
    given = [scores[name] for name in (*AVERAGES, *OSCILLATORS) if name in scores]
    return Counts(
        sum(score > 0 for score in given), sum(score == 0 for score in given), sum(score < 0 for score in given)
    )


def rs_rating(raw: FloatArray, eligible: NDArray[np.bool_]) -> FloatArray:
    """RS rating 1 to 99 of every Symbol from its rs_raw on one date: [symbols], NaN for those not ranked.

    Ranked are the eligible ones (common shares listed on that date) with a value, so with 253 closes. Ties share the
    mean of their ranks. With fewer than two there is nothing to rank, and all are NaN.
    Formula: floor(1 + 98 (rank - 1) / (N - 1) + 1/2).
    """
    ranked = eligible & np.isfinite(raw)
    values = raw[ranked]
    rating = np.full(raw.shape, np.nan)
    if values.size > 1:
        in_order = np.sort(values)
        below, not_above = np.searchsorted(in_order, values, "left"), np.searchsorted(in_order, values, "right")
        rank = (below + not_above + 1) / 2
        place = np.floor(1.0 + 98.0 * (rank - 1.0) / (values.size - 1.0) + 0.5)
        rating[ranked] = np.clip(place, RS_LOWEST, RS_HIGHEST)
    return rating


def eighth_rule(rating: FloatArray, least: float = RS_LEADING) -> FloatArray:
    """Rule 8 of the Trend Template: 1 where the RS rating is at least `least`, 0 below, NaN where there is none."""
    return np.where(np.isnan(rating), np.nan, (rating >= least).astype(np.float64))


def passes_template(count7: FloatArray, rule8: FloatArray | None = None) -> FloatArray:
    """1 where all rules of the Trend Template hold, else 0; NaN where that cannot be told. Without `rule8` the seven
    price rules decide; a Symbol that fails one of them fails whatever its rank."""
    prices = np.where(np.isnan(count7), np.nan, (count7 == RULES).astype(np.float64))
    return prices if rule8 is None else np.where(prices == 1.0, rule8, prices)


@dataclass(frozen=True)
class Group:
    """What a group of components says: the mean of their scores, in words, and how many say what."""

    value: float
    label: Label
    counts: Counts


@dataclass(frozen=True)
class Rating:
    """The technical rating at one bar. components: 1 buy, 0 neutral, -1 sell, NaN where there are too few bars."""

    rules: str
    all: Group
    ma: Group
    oscillators: Group
    components: dict[str, float]


def rate(bars: Mapping[str, FloatArray], rules: str = RULE_SETS[0]) -> Rating:
    """The technical rating at the newest of a Symbol's bars {field: [bars]}, missing ones stepped over.

    BadParameter: unknown rules. The bars must hold at least one.
    """
    outputs = compute(TECHNICAL_RATING, bars, "tv", {"rules": rules})
    newest = {name: float(values[-1]) for name, values in outputs.items()}
    members = {"all": (*AVERAGES, *OSCILLATORS), "ma": AVERAGES, "oscillators": OSCILLATORS}
    groups = {
        name: Group(newest[name], label(newest[name]), counts({each: newest[each] for each in each_of}))
        for name, each_of in members.items()
    }
    return Rating(rules=rules, **groups, components={name: newest[name] for name in members["all"]})

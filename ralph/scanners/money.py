"""Smart money: how steadily foreigners and institutions have been buying, 0 to 100, from daily investor flows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ralph.scanners.component import Component, missing

FloatArray = NDArray[np.float64]

SUM_DAYS = 5
COUNT_DAYS = 10
RATIO_FULL = 0.10  # net buying of a tenth of all that was traded earns all points, net selling of as much none
MAXIMA = {"foreign": 40.0, "institution": 30.0, "agreement": 15.0, "persistence": 15.0}
SIZE_POINTS = {"foreign": 25.0, "institution": 20.0}
DAY_POINTS = {"foreign": 15.0, "institution": 10.0}
POINTS_A_DAY = 5.0  # of persistence

_INVESTORS = {"foreign": ("foreigners", "외국인"), "institution": ("institutions", "기관")}


@dataclass(frozen=True, eq=False)
class SmartMoney:
    """What was measured of each Symbol [symbols]; NaN where fewer than SUM_DAYS newest days of flows are known.

    score 0-100; ratio: net buying over traded value of the newest SUM_DAYS bars, by investor; days: share of the known
    ones among the newest COUNT_DAYS bars on which it bought; both: how many of the two bought over SUM_DAYS; streak:
    days in a row, newest last, on which both bought
    """

    score: FloatArray
    ratio: dict[str, FloatArray]
    days: dict[str, FloatArray]
    both: FloatArray
    streak: FloatArray


def measure(foreign: FloatArray, institution: FloatArray, value: FloatArray) -> SmartMoney:
    """From net buying and traded value in won [at least COUNT_DAYS bars, symbols], the newest row last; NaN unknown."""
    flows = {"foreign": foreign[-COUNT_DAYS:], "institution": institution[-COUNT_DAYS:]}
    traded = value[-SUM_DAYS:].sum(axis=0)
    ratio, days = {}, {}
    for name, flow in flows.items():
        with np.errstate(divide="ignore", invalid="ignore"):
            net = flow[-SUM_DAYS:].sum(axis=0)
            ratio[name] = np.where(traded > 0, net / traded, np.nan)
            days[name] = (flow > 0).sum(axis=0) / (~np.isnan(flow)).sum(axis=0)
    known = ~np.isnan(ratio["foreign"]) & ~np.isnan(ratio["institution"])
    both = (ratio["foreign"] > 0).astype(float) + (ratio["institution"] > 0)
    double = (flows["foreign"] > 0) & (flows["institution"] > 0)
    streak = np.cumprod(double[::-1], axis=0).sum(axis=0).astype(float)
    points = sum(_investor_points(name, ratio[name], days[name]) for name in flows)
    score = points + _agreement_points(both) + _persistence_points(streak)
    hidden = {name: np.where(known, values, np.nan) for name, values in (("score", score), ("both", both))}
    return SmartMoney(hidden["score"], ratio, days, hidden["both"], np.where(known, streak, np.nan))


def _investor_points(name: str, ratio: FloatArray, days: FloatArray) -> FloatArray:
    size = (np.clip(ratio / RATIO_FULL, -1.0, 1.0) + 1.0) / 2.0
    points: FloatArray = SIZE_POINTS[name] * size + DAY_POINTS[name] * days
    return points


def _agreement_points(both: FloatArray) -> FloatArray:
    return np.choose(both.astype(np.int64), [0.0, 7.0, 15.0])


def _persistence_points(streak: FloatArray) -> FloatArray:
    return np.minimum(POINTS_A_DAY * streak, MAXIMA["persistence"])


def components(measured: SmartMoney, column: int) -> list[Component]:
    """The parts of one Symbol's score."""
    if np.isnan(measured.score[column]):
        en, ko = f"fewer than {SUM_DAYS} days of investor flows", f"투자자 수급이 {SUM_DAYS}일 미만"
        return [missing(name, maximum, en, ko) for name, maximum in MAXIMA.items()]
    at = np.array([column])
    found = [_investor(name, measured, at) for name in _INVESTORS]
    both, streak = measured.both[at], measured.streak[at]
    agreement = Component(
        name="agreement",
        points=float(_agreement_points(both)[0]),
        maximum=MAXIMA["agreement"],
        value=float(both[0]),
        en=f"{both[0]:.0f} of 2 investors net buyers over {SUM_DAYS} days",
        ko=f"{SUM_DAYS}일간 순매수 주체 2 중 {both[0]:.0f}",
    )
    persistence = Component(
        name="persistence",
        points=float(_persistence_points(streak)[0]),
        maximum=MAXIMA["persistence"],
        value=float(streak[0]),
        en=f"both bought {streak[0]:.0f} days in a row",
        ko=f"외국인·기관 동반 순매수 {streak[0]:.0f}일 연속",
    )
    return [*found, agreement, persistence]


def _investor(name: str, measured: SmartMoney, at: NDArray[np.int64]) -> Component:
    ratio, days = measured.ratio[name][at], measured.days[name][at]
    en, ko = _INVESTORS[name]
    return Component(
        name=name,
        points=float(_investor_points(name, ratio, days)[0]),
        maximum=MAXIMA[name],
        value=float(ratio[0]),
        en=f"{en} net {100 * ratio[0]:+.1f}% of value over {SUM_DAYS} days, buying {100 * days[0]:.0f}% of days",
        ko=f"{ko} {SUM_DAYS}일 순매수 비율 {100 * ratio[0]:+.1f}%, 매수일 {100 * days[0]:.0f}%",
    )

"""Closing bet: what to hold over night, bought at the close; 12 points over candidates of the day."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ralph.scanners import vcp
from ralph.scanners.component import Component, missing, points
from ralph.scanners.day import MarketDay
from ralph.scanners.scanner import Chosen, Param, Scanner
from ralph.scanners.setup import Setup

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

EOK = 100_000_000.0  # won
PRICE_MIN, PRICE_MAX = 1_000.0, 500_000.0  # won
VALUE_MIN = 500 * EOK
CHANGE_MIN, CHANGE_MAX = 0.05, 0.299
VALUE_STEPS = ((5_000 * EOK, 3.0), (1_000 * EOK, 2.0), (300 * EOK, 1.0))
NEAR_HIGH = 0.95
TIE = 1e-9  # a change is a quotient: nearer than this to its limit it is on it
BODY_MIN = 0.01
BASE_DAYS, RISE_BARS, RISE_MIN = 14, 3, 0.03
YEAR_BARS = 252
MAXIMA = {"news": 3.0, "traded_value": 3.0, "chart": 2.0, "candle": 1.0, "base_period": 1.0, "flow": 2.0}


class News(NamedTuple):
    """What was written of a Symbol in seven days: positive items, and the mean sentiment, -1 to 1."""

    positive: int
    sentiment: float


@dataclass(frozen=True, eq=False)
class Day:
    """A market as of a Session: fields [bars, symbols], newest last, NaN where there is no bar; the rest [symbols].

    foreign, institution: net buying of the day in won, NaN unknown; has_base: whether a VCP base stands or broke out
    """

    open: FloatArray
    high: FloatArray
    low: FloatArray
    close: FloatArray
    value: FloatArray
    foreign: FloatArray
    institution: FloatArray
    has_base: BoolArray

    @property
    def change(self) -> FloatArray:
        """Of the close against the one before, a ratio."""
        if self.close.shape[0] < 2:
            return np.full(self.close.shape[1], np.nan)
        change: FloatArray = self.close[-1] / self.close[-2] - 1.0
        return change


def candidates(today: tuple[FloatArray, FloatArray, FloatArray], eligible: BoolArray, chosen: Chosen) -> BoolArray:
    """Symbols within the limits of price and traded value in won and of the change, a ratio, [symbols] each.

    `eligible`: common stocks in good standing.
    """
    price, value, change = today
    with np.errstate(invalid="ignore"):
        inside = (price >= chosen["price_min"]) & (price <= chosen["price_max"]) & (value >= chosen["value_min"])
        moved = (change >= chosen["change_min"] - TIE) & (change <= chosen["change_max"] + TIE)
        kept: BoolArray = eligible & inside & moved
    return kept


def components(day: Day, column: int, news: News | None = None) -> list[Component]:
    """The parts of one Symbol's score; news is missing where no source is configured (None)."""
    return [
        _news(news),
        _traded_value(float(day.value[-1, column])),
        _chart(day, column),
        _candle(day, column),
        _base_period(day, column),
        _flow(float(day.foreign[column]), float(day.institution[column])),
    ]


def _news(news: News | None) -> Component:
    if news is None:
        return missing("news", MAXIMA["news"], "no news source is configured", "뉴스 소스가 설정되지 않음")
    points = 1.0 if news.positive else 0.0
    if news.positive >= 3 or news.sentiment >= 0.6:
        points = 3.0
    elif news.positive == 2 or news.sentiment >= 0.3:
        points = 2.0
    return Component(
        name="news",
        points=points,
        maximum=MAXIMA["news"],
        value=float(news.positive),
        en=f"{news.positive} positive items in 7 days, sentiment {news.sentiment:+.2f}",
        ko=f"7일간 긍정 뉴스 {news.positive}건, 감성 {news.sentiment:+.2f}",
    )


def _traded_value(value: float) -> Component:
    points = next((points for least, points in VALUE_STEPS if value >= least), 0.0)
    return Component(
        name="traded_value",
        points=points,
        maximum=MAXIMA["traded_value"],
        value=value,
        en=f"{value / EOK:,.0f} hundred million won traded",
        ko=f"거래대금 {value / EOK:,.0f}억 원",
    )


def _chart(day: Day, column: int) -> Component:
    if day.high.shape[0] < YEAR_BARS or np.isnan(day.high[-YEAR_BARS:, column]).any():
        return missing("chart", MAXIMA["chart"], f"fewer than {YEAR_BARS} bars", f"봉이 {YEAR_BARS}개 미만")
    near = float(day.close[-1, column] / day.high[-YEAR_BARS:, column].max())
    has_base = bool(day.has_base[column])
    return Component(
        name="chart",
        points=float(has_base) + float(near >= NEAR_HIGH),
        maximum=MAXIMA["chart"],
        value=near,
        en=f"{'a' if has_base else 'no'} VCP base, {100 * near:.1f}% of the 52-week high",
        ko=f"VCP 베이스 {'있음' if has_base else '없음'}, 52주 고가의 {100 * near:.1f}%",
    )


def _candle(day: Day, column: int) -> Component:
    opened, high, close = (float(field[-1, column]) for field in (day.open, day.high, day.close))
    body, wick = close - opened, high - close
    strong = body > BODY_MIN * opened and close > day.close[-2, column] and wick <= body / 2
    return Component(
        name="candle",
        points=float(strong),
        maximum=MAXIMA["candle"],
        value=body / opened,
        en=f"body {100 * body / opened:+.1f}% of the open, upper wick {100 * wick / opened:.1f}%",
        ko=f"몸통 {100 * body / opened:+.1f}%, 윗꼬리 {100 * wick / opened:.1f}%",
    )


def _base_period(day: Day, column: int) -> Component:
    """A BASE_DAYS low, and within RISE_BARS bars after it, the last of them this one or before, a strong close."""
    rows = BASE_DAYS + RISE_BARS
    low, close = day.low[-rows:, column], day.close[-rows:, column]
    if low.size < rows or np.isnan(low).any():
        return missing("base_period", MAXIMA["base_period"], f"fewer than {rows} bars", f"봉이 {rows}개 미만")
    best = 0.0
    for at in range(BASE_DAYS - 1, rows - 1):
        if low[at] == low[at - BASE_DAYS + 1 : at + 1].min():
            later = np.arange(at + 1, min(at + RISE_BARS, rows - 1) + 1)
            best = max(best, float((close[later] / close[later - 1] - 1).max()))
    return Component(
        name="base_period",
        points=float(best >= RISE_MIN),
        maximum=MAXIMA["base_period"],
        value=best,
        en=f"best close {100 * best:+.1f}% within {RISE_BARS} bars of a {BASE_DAYS}-day low",
        ko=f"{BASE_DAYS}일 저점 후 {RISE_BARS}봉 내 최대 {100 * best:+.1f}%",
    )


def _flow(foreign: float, institution: float) -> Component:
    if np.isnan(foreign) or np.isnan(institution):
        return missing("flow", MAXIMA["flow"], "no investor flows of the day", "당일 수급 자료 없음")
    return Component(
        name="flow",
        points=float(foreign > 0) + float(institution > 0),
        maximum=MAXIMA["flow"],
        value=foreign + institution,
        en=f"foreigners {foreign / EOK:+,.0f}, institutions {institution / EOK:+,.0f} hundred million won",
        ko=f"외국인 {foreign / EOK:+,.0f}억, 기관 {institution / EOK:+,.0f}억",
    )


def of_market(day: MarketDay) -> Day:
    """What the components need of a market's day."""
    has_base = vcp.stands(day)
    flows = {name: day.tail(f"{name}_value", 1)[0] for name in ("foreign", "institution")}
    fields = {name: day.tail(name, YEAR_BARS) for name in ("open", "high", "low", "close", "value")}
    return Day(**fields, **flows, has_base=has_base)


def find(day: MarketDay, chosen: Chosen) -> list[Setup]:
    """The day's candidates with their points, as a share of those that can be reached."""
    on_konex = day.view.panel.roster.on_market("KONEX", day.view.on)[day.columns]
    price, value = day.tail("close", 1)[0], day.tail("value", 1)[0]
    kept = candidates((price, value, day.change), day.is_common & ~on_konex, chosen)
    universe = np.zeros(day.view.traded.size, dtype=np.bool_)
    universe[day.columns[kept]] = True
    few = MarketDay(day.view, universe, day.around)
    measured = of_market(few)
    found = [_setup(few, measured, lane) for lane in np.flatnonzero(few.is_normal).tolist()]
    return sorted(found, key=lambda setup: (-setup.score, setup.symbol))


def _setup(day: MarketDay, measured: Day, lane: int) -> Setup:
    parts = components(measured, lane)
    reached, reachable = points(parts)
    listing, close = day.listings[lane], float(measured.close[-1, lane])
    return Setup(
        symbol=listing.symbol,
        name=listing.name,
        state="triggered",
        score=100.0 * reached / reachable,
        pivot=close,
        components=tuple(parts),
        values={
            "points": reached,
            "reachable": reachable,
            "change": float(measured.change[lane]),
            "value": float(measured.value[-1, lane]),
        },
    )


CLOSING_BET = Scanner(
    name="closing_bet",
    en="Strong closes on large traded value, to hold over night: 12 points",
    ko="종가 베팅: 거래대금을 동반한 강한 마감, 12점 만점",
    version=2,
    params=(
        Param("price_min", PRICE_MIN, 0.0, 1e9),
        Param("price_max", PRICE_MAX, 0.0, 1e9),
        Param("value_min", VALUE_MIN, 0.0, 1e15),
        Param("change_min", CHANGE_MIN, -1.0, 1.0),
        Param("change_max", CHANGE_MAX, -1.0, 1.0),
    ),
    find=find,
)

"""Volatility contraction bases: an advance, then falls that shrink in price and in volume below a pivot."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ralph import kernels
from ralph.kernels import base_rows as rows
from ralph.market.view import View
from ralph.scanners.component import Component, missing
from ralph.scanners.day import MarketDay
from ralph.scanners.scanner import Chosen, Param, Scanner
from ralph.scanners.setup import Contraction, Setup

FloatArray = NDArray[np.float64]

STATES = ("none", "forming", "near", "breakout", "extended", "failed")
"""By number: below 95 % of the pivot, near it, through it on volume today, above 105 % of it, below the last low."""

SESSIONS_A_WEEK = 5
CHANCE = 0.0066  # of random walks of 420 bars that hold a base on their last bar, without RS ratings

RULES = (  # what a base must keep, in the order of the kernel's rules; shares are of 1, lengths in bars
    Param("length_min", 15, 2, 1_000, whole=True),
    Param("length_max", 325, 2, 1_000, whole=True),
    Param("first_depth_min", 0.08, 0, 1),
    Param("first_depth_max", 0.35, 0, 1),
    Param("shrink_max", 0.85, 0, 1),  # of the depth before
    Param("last_depth_max", 0.10, 0, 1),
    Param("low_holds", 0.98, 0, 2),  # of the low before
    Param("high_floor", 0.88, 0, 1),  # of the first high
    Param("high_ceiling", 1.03, 1, 2),
    Param("advance_min", 0.30, 0, 10),
    Param("advance_bars", 250, 1, 1_000, whole=True),
    Param("damage_bars", 65, 1, 1_000, whole=True),
    Param("damage_high", 0.90, 0, 1),
    Param("dry_up_max", 0.75, 0, 10),
    Param("breakout_volume", 1.40, 0, 100),
    Param("near", 0.95, 0, 1),
    Param("extended", 1.05, 1, 10),
    Param("rank_min", 70, 0, 99),
)
RANK_RULE = [rule.name for rule in RULES].index("rank_min")
MEAN_BARS, ROOM = 50, 1e-6  # no base stands below this mean: the Trend Template's, which the kernel asks for exactly
DEFAULT_RULES: FloatArray = np.array([rule.default for rule in RULES], dtype=np.float64)

_PARTS = (
    ("tight", rows.TIGHT_PART, "contractions shrink to {:.0f}% of full marks", "수축 강도 {:.0f}%"),
    ("count", rows.COUNT_PART, "number of contractions, {:.0f}% of full marks", "수축 횟수 {:.0f}%"),
    ("dry", rows.DRY_PART, "volume dried up, {:.0f}% of full marks", "거래량 감소 {:.0f}%"),
    ("near", rows.NEAR_PART, "nearness to the pivot, {:.0f}% of full marks", "피벗 근접도 {:.0f}%"),
    ("rank", rows.RANK_PART, "RS rating, {:.0f}% of full marks", "RS 순위 {:.0f}%"),
    ("quality", rows.QUALITY_PART, "quiet last days, {:.0f}% of full marks", "최근 봉의 안정도 {:.0f}%"),
)


def find(day: MarketDay, chosen: Chosen) -> list[Setup]:
    """The bases that stand; Symbols with fewer than 252 bars have none."""
    looked_at, terms, legs = _scan(day, np.array([chosen[rule.name] for rule in RULES], dtype=np.float64))
    columns = day.columns[looked_at]
    held = np.flatnonzero(terms[rows.LEG_COUNT] > 0)
    found = [_setup(day.view, int(columns[lane]), terms[:, lane], legs[:, :, lane]) for lane in held]
    return sorted(found, key=lambda setup: (-setup.score, setup.symbol))


def stands(day: MarketDay) -> NDArray[np.bool_]:
    """Whether each Symbol holds a base by the usual rules, or left one upwards."""
    looked_at, terms, _ = _scan(day, DEFAULT_RULES)
    standing = np.zeros(day.size, dtype=np.bool_)
    standing[looked_at] = (terms[rows.LEG_COUNT] > 0) & (terms[rows.STATE] != rows.FAILED)
    return standing


def _scan(day: MarketDay, rules: FloatArray) -> tuple[NDArray[np.int64], FloatArray, FloatArray]:
    """The lanes that may hold a base, and what the kernel says of them: columns of the others are not gathered."""
    close = day.tail("close", MEAN_BARS)
    is_high = ~(close[-1] < (1.0 - ROOM) * close.mean(axis=0))
    lanes = np.flatnonzero(is_high & ~(day.ranks < rules[RANK_RULE]))
    columns = day.columns[lanes]
    fields = [day.view.chosen(name, columns, day.view.height) for name in ("high", "low", "close", "volume")]
    first = day.view.first[columns].astype(np.int32)
    found = kernels.bases.scan(fields[0], fields[1], fields[2], fields[3], first, day.ranks[lanes], rules)
    return lanes, *found


def _number(value: float) -> float | None:
    return None if np.isnan(value) else float(value)


def _setup(view: View, column: int, terms: FloatArray, legs: FloatArray) -> Setup:
    count = int(terms[rows.LEG_COUNT])
    weeks = max(1, round(terms[rows.LENGTH] / SESSIONS_A_WEEK))
    first, last = legs[rows.DEPTH, 0], legs[rows.DEPTH, count - 1]
    listing = view.panel.listings[column]
    return Setup(
        symbol=listing.symbol,
        name=listing.name,
        state=STATES[int(terms[rows.STATE])],
        score=float(terms[rows.SCORE]),
        pivot=float(terms[rows.PIVOT]),
        stop=float(terms[rows.STOP_LOW]),
        footprint=f"{weeks}W {100 * first:.0f}/{100 * last:.0f} {count}T",
        contractions=tuple(_contraction(view, column, legs[:, leg]) for leg in range(count)),
        components=tuple(_components(terms)),
        values={
            "base_high": float(terms[rows.BASE_HIGH]),
            "length": float(terms[rows.LENGTH]),
            "advance": float(terms[rows.ADVANCE]),
            "damage": float(terms[rows.DAMAGE]),
            "dry_up": float(terms[rows.DRY_UP]),
            "dry_up_3": _number(terms[rows.DRY_UP_3]),
        },
    )


def _components(terms: FloatArray) -> list[Component]:
    found = []
    for (name, row, en, ko), maximum in zip(_PARTS, rows.POINTS, strict=True):
        share = float(terms[row])
        if np.isnan(share):
            found.append(missing(name, float(maximum), "no RS rating", "RS 순위 없음"))
            continue
        sentence = en.format(100 * share), ko.format(100 * share)
        found.append(
            Component(
                name=name,
                points=float(maximum) * share,
                maximum=float(maximum),
                value=share,
                en=sentence[0],
                ko=sentence[1],
            )
        )
    return found


def _contraction(view: View, column: int, leg: FloatArray) -> Contraction:
    up = _number(leg[rows.BARS_UP])
    return Contraction(
        high_on=view.day_of(column, int(leg[rows.HIGH_AT])),
        high=float(leg[rows.HIGH]),
        low_on=view.day_of(column, int(leg[rows.LOW_AT])),
        low=float(leg[rows.LOW]),
        depth=float(leg[rows.DEPTH]),
        bars_down=int(leg[rows.BARS_DOWN]),
        bars_up=None if up is None else int(up),
        volume_mean=float(leg[rows.VOLUME_MEAN]),
        volume_share=_number(leg[rows.VOLUME_SHARE]),
        volume_slope=_number(leg[rows.VOLUME_SLOPE]),
        confirmed=bool(leg[rows.CONFIRMED]),
    )


VCP = Scanner(
    name="vcp",
    en="Volatility contraction: falls that shrink below a pivot after an advance, while volume dries up",
    ko="변동성 수축: 상승 뒤 피벗 아래에서 낙폭과 거래량이 줄어드는 베이스",
    version=1,
    params=RULES,
    chance=CHANCE,
    find=find,
)

"""The market gate: whether the market as a whole invites buying, 0 to 100, from two indices and the sectors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import msgspec
import numpy as np

from ralph.market.view import View
from ralph.scanners.around import Around
from ralph.scanners.component import Component, missing

START = 50.0
STRONG_RATIO = 0.01
STRONG, WEAK = 20.0, 10.0
SECTOR_POINTS = 5.0
SECTORS_MAX = 20.0
GREEN_FROM, YELLOW_FROM = 70.0, 40.0
INDICES = ("KOSPI", "KOSDAQ")

GateState = Literal["green", "yellow", "red", "unknown"]


class Gate(msgspec.Struct, frozen=True, kw_only=True):
    """score None and state "unknown" where an index has no fresh value: never a neutral number."""

    state: GateState
    score: float | None
    components: tuple[Component, ...]


def index_points(change: float) -> float:
    """Of an index by its change since the Session before, a ratio; nothing for exactly 0."""
    if change == 0:
        return 0.0
    size = STRONG if abs(change) > STRONG_RATIO else WEAK
    return size if change > 0 else -size


def as_of(around: Around) -> Gate:
    """The gate of a market's Session, from its indices and from the sectors' own bars."""
    return judge({name: index_change(around.view, name) for name in INDICES}, around.sector_changes())


def index_change(view: View, name: str) -> float | None:
    """Of an index since the Session before, a ratio; None where it has no close on either of the two."""
    if view.index == 0 or name not in view.panel.beside.indices:
        return None
    days, closes = view.panel.beside.indices[name]
    two = []
    for session in view.panel.sessions[view.index - 1 : view.index + 1]:
        at = np.flatnonzero(days == session)
        two.append(float(closes[at[0]]) if at.size else np.nan)
    change = two[1] / two[0] - 1.0 if two[0] > 0 and two[1] > 0 else np.nan
    return None if np.isnan(change) else change


def judge(changes: Mapping[str, float | None], sectors: Mapping[str, float]) -> Gate:
    """The gate of a Session: `changes` of INDICES as ratios, None where there is no fresh value; and of sectors."""
    parts = [_index(name, changes.get(name)) for name in INDICES]
    rising = sum(change > STRONG_RATIO for change in sectors.values())
    falling = sum(change < -STRONG_RATIO for change in sectors.values())
    points = max(-SECTORS_MAX, min(SECTORS_MAX, SECTOR_POINTS * (rising - falling)))
    parts.append(
        Component(
            name="sectors",
            points=points,
            maximum=SECTORS_MAX,
            value=float(rising - falling),
            en=f"{rising} sectors above +1%, {falling} below -1%, of {len(sectors)}",
            ko=f"업종 {len(sectors)}개 중 +1% 초과 {rising}, -1% 미만 {falling}",
        )
        if sectors
        else missing("sectors", SECTORS_MAX, "no sectors are known", "업종 정보 없음")
    )
    if any(part.points is None for part in parts[: len(INDICES)]):
        return Gate(state="unknown", score=None, components=tuple(parts))
    score = START + sum(part.points or 0.0 for part in parts)
    state: GateState = "green" if score >= GREEN_FROM else "yellow" if score >= YELLOW_FROM else "red"
    return Gate(state=state, score=max(0.0, min(100.0, score)), components=tuple(parts))


def _index(name: str, change: float | None) -> Component:
    if change is None:
        return missing(name, STRONG, f"no value of {name} for this Session", f"{name} 당일 값 없음")
    return Component(
        name=name,
        points=index_points(change),
        maximum=STRONG,
        value=change,
        en=f"{name} {100 * change:+.2f}%",
        ko=f"{name} {100 * change:+.2f}%",
    )

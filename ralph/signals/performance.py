"""What a set of closed Signals has earned after costs, in all and by a part of it, and whether grades tell anything."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from functools import partial
from itertools import pairwise
from typing import Literal

import msgspec
import numpy as np
from msgspec.structs import replace

from ralph.config import CostRules
from ralph.market.panel import Panel
from ralph.signals.chance import Chance, draw, field_of, judge
from ralph.signals.history import session_index
from ralph.signals.signal import GRADES, Signal

Split = Literal["grade", "year", "sector", "gate"]


class Performance(msgspec.Struct, frozen=True, kw_only=True):
    """Of the closed Signals of a group; None where nothing can be said.

    count          closed and counted; open: armed or held; expired: never filled; flagged: left out for an anomaly
    win_ratio      of those with a gain after costs; exactly nothing is no win
    mean_ratio, median_ratio  returns after costs, each Signal with the same money
    expectancy_r   mean result in units of the risk taken
    profit_factor  sum of gains over sum of losses; None without a loss
    max_drawdown   of the sum of results in R, in order of their closing, from its highest point or the beginning; R
    exposure       Symbols held on a Session, the mean from the first fill to the last closing
    mae, mfe       means of the worst and the best price seen, ratios to the fill
    chance         random entries under the same rules, where they were drawn
    """

    count: int
    open: int
    expired: int
    flagged: int
    win_ratio: float | None = None
    mean_ratio: float | None = None
    median_ratio: float | None = None
    expectancy_r: float | None = None
    profit_factor: float | None = None
    max_drawdown_r: float | None = None
    exposure: float | None = None
    profit: int = 0
    mae: float | None = None
    mfe: float | None = None
    chance: Chance | None = None


class Calibration(msgspec.Struct, frozen=True, kw_only=True):
    """Whether a better grade did better: mean results in R by grade, and whether they fall from S to C."""

    mean_r: dict[str, float]
    is_ordered: bool | None


class EquityPoint(msgspec.Struct, frozen=True, gc=False):
    """Where the running sums stand after a Session's closings: each Signal with the same money, in order of closing.

    closed        how many are counted so far
    net_ratio     the sum of their returns after costs
    r             the sum of their results in units of the risk taken
    chance_ratio  the sum that as many random entries have on average; None where none were drawn
    """

    on: date
    closed: int
    net_ratio: float
    r: float
    chance_ratio: float | None


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """Performance by system, and by part of it (`vcp/S`) and as equity of the system where that was asked for."""

    workspace: str
    simulated: bool
    data_version: str
    groups: dict[str, Performance]
    calibration: dict[str, Calibration]
    equity: dict[str, list[EquityPoint]] = {}


def measure(signals: Sequence[Signal], place: Callable[[date], int]) -> Performance:
    """The figures of a group; `place`: the number of a Session."""
    ended = sorted(counted(signals), key=lambda each: (str(each.closed_on), each.id))
    about = Performance(
        count=len(ended),
        open=sum(each.is_open for each in signals),
        expired=sum(each.state == "expired" for each in signals),
        flagged=sum(each.is_flagged for each in signals),
    )
    if not ended:
        return about
    outcomes = [each.outcome for each in ended if each.outcome is not None]
    net = np.array([each.net_ratio for each in outcomes])
    r = np.array([each.r for each in outcomes])
    losses = float(-net[net < 0].sum())
    return replace(
        about,
        win_ratio=float((net > 0).mean()),
        mean_ratio=float(net.mean()),
        median_ratio=float(np.median(net)),
        expectancy_r=float(r.mean()),
        profit_factor=float(net[net > 0].sum()) / losses if losses > 0 else None,
        max_drawdown_r=drawdown(r),
        exposure=_exposure(ended, place),
        profit=sum(each.profit for each in outcomes),
        mae=float(np.mean([each.mae for each in outcomes])),
        mfe=float(np.mean([each.mfe for each in outcomes])),
    )


def counted(signals: Sequence[Signal]) -> list[Signal]:
    """Those that count: closed, and on no bar that is an anomaly."""
    return [each for each in signals if each.outcome is not None and not each.is_flagged]


def drawdown(results: np.ndarray[tuple[int], np.dtype[np.float64]]) -> float:
    """The deepest fall of a running sum below its highest point, nothing being the first: 0 or negative."""
    total = np.concatenate([[0.0], np.cumsum(results)])
    return float((total - np.maximum.accumulate(total)).min())


def _exposure(ended: Sequence[Signal], place: Callable[[date], int]) -> float:
    spans = [
        (place(each.triggered_on), place(each.closed_on))
        for each in ended
        if each.triggered_on is not None and each.closed_on is not None
    ]
    sessions = max(last for _, last in spans) - min(first for first, _ in spans) + 1
    return sum(last - first + 1 for first, last in spans) / sessions


def group_of(split: Split) -> Callable[[Signal], str]:
    """The name of a Signal's part of its system."""
    parts: dict[Split, Callable[[Signal], str]] = {
        "grade": lambda each: each.grade,
        "year": lambda each: str(each.armed_on.year),
        "sector": lambda each: each.sector or "-",
        "gate": lambda each: each.gate,
    }
    return parts[split]


def calibrate(signals: Sequence[Signal]) -> Calibration:
    """Means by grade, of grades that have any; whether they are in order is None for fewer than two grades."""
    means: dict[str, float] = {}
    for name in GRADES:
        own = [
            each.outcome.r
            for each in signals
            if each.grade == name and each.outcome is not None and not each.is_flagged
        ]
        if own:
            means[name] = float(np.mean(own))
    values = list(means.values())
    ordered = None if len(values) < 2 else all(one >= two for one, two in pairwise(values))
    return Calibration(mean_r=means, is_ordered=ordered)


def equity(signals: Sequence[Signal], chance: Chance | None) -> list[EquityPoint]:
    """The running sums of a group, a point for each Session on which any was closed."""
    points: list[EquityPoint] = []
    closed, net, r = 0, 0.0, 0.0
    for each in sorted(counted(signals), key=lambda each: (str(each.closed_on), each.id)):
        if each.outcome is None or each.closed_on is None:
            continue
        closed, net, r = closed + 1, net + each.outcome.net_ratio, r + each.outcome.r
        point = EquityPoint(each.closed_on, closed, net, r, None if chance is None else closed * chance.mean_ratio)
        if points and points[-1].on == each.closed_on:
            points.pop()
        points.append(point)
    return points


def report(
    panel: Panel,
    signals: Sequence[Signal],
    split: Split | None,
    draws: int,
    costs: CostRules,
    *,
    with_equity: bool = False,
) -> Report:
    """By system, and by the parts of each where `split` says so. Takes seconds: not for the event loop."""
    place = partial(session_index, panel)
    field = field_of(panel, counted(signals)) if draws and counted(signals) else None
    groups: dict[str, list[Signal]] = {}
    for each in signals:
        groups.setdefault(each.system, []).append(each)
        if split is not None:
            groups.setdefault(f"{each.system}/{group_of(split)(each)}", []).append(each)
    found = {}
    for name in sorted(groups):
        plain = measure(groups[name], place)
        if field is not None and plain.mean_ratio is not None:
            means = draw(panel, field, counted(groups[name]), costs, draws)
            plain = replace(plain, chance=judge(means, plain.mean_ratio))
        found[name] = plain
    systems = [name for name in groups if "/" not in name]
    return Report(
        workspace=panel.workspace,
        simulated=panel.simulated,
        data_version=panel.data_version,
        groups=found,
        calibration={name: calibrate(groups[name]) for name in systems},
        equity={name: equity(groups[name], found[name].chance) for name in systems if with_equity},
    )

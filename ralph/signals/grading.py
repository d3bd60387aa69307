"""One function from what was measured to a grade, for every system."""

from __future__ import annotations

import math
from collections.abc import Sequence

import msgspec

from ralph.signals.signal import Grade


class Cut(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What a grade asks for; changes are ratios, traded value in won.

    score_from  points of `of`, or of 0-100 where that is None; with `of`, scaled to what can be reached, rounded up
    """

    grade: Grade
    score_from: float
    of: float | None = None
    value_from: float = 0.0
    change_from: float = -math.inf
    change_to: float = math.inf


class Measured(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The score of a Setup, the points it could reach, its traded value and its change of the day."""

    score: float
    reachable: float | None = None
    value: float = math.inf
    change: float = 0.0


def grade(cuts: Sequence[Cut], measured: Measured) -> Grade:
    """The first of the cuts that is met, C where none is."""
    for cut in cuts:
        in_range = cut.change_from <= measured.change <= cut.change_to and measured.value >= cut.value_from
        if in_range and measured.score >= score_from(cut, measured.reachable):
            return cut.grade
    return "C"


def score_from(cut: Cut, reachable: float | None) -> float:
    """The least score: of 12 points of which 9 can be reached, 8 become 6."""
    if cut.of is None or reachable is None:
        return cut.score_from
    return math.ceil(cut.score_from * reachable / cut.of)

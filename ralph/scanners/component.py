"""The named parts of a score: what each was given, of how much, for which measured value, and why, in two languages."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import msgspec


class Component(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One part of a score.

    points  of `maximum`; None where its input is missing: it is then left out of what can be reached, never 0
    value   what was measured; None with the points
    en, ko  a sentence: what was measured against what, or why it is missing
    """

    name: str
    points: float | None
    maximum: float
    value: float | None
    en: str
    ko: str


class Points(NamedTuple):
    """What was reached, and what could be: the maximum of the components that are there."""

    reached: float
    reachable: float

    @property
    def share(self) -> float | None:
        """0 to 1; None where nothing can be reached."""
        return self.reached / self.reachable if self.reachable else None


def points(components: Sequence[Component]) -> Points:
    """The sum of the components that are there."""
    there = [component for component in components if component.points is not None]
    return Points(sum(one.points or 0.0 for one in there), sum(one.maximum for one in there))


def missing(name: str, maximum: float, en: str, ko: str) -> Component:
    """A component without its input."""
    return Component(name=name, points=None, maximum=maximum, value=None, en=en, ko=ko)

"""The mood of the whole market: bull, sideways, bear and crash, one after another."""

from __future__ import annotations

from dataclasses import dataclass

from ralph.simulator.draws import Draws, pick


@dataclass(frozen=True)
class Mood:
    """What a regime does to the market: `drift` a day and `noise` (times the calm deviation), for a number of
    Sessions; what follows, with odds that add to 1."""

    kind: str
    drift: float
    noise: float
    shortest: int
    longest: int
    followed_by: tuple[tuple[str, float], ...]


_MOODS = {
    mood.kind: mood
    for mood in (
        Mood("bull", 0.0009, 0.9, 90, 220, (("sideways", 0.45), ("bear", 0.25), ("crash", 0.3))),
        Mood("sideways", 0.0, 0.85, 50, 130, (("bull", 0.55), ("bear", 0.3), ("crash", 0.15))),
        Mood("bear", -0.0011, 1.25, 45, 110, (("sideways", 0.35), ("bull", 0.45), ("crash", 0.2))),
        Mood("crash", -0.013, 1.7, 6, 14, (("bull", 0.6), ("sideways", 0.3), ("bear", 0.1))),
    )
}
_FIRST = (("bull", 0.5), ("sideways", 0.3), ("bear", 0.2))


class Regimes:
    """The regime between two Sessions; `begun` lists each regime's kind and its first Session."""

    def __init__(self, seed: int) -> None:
        self._draws = Draws(seed, "regimes", 2)
        self._session = 0
        self._left = 0
        self.begun: list[tuple[str, int]] = []

    def step(self) -> Mood:
        """The regime of the next Session."""
        choice, length = self._draws.uniform().tolist()
        if self._left == 0:
            odds = _MOODS[self.begun[-1][0]].followed_by if self.begun else _FIRST
            mood = _MOODS[pick(odds, choice)]
            self._left = mood.shortest + int(length * (mood.longest - mood.shortest + 1))
            self.begun.append((mood.kind, self._session))
        self._left -= 1
        self._session += 1
        return _MOODS[self.begun[-1][0]]

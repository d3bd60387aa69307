"""How many shares: a share of the capital at risk between entry and stop, by grade, and a share of it in all."""

from __future__ import annotations

import math

from ralph.config import SignalRules
from ralph.signals.signal import Grade, Levels


def units(rules: SignalRules, grade: Grade) -> float:
    """How many units of risk a position of a grade takes."""
    return {"S": rules.s_units, "A": rules.a_units, "B": rules.b_units, "C": 0.0}[grade]


def shares(rules: SignalRules, grade: Grade, levels: Levels, capital: float) -> int:
    """Shares of a position, none for a grade without a risk or where the stop is not below the entry."""
    taken = units(rules, grade)
    if taken <= 0 or levels.risk <= 0:
        return 0
    by_risk = capital * rules.risk_ratio * taken / levels.risk
    by_size = capital * rules.position_ratio / levels.entry
    return math.floor(min(by_risk, by_size))

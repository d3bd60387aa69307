"""Chaikin's money flow, of which three indicators are made."""

from __future__ import annotations

from ralph.indicators.terms import CLOSE, HIGH, LOW, VOLUME, Term, choose


def money_flow() -> Term:
    """Volume times where the close stands in the bar's range, -1 to 1; 0 for a bar without a range."""
    return choose(HIGH > LOW, ((CLOSE - LOW) - (HIGH - CLOSE)) / (HIGH - LOW), 0.0) * VOLUME

"""Signals as they would be sized for another capital than the one they were made with."""

from __future__ import annotations

import math

from msgspec.structs import replace

from ralph.config import SignalsConfig
from ralph.errors import BadParameter
from ralph.signals.costs import outcome
from ralph.signals.signal import Signal
from ralph.signals.sizes import shares
from ralph.signals.systems import rules_of


def check_capital(capital: float) -> None:
    """BadParameter where nothing can be sized for it."""
    if not (math.isfinite(capital) and capital > 0):
        raise BadParameter(f"{capital:g} is no capital", field="capital", accepted="won, a number above 0")


def resized(signal: Signal, capital: float | None, config: SignalsConfig) -> Signal:
    """With the shares, and the profit of them, that a capital in won takes at the levels shown. As stored for None and
    for the capital it was made with; one that was given no shares has none."""
    if capital is None or capital == config.capital or signal.shares == 0:
        return signal
    sized = replace(signal, shares=shares(rules_of(config, signal.system), signal.grade, signal.levels, capital))
    if signal.outcome is None or signal.exit is None or signal.closed_on is None:
        return sized
    profit = outcome(sized, signal.exit, signal.closed_on, config.costs).profit
    return replace(sized, outcome=replace(signal.outcome, profit=profit))

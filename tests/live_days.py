"""Small Sessions for the tests of the live market: days of the simulated exchange, and how their bars are folded."""

from __future__ import annotations

from datetime import date
from functools import lru_cache

import numpy as np

from ralph.market.tick import Batch, Ticks
from ralph.simulator.live import LiveDay
from ralph.simulator.live_market import LiveMarket
from ralph.tape.frame import SessionFrame
from ralph.tape.minutes import LATENESS_NS, MINUTE_NS

ON = date(2026, 11, 23)
FOLDED = ("open", "high", "low", "close", "volume", "value")


@lru_cache
def market_after(sessions: int, companies: int = 24, seed: int = 7) -> tuple[LiveMarket, LiveDay]:
    """A market that has played so many Sessions and one more, and that one."""
    market = LiveMarket(seed, sessions, companies)
    return market, market.step(ON)


def frame_of(day: LiveDay) -> SessionFrame:
    """What is known before it begins; limits are left out."""
    nothing = np.full(len(day.universe), np.nan)
    return SessionFrame(
        on=day.on,
        universe=day.universe,
        names=(None,) * len(day.universe),
        before=day.before,
        lowest=nothing,
        highest=nothing,
        opens_at=day.hours.opens_at,
        closes_at=day.hours.closes_at,
    )


def batches_of(day: LiveDay) -> list[Batch]:
    """The whole day, a minute a batch as if each came as it ended, and at last the time in which bars are closed."""
    player = day.player()
    found: list[Batch] = []
    while not player.is_over:
        batch = player.minute()
        found.append(batch._replace(now=max(int(batch.ticks.at.max(initial=0)), day.begins_at(len(found)))))
    return [*found, Batch(now=day.hours.closes_at + MINUTE_NS + LATENESS_NS)]


def slow_bars(ticks: Ticks, opens_at: int) -> dict[tuple[int, int], tuple[float, ...]]:
    """Minute bars by (minute, Symbol), a print at a time, of prints in any order without duplicates."""
    found: dict[tuple[int, int], list[tuple[int, int, float, int]]] = {}
    columns = (ticks.symbol, ticks.at, ticks.number, ticks.price, ticks.size)
    for symbol, at, number, price, size in zip(*(column.tolist() for column in columns), strict=True):
        minute = opens_at + (at - opens_at) // MINUTE_NS * MINUTE_NS
        found.setdefault((minute, symbol), []).append((at, number, price, size))
    bars: dict[tuple[int, int], tuple[float, ...]] = {}
    for key, prints in found.items():
        prints.sort()
        prices = [price for _, _, price, _ in prints]
        volume = sum(size for *_, size in prints)
        value = sum(price * size for _, _, price, size in prints)
        bars[key] = (prices[0], max(prices), min(prices), prices[-1], volume, value)
    return bars


def same_columns(one: Ticks, other: Ticks) -> bool:
    """Whether two batches are the same, byte by byte."""
    names = ("symbol", "price", "size", "at", "number")
    return all(getattr(one, name).tobytes() == getattr(other, name).tobytes() for name in names)

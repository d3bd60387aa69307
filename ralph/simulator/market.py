"""The history of the simulated market: daily bars and listings, a function of a seed and nothing else."""

from __future__ import annotations

from datetime import date

import numpy as np
from numpy.typing import NDArray

from ralph.market.columns import BarColumns
from ralph.market.flags import Flag
from ralph.market.sessions import sessions_ending
from ralph.market.symbol import Listing
from ralph.simulator.companies import Companies, invent
from ralph.simulator.exchange import Exchange

SEED = 20_231_113
"""The seed of the demo workspace."""

THREE_YEARS = 740  # Sessions
_NUMBERS = ("open", "high", "low", "close", "volume", "value")


def simulate(seed: int, last_session: date, sessions: int = THREE_YEARS, companies: int = 1_000) -> BarColumns:
    """Bars of the Sessions of the Korea Exchange up to `last_session`, with the listings of who was listed by then.

    The same seed gives the same bytes on every machine. Halted bars have O = H = L = 0 and volume 0, as the exchange
    writes them, and the flag NO_TRADE. One more Session, counted from the same first one, changes no bar before it.
    """
    days = sessions_ending(last_session, sessions)
    invented = invent(seed, companies)
    exchange = Exchange(seed, invented)
    history = [exchange.step() for _ in days]
    listed = np.array([bars.listed for bars in history]).T
    ever = np.flatnonzero(listed.any(axis=1))
    listed = listed[ever]
    column, session = np.nonzero(listed)
    numbers = {}
    for name in _NUMBERS:
        numbers[name] = np.array([getattr(bars, name) for bars in history]).T[ever][listed].astype(np.float64)
    traded = numbers["volume"] > 0
    return BarColumns(
        listings=tuple(
            _listing(invented, int(company), days, line) for company, line in zip(ever, listed, strict=True)
        ),
        symbol=column.astype(np.int32),
        day=np.array(days, dtype="datetime64[D]")[session],
        **numbers,
        flags=np.where(traded, 0, int(Flag.NO_TRADE)).astype(np.uint8),
    )


def _listing(companies: Companies, company: int, days: list[date], listed: NDArray[np.bool_]) -> Listing:
    """Listed before the first Session: no date is given; delisted: the last Session it stood on the list."""
    first, last = int(listed.argmax()), listed.size - 1 - int(listed[::-1].argmax())
    return Listing(
        symbol=companies.symbols[company],
        name=companies.names[company],
        name_en=companies.names_en[company],
        market=companies.markets[company],
        kind="common",
        sector=companies.sectors[company],
        listed_on=days[first] if first else None,
        delisted_on=days[last] if last < listed.size - 1 else None,
    )

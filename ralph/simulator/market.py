"""The history of the simulated market: bars, flows, indices and the truth, a function of a seed and nothing else."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from ralph.market.columns import BarColumns
from ralph.market.flags import Flag
from ralph.market.sessions import sessions_ending
from ralph.market.symbol import Listing
from ralph.simulator.companies import ETF, Companies, invent
from ralph.simulator.draws import FloatArray
from ralph.simulator.exchange import Exchange, Session
from ralph.simulator.flows import CLASSES, INSTITUTIONS, MARKETS
from ralph.simulator.funds import FUNDS
from ralph.simulator.names import SECTORS
from ralph.simulator.record import Record, at_limits
from ralph.simulator.tables import FlowColumns, IndexColumns, MarketFlowColumns, SimulatedMarket

SEED = 10
"""The seed of the demo workspace: its three years hold every regime, and end in a bull market."""

THREE_YEARS = 740  # Sessions
COMPANIES = 1_000

_NUMBERS = ("open", "high", "low", "close", "volume", "value")
_FLOWS = {
    "foreign_net": "foreign",
    "institution_net": "institution",
    "foreign_net_value": "foreign_value",
    "institution_net_value": "institution_value",
    "foreign_hold": "foreign_hold",
}
_POINTS = ("open", "high", "low", "close")

Number = TypeVar("Number", bound=np.generic)


def simulate(seed: int, last_session: date, sessions: int = THREE_YEARS, companies: int = COMPANIES) -> BarColumns:
    """Only the adjusted bars of `simulate_market`."""
    return simulate_market(seed, last_session, sessions, companies).bars


def simulate_market(
    seed: int, last_session: date, sessions: int = THREE_YEARS, companies: int = COMPANIES
) -> SimulatedMarket:
    """The market over the Sessions of the Korea Exchange up to `last_session`, with the listings of who was listed.

    The same seed gives the same bytes on every machine. Halted bars have O = H = L = 0 and volume 0, as the exchange
    writes them, and the flag NO_TRADE. One more Session, counted from the same first one, changes nothing before it,
    but that adjusted prices follow the splits known by then.
    """
    days = sessions_ending(last_session, sessions)
    invented = invent(seed, companies)
    exchange = Exchange(seed, invented)
    return _History(days, invented, [exchange.step() for _ in days]).market(exchange)


class _History:
    """Sessions put together: grids [sessions, Symbols] (companies, then funds), and rows by (symbol, day) of them."""

    def __init__(self, days: list[date], companies: Companies, history: list[Session]) -> None:
        self._days = days
        self._day = np.array(days, dtype="datetime64[D]")
        self._companies = companies
        self._history = history
        listed = self._grid("listed")
        self._ever = np.flatnonzero(listed.any(axis=0))
        self._listed = listed.T[self._ever]

    def market(self, exchange: Exchange) -> SimulatedMarket:
        """All of it; the exchange has what it recorded on the way."""
        column, session = np.nonzero(self._listed)
        numbers = {name: self._rows(self._with_funds(name)).astype(np.float64) for name in _NUMBERS}
        raw = BarColumns(
            listings=self._listings(),
            symbol=column.astype(np.int32),
            day=self._day[session],
            **numbers,
            flags=np.where(numbers["volume"] > 0, 0, int(Flag.NO_TRADE)).astype(np.uint8),
        )
        factors = self._rows(self._factors())
        reference, phase = self._bars_grid("reference"), self._bars_grid("phase")
        limits = at_limits(phase, self._bars_grid("volume") > 0, reference, self._bars_grid("close"))
        return SimulatedMarket(
            bars_raw=raw,
            factors=factors,
            bars=_adjusted(raw, factors),
            reference=self._rows(self._with_funds("reference")),
            shares=self._rows(self._with_funds("shares")),
            flows=self._flows(raw),
            indices={name: self._index(name) for name in MARKETS},
            market_flows={name: self._market_flows(place) for place, name in enumerate(MARKETS)},
            truth=Record(exchange, self._companies, self._days).truth(phase, limits),
        )

    def _bars_grid(self, name: str) -> NDArray[np.int64]:
        """A field of the bars of companies: [sessions, shares]."""
        return np.array([getattr(session.bars, name) for session in self._history])

    def _grid(self, name: str) -> NDArray[np.bool_]:
        """A yes or no of companies, always yes of funds: [sessions, Symbols]."""
        funds = np.ones((len(self._history), len(FUNDS)), dtype=np.bool_)
        return np.concatenate([self._bars_grid(name).astype(np.bool_), funds], axis=1)

    def _with_funds(self, name: str) -> NDArray[np.int64]:
        """A field of bars: [sessions, Symbols]."""
        if name == "shares":
            funds = [[fund.shares for fund in FUNDS]] * len(self._history)
        else:
            funds = [[getattr(bar, name) for bar in session.funds] for session in self._history]
        return np.concatenate([self._bars_grid(name), np.array(funds, dtype=np.int64)], axis=1)

    def _rows(self, grid: NDArray[Number]) -> NDArray[Number]:
        """The cells of listed Symbols by (symbol, day)."""
        return grid.T[self._ever][self._listed]

    def _factors(self) -> FloatArray:
        """The product of old for new shares over all later Sessions: [sessions, Symbols]."""
        later = self._bars_grid("denominator")[1:] / self._bars_grid("numerator")[1:]
        factors = np.ones((len(self._days), len(self._companies) + len(FUNDS)))
        factors[:-1, : len(self._companies)] = np.cumprod(later[::-1], axis=0)[::-1]
        return factors

    def _flows(self, bars: BarColumns) -> FlowColumns:
        """Funds are the last Symbols, so the rows of companies are the first ones."""
        companies = self._listed.copy()
        companies[-len(FUNDS) :] = False
        ever = self._ever[: -len(FUNDS)]
        rows = int(companies.sum())
        of = {
            name: np.array([getattr(session.flows, field) for session in self._history]).T[ever][companies[: ever.size]]
            for name, field in _FLOWS.items()
        }
        return FlowColumns(symbol=bars.symbol[:rows], day=bars.day[:rows], **of)

    def _index(self, name: str) -> IndexColumns:
        bars = [session.indices[name] for session in self._history]
        return IndexColumns(
            day=self._day,
            open=np.array([bar.open for bar in bars]),
            high=np.array([bar.high for bar in bars]),
            low=np.array([bar.low for bar in bars]),
            close=np.array([bar.close for bar in bars]),
            volume=np.array([bar.volume for bar in bars], dtype=np.int64),
            value=np.array([bar.value for bar in bars], dtype=np.int64),
            market_cap=np.array([bar.market_cap for bar in bars], dtype=np.int64),
        )

    def _market_flows(self, market: int) -> MarketFlowColumns:
        classes = np.array([session.flows.market_classes[market] for session in self._history])
        parts = np.array([session.flows.market_institutions[market] for session in self._history])
        return MarketFlowColumns(
            day=self._day,
            classes={name: classes[:, place] for place, name in enumerate(CLASSES)},
            institutions={name: parts[:, place] for place, name in enumerate(INSTITUTIONS)},
        )

    def _listings(self) -> tuple[Listing, ...]:
        return tuple(self._listing(int(place), listed) for place, listed in zip(self._ever, self._listed, strict=True))

    def _listing(self, place: int, listed: NDArray[np.bool_]) -> Listing:
        """Listed before the first Session: no date is given; delisted: the last Session it stood on the list."""
        if place >= len(self._companies):
            fund = FUNDS[place - len(self._companies)]
            return Listing(symbol=fund.symbol, name=fund.name, name_en=fund.name_en, market="KOSPI", kind=ETF)
        companies = self._companies
        first, last = int(listed.argmax()), listed.size - 1 - int(listed[::-1].argmax())
        return Listing(
            symbol=companies.symbols[place],
            name=companies.names[place],
            name_en=companies.names_en[place],
            market=companies.markets[place],
            kind=companies.kinds[place],
            sector=SECTORS[companies.sector[place]][0],
            listed_on=self._days[first] if first else None,
            delisted_on=self._days[last] if last < listed.size - 1 else None,
        )


def _adjusted(raw: BarColumns, factors: FloatArray) -> BarColumns:
    """Prices at the shares of the last Session; won traded stays what it was."""
    prices = {name: getattr(raw, name) * factors for name in _POINTS}
    return replace(raw, **prices, volume=raw.volume / factors)

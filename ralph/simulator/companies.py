"""What is listed on the simulated exchange: invented companies, some of their preferred shares, and SPACs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ralph.market.symbol import Symbol
from ralph.simulator.draws import Draws, FloatArray
from ralph.simulator.names import COMPANIES_MAX, SECTOR_COUNT, SECTORS, company_name, stem

IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

COMMON, PREFERRED, SPAC, ETF = "common", "preferred", "spac", "etf"
SPAC_PRICE = 2_000  # won a share: what a SPAC is listed at and holds in trust

_LARGE = 0.36  # of the companies are on KOSPI
_LATE = 0.08  # of the companies are listed while the market runs
_COMPANIES_A_PREFERRED, _COMPANIES_A_SPAC = 50, 60
_FINANCE = next(index for index, (sector, *_) in enumerate(SECTORS) if sector == "금융")


@dataclass(frozen=True, eq=False)
class Companies:
    """What does not change about each listed share; every array has one element a share: [shares].

    sector      index into SECTORS; parent: the company a preferred share belongs to, -1 for the others
    steady      left alone by the events of the exchange: preferred shares, their companies, and SPACs
    late        listed while the market runs, in this order; the others from the first Session on
    price       at its first Session, won; shares: listed then
    market_beta, sector_beta  how far it follows the market, and its sector
    calm        its daily deviation in calm times, ratio
    turnover    shares traded on a usual day, ratio of those listed; foreign: ratio held by foreigners at first
    """

    symbols: tuple[Symbol, ...]
    names: tuple[str, ...]
    names_en: tuple[str, ...]
    markets: tuple[str, ...]
    kinds: tuple[str, ...]
    sector: IntArray
    parent: IntArray
    steady: BoolArray
    late: IntArray
    price: IntArray
    shares: IntArray
    market_beta: FloatArray
    sector_beta: FloatArray
    calm: FloatArray
    turnover: FloatArray
    foreign: FloatArray

    def __len__(self) -> int:
        return len(self.symbols)

    def of_kind(self, kind: str) -> BoolArray:
        """Which shares are of this kind: [shares]."""
        return np.array([own == kind for own in self.kinds])

    def on_market(self, market: str) -> BoolArray:
        """Which shares are on this market: [shares]."""
        return np.array([own == market for own in self.markets])


def invent(seed: int, count: int) -> Companies:
    """The shares of a seed. No real code begins with S: companies S00001 and up, the preferred share of S00012 is
    S10012, SPACs S20001 and up."""
    assert 0 < count <= COMPANIES_MAX, f"1 to {COMPANIES_MAX} companies"
    traits = _Traits(seed, count)
    parents = np.flatnonzero(traits.large[: count - int(count * _LATE)])[: -(-count // _COMPANIES_A_PREFERRED)]
    spacs = -(-count // _COMPANIES_A_SPAC)
    names = [
        *(company_name(index, int(kind)) for index, kind in enumerate(traits.sector)),
        *(_preferred_name(int(index), int(traits.sector[index])) for index in parents),
        *(_spac_name(number) for number in range(1, spacs + 1)),
    ]
    place = np.concatenate([np.arange(count), parents, np.full(spacs, -1)])  # of the company whose traits it has
    is_spac, is_preferred = place < 0, np.arange(place.size) - count < parents.size
    is_preferred[:count] = False
    price = np.where(is_spac, SPAC_PRICE, np.where(is_preferred, traits.price[place] * 3 // 5, traits.price[place]))
    shares = np.where(is_spac, 5_000_000, np.where(is_preferred, traits.shares[place] // 8, traits.shares[place]))
    return Companies(
        symbols=tuple(
            [Symbol(f"S{index + 1:05d}") for index in range(count)]
            + [Symbol(f"S1{index + 1:04d}") for index in parents]
            + [Symbol(f"S2{number:04d}") for number in range(1, spacs + 1)]
        ),
        names=tuple(korean for korean, _ in names),
        names_en=tuple(english for _, english in names),
        markets=tuple(np.where(traits.large[place] & ~is_spac, "KOSPI", "KOSDAQ").tolist()),
        kinds=tuple(np.where(is_spac, SPAC, np.where(is_preferred, PREFERRED, COMMON)).tolist()),
        sector=np.where(is_spac, _FINANCE, traits.sector[place]),
        parent=np.where(is_preferred, place, -1),
        steady=is_spac | np.isin(place, parents),
        late=_late(count, place.size, spacs),
        price=price,
        shares=shares,
        market_beta=np.where(is_spac, 0.0, traits.market_beta[place]),
        sector_beta=np.where(is_spac, 0.0, traits.sector_beta[place]),
        calm=np.where(is_spac, 0.0015, traits.calm[place]),
        turnover=np.where(is_spac, 0.004, np.where(is_preferred, 0.4, 1.0) * traits.turnover[place]),
        foreign=np.where(is_spac, 0.0, traits.foreign[place]),
    )


class _Traits:
    """The drawn traits of the companies alone: [companies]."""

    def __init__(self, seed: int, count: int) -> None:
        draws = Draws(seed, "companies", count)
        self.sector = draws.below(SECTOR_COUNT)
        self.large = draws.uniform() < _LARGE
        size, large = draws.uniform(), self.large
        # Prices from 1,000 to 400,000 won, most of them low: products of even draws lean to the left.
        price = draws.uniform() * draws.uniform() * draws.uniform() * 200_000 * (1 + large)
        self.price = 1_000 + price.astype(np.int64)
        worth = (0.03 + 20.0 * size * size * size * size * size * size * (1 + 4 * large)) * 1e12
        self.shares = (worth / self.price).astype(np.int64)
        self.market_beta = 0.5 + draws.uniform() * 0.9
        self.sector_beta = 0.4 + draws.uniform() * 0.8
        self.calm = (0.010 + draws.uniform() * 0.021) * np.where(large, 0.85, 1.1)
        self.turnover = 0.0005 + draws.uniform() * draws.uniform() * np.where(large, 0.008, 0.02)
        self.foreign = 0.01 + draws.uniform() * np.where(large, 0.5 * size, 0.08)


def _late(count: int, everybody: int, spacs: int) -> IntArray:
    """Who waits to be listed: the last companies, and after every few of them one of the later half of the SPACs."""
    companies = np.arange(count - int(count * _LATE), count)
    later = np.arange(everybody - spacs // 2, everybody)
    turn = np.concatenate(
        [np.arange(companies.size), (np.arange(later.size) + 0.5) * companies.size / max(later.size, 1)]
    )
    return np.concatenate([companies, later])[np.argsort(turn, kind="stable")]


def _preferred_name(company: int, sector: int) -> tuple[str, str]:
    korean, english = company_name(company, sector)
    return f"{korean}우", f"{english} Preferred"


def _spac_name(number: int) -> tuple[str, str]:
    korean, english = stem(number * 7)
    return f"{korean}{number}호스팩", f"{english} SPAC {number}"

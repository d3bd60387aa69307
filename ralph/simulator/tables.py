"""What a simulation returns: bars as traded and adjusted, flows, indices, and the truth."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ralph.market.columns import BarColumns
from ralph.market.symbol import Listing
from ralph.simulator.draws import FloatArray
from ralph.simulator.truth import Truth

IntArray = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class FlowColumns:
    """Net buying by (symbol, day), positive where more was bought than sold; one element a row.

    symbol  int32: index into the market's listings; day: datetime64[D]
    foreign_net, institution_net  shares; foreign_net_value, institution_net_value: won
    foreign_hold                  shares held by foreigners after the Session
    """

    symbol: NDArray[np.int32]
    day: NDArray[np.datetime64]
    foreign_net: IntArray
    institution_net: IntArray
    foreign_net_value: IntArray
    institution_net_value: IntArray
    foreign_hold: IntArray


@dataclass(frozen=True, eq=False)
class IndexColumns:
    """One index, one element a Session: points, shares and won traded, won of market cap of the members."""

    day: NDArray[np.datetime64]
    open: FloatArray
    high: FloatArray
    low: FloatArray
    close: FloatArray
    volume: IntArray
    value: IntArray
    market_cap: IntArray


@dataclass(frozen=True, eq=False)
class MarketFlowColumns:
    """Net buying on one market in won, one element a Session.

    classes       individual, foreign, institution, other_corp: they sum to 0 in every Session
    institutions  the parts of `institution`
    """

    day: NDArray[np.datetime64]
    classes: Mapping[str, IntArray]
    institutions: Mapping[str, IntArray]


@dataclass(frozen=True, eq=False)
class SimulatedMarket:
    """A simulated history. The rows of `bars_raw`, `bars`, `factors`, `reference` and `shares` are the same ones.

    bars_raw   as traded
    factors    what multiplies a price as traded to adjust it for all later splits, and divides its volume: [bars]
    bars       adjusted by the factors
    reference  the base price of the Session as traded, won; shares: listed on that day
    flows      of companies; funds have none
    indices, market_flows  by name and by market: KOSPI and KOSDAQ
    """

    bars_raw: BarColumns
    factors: FloatArray
    bars: BarColumns
    reference: IntArray
    shares: IntArray
    flows: FlowColumns
    indices: Mapping[str, IndexColumns]
    market_flows: Mapping[str, MarketFlowColumns]
    truth: Truth

    @property
    def listings(self) -> tuple[Listing, ...]:
        """Every Symbol that was listed in the span, in order of code."""
        return self.bars.listings

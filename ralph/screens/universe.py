"""Which columns of a Panel a request looks at."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from ralph.catalog import nearest
from ralph.errors import BadParameter, UnknownSymbol
from ralph.market.panel import Panel, View
from ralph.market.symbol import Symbol, parse_symbol
from ralph.screens.answer import UNIVERSE_MAX

BoolArray: TypeAlias = NDArray[np.bool_]


def members(view: View, universe: list[str] | str | None) -> BoolArray:
    """Whether each column belongs to the universe and was listed as of the view: [symbols].

    UnknownSymbol and BadParameter name what is not known.
    """
    panel = view.panel
    if universe is None:
        chosen = np.ones(len(panel.listings), dtype=np.bool_)
    elif isinstance(universe, str):
        chosen = _of_market(panel, universe)
    else:
        chosen = _of_symbols(panel, universe)
    gone = [
        column
        for column, listing in enumerate(panel.listings)
        if listing.delisted_on is not None and listing.delisted_on < view.on
    ]
    listed: BoolArray = view.listed & chosen
    listed[gone] = False
    return listed


def _of_market(panel: Panel, name: str) -> BoolArray:
    markets = sorted({listing.market for listing in panel.listings if listing.market})
    wanted = name.strip().casefold()
    known = {market.casefold(): market for market in markets}
    if wanted not in known:
        listed = ", ".join(markets) or "none yet: import symbols to name them"
        raise BadParameter(
            f"there is no market {_shown(name)}; known: {listed}",
            field="universe",
            accepted=f"a list of symbols, or a market: {listed}",
        )
    market = known[wanted]
    return np.fromiter((listing.market == market for listing in panel.listings), np.bool_, len(panel.listings))


def _of_symbols(panel: Panel, texts: list[str]) -> BoolArray:
    if len(texts) > UNIVERSE_MAX:
        raise BadParameter(
            f"a universe names at most {UNIVERSE_MAX:,} symbols, not {len(texts):,}",
            field="universe",
            accepted=f"at most {UNIVERSE_MAX:,} symbols",
        )
    chosen = np.zeros(len(panel.listings), dtype=np.bool_)
    for text in texts:
        column = panel.columns.get(parse_symbol(text) or Symbol(""))
        if column is None:
            guess = nearest(text, [symbol.lower() for symbol in panel.symbols])
            ask = f"; did you mean {guess.upper()}?" if guess else ""
            raise UnknownSymbol(
                f"there is no symbol {_shown(text)}{ask}", field="universe", accepted=guess and guess.upper()
            )
        chosen[column] = True
    return chosen


def _shown(text: str) -> str:
    short = text if len(text) <= 40 else text[:40] + "…"
    return ascii(short) if not short.isprintable() else repr(short)

"""Which columns of a Panel a request looks at."""

from __future__ import annotations

import re
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from ralph.catalog import nearest
from ralph.errors import BadParameter, DataNotFound, UnknownSymbol
from ralph.market.panel import Panel
from ralph.market.symbol import Symbol, parse_symbol
from ralph.market.view import View
from ralph.screens.answer import UNIVERSE_MAX

BoolArray: TypeAlias = NDArray[np.bool_]

SECTORS_SHOWN = 40  # in an error
_SECTOR = "sector:"
_TOP = re.compile(r"top:(?P<count>[1-9][0-9]{0,5})(:(?P<market>.+))?", re.IGNORECASE)


def members(view: View, universe: list[str] | str | None) -> BoolArray:
    """Whether each column belonged to the universe and was listed as of the view: [symbols].

    A universe is a list of Symbols, a market (`KOSPI`), a sector (`sector:전기·전자`), or the largest by market cap
    (`top:200`, `top:50:KOSDAQ`).
    UnknownSymbol and BadParameter name what is not known.
    """
    listed = view.listed
    if universe is None:
        return listed.copy()
    if not isinstance(universe, str):
        return listed & _of_symbols(view.panel, universe)
    if universe.strip().lower().startswith(_SECTOR):
        return listed & _of_sector(view, universe.strip()[len(_SECTOR) :])
    top = _TOP.fullmatch(universe.strip())
    if top is None:
        return listed & _of_market(view, universe)
    if top["market"]:
        listed = listed & _of_market(view, top["market"])
    return _largest(view, listed, int(top["count"]))


def _of_market(view: View, name: str) -> BoolArray:
    markets = view.panel.roster.markets
    wanted = name.strip().casefold()
    known = {market.casefold(): market for market in markets}
    if wanted not in known:
        listed = ", ".join(markets) or "none yet: import symbols to name them"
        raise BadParameter(
            f"there is no market {_shown(name)}; known: {listed}",
            field="universe",
            accepted=f"symbols, a market ({listed}), top:200, top:200:MARKET, sector:NAME, list:NAME, or screen:NAME",
        )
    return view.panel.roster.on_market(known[wanted], view.on)


def _of_sector(view: View, name: str) -> BoolArray:
    sectors = view.panel.roster.sectors
    known = {sector.casefold(): sector for sector in sectors}
    wanted = name.strip().casefold()
    if wanted not in known:
        guess = nearest(wanted, list(known))
        ask = f"; did you mean {known[guess]}?" if guess else ""
        listed = ", ".join(sectors[:SECTORS_SHOWN]) or "none yet: import symbols to name them"
        raise BadParameter(
            f"there is no sector {_shown(name)}{ask or ';'} known: {listed}",
            field="universe",
            accepted=f"sector:NAME of {listed}",
        )
    return view.panel.roster.in_sector(known[wanted], view.on)


def _largest(view: View, listed: BoolArray, count: int) -> BoolArray:
    """The `count` Symbols of the largest market caps as of the view; of equal ones the first by code."""
    caps = np.where(listed, view.market_caps, np.nan)
    known = np.flatnonzero(~np.isnan(caps))
    if listed.any() and not known.size:
        raise DataNotFound(
            f"no market cap is known on {view.on} or before: import listed shares first, ralph import shares FILE",
            field="universe",
            accepted="a market, or a list of symbols",
        )
    largest = np.zeros(caps.size, dtype=np.bool_)
    largest[known[np.argsort(-caps[known], kind="stable")][:count]] = True
    return largest


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

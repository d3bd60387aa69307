"""Symbols: what is listed, where, and as what."""

from __future__ import annotations

import re
from datetime import date
from typing import NewType

import msgspec

Symbol = NewType("Symbol", str)
"""A listed instrument's short code as text: `005930`, `00104K`. Never a number."""

KOREAN_MARKETS = frozenset({"KOSPI", "KOSDAQ", "KONEX"})
_KOREAN_LENGTH = 6
_CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9.:/_&-]{0,19}")


class Span(msgspec.Struct, frozen=True):
    """A listing, from and until a Session, both included; None where it is not known, or still lasts."""

    listed_on: date | None = None
    delisted_on: date | None = None


class Past(msgspec.Struct, frozen=True):
    """What a field of a Listing was, from and until a date, both included."""

    field: str
    value: str
    since: date
    until: date


class Listing(msgspec.Struct, frozen=True):
    """What is known about a Symbol apart from its prices; dates are Sessions, inclusive.

    kind    common, preferred, ETF, ETN, SPAC, REIT, or what a source calls it
    state   normal, or some of halted, administrative, caution
    earlier former listings of the code, oldest first
    past    what fields were before, by field and date
    """

    symbol: Symbol
    name: str | None = None
    name_en: str | None = None
    market: str | None = None
    kind: str | None = None
    sector: str | None = None
    listed_on: date | None = None
    delisted_on: date | None = None
    industry: str | None = None
    isin: str | None = None
    state: str | None = None
    earlier: tuple[Span, ...] = ()
    past: tuple[Past, ...] = ()


def parse_symbol(text: str) -> Symbol | None:
    """The Symbol a text names, or None where no code looks like that (1 to 20 letters, digits and .:/_&-)."""
    code = text.strip().upper()
    return Symbol(code) if _CODE.fullmatch(code) else None


def is_korean(listing: Listing) -> bool:
    """Whether the rules of the Korean exchange hold for it: by its market, or where none is known by its code, of six
    signs that begin with a digit."""
    if listing.market is not None:
        return listing.market.removesuffix(" GLOBAL") in KOREAN_MARKETS
    return len(listing.symbol) == _KOREAN_LENGTH and listing.symbol[0].isdigit()

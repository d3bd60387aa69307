"""Symbols: what is listed, where, and as what."""

from __future__ import annotations

import re
from datetime import date
from typing import NewType

import msgspec

Symbol = NewType("Symbol", str)
"""A listed instrument's short code as text: `005930`, `00104K`. Never a number."""

_CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9.:/_-]{0,19}")


class Listing(msgspec.Struct, frozen=True):
    """What is known about a Symbol apart from its prices; dates are Sessions, inclusive."""

    symbol: Symbol
    name: str | None = None
    name_en: str | None = None
    market: str | None = None
    kind: str | None = None
    sector: str | None = None
    listed_on: date | None = None
    delisted_on: date | None = None


def parse_symbol(text: str) -> Symbol | None:
    """The Symbol a text names, or None where no code looks like that (1 to 20 letters, digits and .:/_-)."""
    code = text.strip().upper()
    return Symbol(code) if _CODE.fullmatch(code) else None

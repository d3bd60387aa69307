"""What a scanner says of itself, for lists and menus."""

from __future__ import annotations

import msgspec

from ralph.scanners.scanner import Param, Scanner


class ScannerCard(msgspec.Struct, frozen=True, kw_only=True):
    """A scanner without its code. chance: its share of pure random walks, where that was measured."""

    name: str
    en: str
    ko: str
    version: int
    timeframe: str
    params: tuple[Param, ...]
    chance: float | None


def card(scanner: Scanner) -> ScannerCard:
    """Of one scanner."""
    return ScannerCard(
        name=scanner.name,
        en=scanner.en,
        ko=scanner.ko,
        version=scanner.version,
        timeframe=scanner.timeframe,
        params=scanner.params,
        chance=scanner.chance,
    )

"""What is asked of a market and what comes back: the JSON of CLI, file and HTTP alike."""

from __future__ import annotations

from datetime import date
from typing import Literal

import msgspec

from ralph.market.symbol import Symbol

LIMIT_MAX = 10_000  # matches of one page
COLUMNS_MAX = 20
UNIVERSE_MAX = 10_000  # Symbols named in one request
NEAR_MISSES_MAX = 50
EXCLUDED_MAX = 500  # of one reason
SPARKLINE_BARS = 60

Extra = Literal["funnel", "near_misses", "sparkline", "excluded"]


class Request(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A screen to run.

    as_of     a Session; the newest where absent
    universe  Symbols, a market's name, `top:200` or `top:200:KOSPI` (by market cap), or `list:NAME`; everything where
              absent
    limit     matches of a page; all where absent
    sort      score (the default), symbol, name, or an expression of a number; what is missing comes last
    order     desc (the default; of symbol and name asc) or asc
    cursor    `next_cursor` of the page before
    columns   expressions of numbers, shown in `values` beside those of the screen
    with      what to add to the answer
    """

    expression: str
    as_of: date | None = None
    universe: list[str] | str | None = None
    limit: int | None = None
    cursor: str | None = None
    columns: list[str] = []
    sort: str = "score"
    order: Literal["asc", "desc"] | None = None
    extras: list[Extra] = msgspec.field(default_factory=list, name="with")


class Reason(msgspec.Struct, frozen=True, gc=False):
    """Why, in a sentence of each language."""

    en: str
    ko: str


class Match(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """A Symbol that meets the condition. score 0-100; anomaly: a flagged bar is among those looked back on."""

    symbol: Symbol
    name: str | None
    score: float
    anomaly: bool
    values: dict[str, float | None]
    reasons: list[Reason]
    sparkline: list[float] | None = None


class FunnelStep(msgspec.Struct, frozen=True, gc=False):
    """How many Symbols remain after this part and all before it, and how many it leaves by itself."""

    part: str
    remaining: int
    alone: int


class NearMiss(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A Symbol that fails exactly one part: its comparison that is nearest to holding, both sides, and their distance.

    lhs, rhs   both sides and their distance; null of a membership and of what has to last
    passes_at  a close nearest to the last one, all else of the bar following, with which the Symbol would match; null
               where none within 30 % would, or other Symbols decide
    closeness  0-100: 100 where the sides touch, 50 where they are as far apart as in the median of the last 252 bars
    """

    symbol: Symbol
    name: str | None
    part: str
    lhs: float | None
    rhs: float | None
    distance: float | None
    closeness: float
    reason: Reason
    passes_at: float | None = None


class Excluded(msgspec.Struct, frozen=True, gc=False):
    """A Symbol that could not match: the reason's name, the first part that cannot be told, and a sentence."""

    symbol: Symbol
    name: str | None
    why: str
    part: str | None
    reason: Reason


class Answer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The matches as of a Session, best score first.

    expression     in canonical form
    total_scanned  Symbols of the universe that were listed
    excluded       Symbols that could not match, by reason: no_bar (none that day), halted (one without trade),
                   young_listing (fewer bars than the screen looks back on), missing_value (a figure not stored, or a
                   division by zero); these are of total_scanned. not_in_universe counts all other listed Symbols
    excluded_symbols  who they are, at most 500 of each reason; without not_in_universe
    funnel, near_misses, excluded_symbols, next_cursor  absent unless asked for, or where there is nothing further
    """

    workspace: str
    simulated: bool
    as_of: date
    data_version: str
    expression: str
    total_scanned: int
    total_matches: int
    matches: list[Match]
    excluded: dict[str, int]
    timing_ms: float
    funnel: list[FunnelStep] | None = None
    near_misses: list[NearMiss] | None = None
    excluded_symbols: list[Excluded] | None = None
    next_cursor: str | None = None

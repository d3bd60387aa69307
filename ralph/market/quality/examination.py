"""A quality run over the bars of a whole market, pure: what is noticed, counted and put in order."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, replace
from datetime import date

import numpy as np
from numpy.typing import NDArray

from ralph.market.calendar import Calendar
from ralph.market.columns import BAR_COLUMNS, BarColumns
from ralph.market.quality.coverage import COVERAGE_PCT, Coverage
from ralph.market.quality.findings import KINDS, SEVERITIES, Detail, Finding, Kind, Severity, find
from ralph.market.quality.presence import Presence, find_presence, fits
from ralph.market.quality.prices import find_prices
from ralph.market.quality.repeats import find_repeats
from ralph.market.quality.rows import Rows, split_keys
from ralph.market.symbol import Symbol


@dataclass(frozen=True, eq=False)
class Examination:
    """What a run found. Findings: the worst first, then by kind, Symbol and day; those of the market before those of
    Symbols.

    flags        uint8: the `Flag` bits of the bars judged anew, by (symbol, day) without second rows and future days
    is_exchange  whether the Sessions are those of the exchange calendar, or only the days that have bars
    took_ms      how long it took
    """

    findings: tuple[Finding, ...]
    coverages: tuple[Coverage, ...]
    flags: NDArray[np.uint8]
    bars: int
    symbols: int
    is_exchange: bool
    took_ms: float

    @property
    def counts(self) -> dict[Kind, int]:
        """Findings of each kind, of all kinds."""
        counted = Counter(finding.kind for finding in self.findings)
        return {kind: counted[kind] for kind in KINDS}

    @property
    def worst(self) -> dict[Symbol, Severity]:
        """The worst severity of each Symbol that has findings."""
        worst: dict[Symbol, Severity] = {}
        for finding in self.findings:
            if finding.symbol is not None:
                worst.setdefault(finding.symbol, finding.severity)
        return worst

    @property
    def symbols_by_worst(self) -> dict[Severity, int]:
        """How many Symbols have each severity as their worst."""
        counted = Counter(self.worst.values())
        return {severity: counted[severity] for severity in SEVERITIES}


def examine(bars: BarColumns, calendar: Calendar | None, today: date, minimum_pct: float = COVERAGE_PCT) -> Examination:
    """Look at all bars of a market; they may come in any order, and keys may stand twice.

    calendar     the exchange's; where it is None, or does not fit the bars, the days that have bars are the Sessions
    today        bars after it are findings and nothing else
    minimum_pct  the coverage that a Session needs, percent
    """
    started = time.perf_counter()
    kept, found = split_keys(bars)
    kept, future = _without_future(kept, today)
    rows = Rows(kept)
    is_exchange = calendar is not None and fits(rows, calendar)
    presence = Presence.of(rows, calendar if is_exchange else None, minimum_pct)
    with np.errstate(divide="ignore", invalid="ignore"):
        found += [*future, *find_presence(rows, presence), *find_repeats(rows), *find_prices(rows)]
    return Examination(
        findings=tuple(sorted(found, key=_order)),
        coverages=tuple(presence.coverages),
        flags=rows.flags,
        bars=len(bars),
        symbols=len(bars.listings),
        is_exchange=is_exchange,
        took_ms=(time.perf_counter() - started) * 1e3,
    )


def _order(finding: Finding) -> tuple[int, int, str, date]:
    kind = KINDS.index(finding.kind)
    return -SEVERITIES.index(finding.severity), kind, finding.symbol or "", finding.first_on


def _without_future(bars: BarColumns, today: date) -> tuple[BarColumns, list[Finding]]:
    late = bars.day > np.datetime64(today, "D")
    if not late.any():
        return bars, []
    found = []
    for column in np.unique(bars.symbol[late]).tolist():
        days = bars.day[late & (bars.symbol == column)]
        first, last = days.min().astype(object), days.max().astype(object)
        found.append(find("future", bars.listings[column].symbol, first, last, Detail(bars=days.size)))
    return replace(bars, **{name: getattr(bars, name)[~late] for name in BAR_COLUMNS}), found

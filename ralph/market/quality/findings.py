"""What a quality run says: kinds of findings, how bad each is, its numbers, and the sentences made of them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Literal, get_args

import msgspec

from ralph.market.symbol import Symbol

Severity = Literal["info", "warning", "error"]
Kind = Literal[
    "coverage",
    "stopped",
    "missing",
    "duplicate",
    "repeated_day",
    "twin",
    "future",
    "closed_day",
    "halt",
    "stale",
    "frozen",
    "inconsistent",
    "jump",
    "split",
    "moved_in_halt",
    "scale_row",
    "scale_level",
    "scale_volume",
]
KINDS: tuple[Kind, ...] = get_args(Kind)
SEVERITIES: tuple[Severity, ...] = get_args(Severity)


class Detail(msgspec.Struct, frozen=True, omit_defaults=True):
    """The numbers behind a finding; each kind fills those that its sentence names.

    sessions, bars, symbols  counts; expected and present: Symbols with a bar
    before, after            closes in won, of scale_volume volumes in shares
    ratio                    after / before; of coverage present / expected; of scale_row the highest / the lowest price
    limit_pct                the price limit of the day, percent
    fraction                 old shares for new ones, like 1:5
    other                    the other Symbol of a twin
    ends                     whether it ended before the newest Session
    """

    sessions: int = 0
    bars: int = 0
    symbols: int = 0
    expected: int = 0
    present: int = 0
    before: float = 0.0
    after: float = 0.0
    ratio: float = 0.0
    limit_pct: int = 0
    fraction: str = ""
    other: str = ""
    ends: bool = True


class Finding(msgspec.Struct, frozen=True, rename={"first_on": "from", "last_on": "to"}):
    """One thing noticed, from and to a day, both included; symbol is None where it concerns the whole market."""

    kind: Kind
    severity: Severity
    symbol: Symbol | None
    first_on: date
    last_on: date
    detail: Detail
    en: str
    ko: str


@dataclass(frozen=True)
class _Says:
    severity: Severity
    en: str
    ko: str


_SAYS: dict[Kind, _Says] = {
    "coverage": _Says(
        "error",
        "{present} of {expected} expected symbols have a bar ({ratio:.1%})",
        "있어야 할 {expected}종목 가운데 {present}종목만 봉이 있습니다({ratio:.1%})",
    ),
    "stopped": _Says(
        "error",
        "no bars for the newest {sessions} Sessions, and no delisting is known",
        "최근 {sessions}거래일의 봉이 없고, 상장폐지 기록도 없습니다",
    ),
    "missing": _Says("warning", "no bar on {sessions} Sessions", "{sessions}거래일의 봉이 없습니다"),
    "duplicate": _Says("error", "{bars} bars of one day", "같은 날의 봉이 {bars}개입니다"),
    "repeated_day": _Says(
        "error",
        "{bars} of {expected} bars equal those of the Session before: the day was stored twice",
        "{expected}개 봉 가운데 {bars}개가 전 거래일과 같습니다. 하루가 두 번 저장되었습니다",
    ),
    "twin": _Says(
        "warning",
        "the same bars as {other} on {bars} Sessions",
        "{bars}거래일의 봉이 {other} 종목과 같습니다",
    ),
    "future": _Says("error", "{bars} bars after today", "오늘보다 뒤의 봉이 {bars}개 있습니다"),
    "closed_day": _Says(
        "warning",
        "bars of {symbols} symbols on a day without trading ({present} of them with volume)",
        "휴장일에 {symbols}종목의 봉이 있습니다(거래량이 있는 것 {present}개)",
    ),
    "halt": _Says("info", "no trade on {sessions} Sessions", "{sessions}거래일 동안 거래가 없었습니다"),
    "stale": _Says(
        "warning",
        "{bars} traded bars in a row with the same prices and volume",
        "가격과 거래량이 같은 봉이 {bars}개 이어집니다",
    ),
    "frozen": _Says(
        "info",
        "the close stands at {after:,g} on {bars} traded bars in a row",
        "거래된 봉 {bars}개 동안 종가가 {after:,g}에서 움직이지 않았습니다",
    ),
    "inconsistent": _Says(
        "error",
        "high and low do not enclose open and close on {bars} bars",
        "고가와 저가가 시가와 종가를 감싸지 않는 봉이 {bars}개입니다",
    ),
    "jump": _Says(
        "warning",
        "close {after:,g} after {before:,g} ({ratio:.3g} times), beyond the limit of {limit_pct} %",
        "종가가 {before:,g}에서 {after:,g}로({ratio:.3g}배) 가격제한폭 {limit_pct}%를 넘었습니다",
    ),
    "split": _Says(
        "error",
        "close {after:,g} after {before:,g}: looks like shares exchanged {fraction}, not adjusted",
        "종가가 {before:,g}에서 {after:,g}로: 수정되지 않은 {fraction} 주식 교환으로 보입니다",
    ),
    "moved_in_halt": _Says(
        "warning",
        "close {after:,g} after {before:,g} ({ratio:.3g} times) without a trade",
        "거래 없이 종가가 {before:,g}에서 {after:,g}로({ratio:.3g}배) 바뀌었습니다",
    ),
    "scale_row": _Says(
        "error",
        "prices of one bar differ by up to {ratio:,.3g} times on {bars} bars: their columns are of different scales",
        "한 봉의 가격이 최대 {ratio:,.3g}배 다른 봉이 {bars}개입니다. 열마다 단위가 다릅니다",
    ),
    "scale_level": _Says(
        "error",
        "prices {ratio:,.3g} times those before, on {bars} bars: another unit or currency",
        "봉 {bars}개의 가격이 앞의 {ratio:,.3g}배입니다. 단위나 통화가 다릅니다",
    ),
    "scale_volume": _Says(
        "warning",
        "volume about {ratio:,.3g} times that before, from one bar to the next and for good: another unit",
        "거래량이 한 봉 만에 약 {ratio:,.3g}배가 되어 이어집니다. 단위가 다릅니다",
    ),
}
assert set(_SAYS) == set(KINDS), "every kind has a severity and a sentence"


def find(kind: Kind, symbol: Symbol | None, first_on: date, last_on: date, detail: Detail) -> Finding:
    """The Finding of a kind, with its severity and sentences."""
    says = _SAYS[kind]
    numbers = msgspec.structs.asdict(detail)
    return Finding(
        kind=kind,
        severity=says.severity,
        symbol=symbol,
        first_on=first_on,
        last_on=last_on,
        detail=detail,
        en=says.en.format_map(numbers),
        ko=says.ko.format_map(numbers),
    )


def severity_of(kind: Kind) -> Severity:
    """How bad findings of a kind are."""
    return _SAYS[kind].severity

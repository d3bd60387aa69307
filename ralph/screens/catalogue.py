"""The names a screen can use, with what is said about each: columns of bars, functions, words, indicators.

Parser, printer, completion and the generated reference all read these tables; a name is added here first.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache, lru_cache
from typing import Literal, NamedTuple, TypeAlias

from ralph import indicators as package
from ralph.indicators.indicator import Indicator, Params
from ralph.indicators.sources import MEANS
from ralph.market.panel import FIELDS

Kind: TypeAlias = Literal["number", "condition", "bars"]
"""What an argument is: "bars" is a plain whole number of traded bars."""


BOUND_KEPT = 1_024  # indicators with parameters


class Word(NamedTuple):
    """A name as it is explained; `korean` are its synonyms, of which the first is shown."""

    en: str
    ko: str
    korean: tuple[str, ...] = ()


class Signature(NamedTuple):
    """A function: what it takes (the last kind repeats up to `most`), what it gives, and how it is explained."""

    takes: tuple[Kind, ...]
    most: int
    gives: Literal["number", "condition"]
    example: str
    word: Word


COLUMN_WORDS: Mapping[str, Word] = {
    "open": Word("first price of the bar", "시가", ("시가",)),
    "high": Word("highest price of the bar", "고가", ("고가",)),
    "low": Word("lowest price of the bar", "저가", ("저가",)),
    "close": Word("last price of the bar", "종가", ("종가", "현재가")),
    "volume": Word("shares traded", "거래량", ("거래량",)),
    "value": Word("won traded", "거래대금", ("거래대금",)),
    "hl2": Word("(high + low) / 2", "고저 평균"),
    "hlc3": Word("(high + low + close) / 3", "고저종 평균"),
    "ohlc4": Word("(open + high + low + close) / 4", "시고저종 평균"),
}

COMPANY_WORDS: Mapping[str, Word] = {
    "market_cap": Word("market cap in won on that day, from what was known by then", "시가총액", ("시가총액",)),
    "shares": Word("listed shares, as last told", "상장주식수", ("상장주식수",)),
    "listing_age": Word("Sessions since the first bar, counting both", "상장 후 거래일", ("상장일수",)),
}

COLUMNS = (*FIELDS, *MEANS)
"""A bar's own figures and the usual means of its prices: what an indicator can be computed from."""

NAMES = (*COLUMNS, *COMPANY_WORDS)
"""All names of numbers that take no arguments."""

MEMBERSHIPS: Mapping[str, Word] = {
    "market": Word("the market it is listed on; a segment is part of it", "시장", ("시장",)),
    "sector": Word("the sector it is counted to", "업종", ("업종", "섹터")),
    "list": Word("on a list of yours", "목록", ()),
    "screen": Word("selected by a saved screen", "조건식", ()),
}

FRAMES: Mapping[str, Word] = {
    "weekly": Word("bars of weeks from Monday, the running one ending at the day", "주봉", ("주봉",)),
    "monthly": Word("bars of months, the running one ending at the day", "월봉", ("월봉",)),
}

FUNCTIONS: Mapping[str, Signature] = {
    "abs": Signature(("number",), 1, "number", "abs(close - open)", Word("the number without its sign", "절댓값")),
    "min": Signature(("number", "number"), 200, "number", "min(open, close)", Word("the least of them", "최솟값")),
    "max": Signature(("number", "number"), 200, "number", "max(high, close[1])", Word("the most of them", "최댓값")),
    "change": Signature(
        ("number", "bars"), 2, "number", "change(close, 20)", Word("x / x[n] - 1", "변화율", ("변화율", "등락률"))
    ),
    "percentile": Signature(
        ("number", "bars"),
        2,
        "number",
        "percentile(volume, 60)",
        Word("share of its own newest n values below the newest, 0-100, ties half", "백분위", ("백분위",)),
    ),
    "count": Signature(
        ("condition", "bars"),
        2,
        "number",
        "count(close > open, 10)",
        Word("on how many of the newest n bars it held", "충족 횟수", ("횟수",)),
    ),
    "since": Signature(
        ("condition",),
        1,
        "number",
        "since(close crosses_above sma(20))",
        Word("bars since it last held, 0 where it does now", "충족 후 봉 수", ("경과",)),
    ),
    "any": Signature(
        ("condition", "bars"),
        2,
        "condition",
        "any(close > highest(60)[1], 5)",
        Word("held on one of the newest n bars", "한 번이라도"),
    ),
    "all": Signature(
        ("condition", "bars"), 2, "condition", "all(close > sma(50), 20)", Word("held on each of the newest n", "내내")
    ),
    "between": Signature(
        ("number", "number", "number"),
        3,
        "condition",
        "between(rsi(14), 40, 60)",
        Word("from a to b, both included; also x between a and b", "사이", ("사이",)),
    ),
    "new_high": Signature(
        ("bars",), 1, "condition", "new_high(252)", Word("a high above the n bars before", "신고가", ("신고가",))
    ),
    "new_low": Signature(
        ("bars",), 1, "condition", "new_low(252)", Word("a low below the n bars before", "신저가", ("신저가",))
    ),
    "rank": Signature(
        ("number",), 1, "number", "rank(value)", Word("place in the universe, 1 largest", "순위", ("순위",))
    ),
    "market_percentile": Signature(
        ("number",),
        1,
        "number",
        "market_percentile(change(close, 60))",
        Word("share of the universe below it, 0-100, ties half", "시장 백분위", ("시장백분위",)),
    ),
    "market_median": Signature(
        ("number",), 1, "number", "market_median(change(close, 20))", Word("median of the universe", "시장 중앙값")
    ),
    "sector_rank": Signature(
        ("number",), 1, "number", "sector_rank(market_cap)", Word("place in its sector, 1 largest", "업종 내 순위")
    ),
    "sector_median": Signature(
        ("number",), 1, "number", "sector_median(change(close, 20))", Word("median of its sector", "업종 중앙값")
    ),
    "rs_rating": Signature(
        (),
        0,
        "number",
        "rs_rating()",
        Word("strength over a year among all common shares, 1-99", "상대강도 등급", ("상대강도",)),
    ),
    "foreign_net": Signature(
        ("bars",),
        1,
        "number",
        "foreign_net(5)",
        Word("net buying of foreigners over n bars, won", "외국인 순매수", ("외국인순매수",)),
    ),
    "inst_net": Signature(
        ("bars",),
        1,
        "number",
        "inst_net(5)",
        Word("net buying of institutions over n bars, won", "기관 순매수", ("기관순매수",)),
    ),
    "indiv_net": Signature(
        ("bars",),
        1,
        "number",
        "indiv_net(5)",
        Word("net buying of individuals over n bars, won", "개인 순매수", ("개인순매수",)),
    ),
}

CROSSINGS: Mapping[str, Word] = {
    "crosses_above": Word("was not above a bar before, and is now", "상향 돌파", ("돌파", "상향돌파")),
    "crosses_below": Word("was not below a bar before, and is now", "하향 이탈", ("이탈", "하향이탈")),
}

LOGIC: Mapping[str, Word] = {
    "and": Word("both hold", "그리고", ("그리고",)),
    "or": Word("one of them holds", "또는", ("또는",)),
    "not": Word("does not hold", "아님", ("아님",)),
}


@cache
def indicators() -> Mapping[str, Indicator]:
    """Every indicator by name; found once, when the first screen is read."""
    return package.load()


@lru_cache(BOUND_KEPT)
def bound(indicator: str, params: tuple[tuple[str, float | str], ...]) -> Params:
    """The parameters of an indicator in a screen, checked; not to be written to."""
    return indicators()[indicator].bind(dict(params))


@cache
def synonyms() -> Mapping[str, str]:
    """Korean names and the names they stand for."""
    tables: list[Mapping[str, Word]] = [COLUMN_WORDS, COMPANY_WORDS, MEMBERSHIPS, FRAMES, CROSSINGS, LOGIC]
    tables.append({name: function.word for name, function in FUNCTIONS.items()})
    found = {korean: name for table in tables for name, word in table.items() for korean in word.korean}
    return found | _INDICATOR_SYNONYMS


_INDICATOR_SYNONYMS = {
    "이평": "sma",
    "이동평균": "sma",
    "단순이평": "sma",
    "지수이평": "ema",
    "최고": "highest",
    "최저": "lowest",
}

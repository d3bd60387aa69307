"""Which column of a file is which field: guessed from its name in English or Korean, or said by the caller."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ralph.catalog import nearest
from ralph.errors import BadFile, BadParameter


@dataclass(frozen=True)
class Layout:
    """The fields a kind of file can have, each with the names its column goes by, the likeliest first."""

    kind: str
    names: Mapping[str, tuple[str, ...]]
    required: tuple[str, ...]


_SYMBOL = (
    "symbol", "code", "ticker", "종목코드", "단축코드", "종목번호", "종목", "shortcode", "stockcode", "isusrtcd",
)  # fmt: skip
_NAME = ("name", "종목명", "한글종목명", "한글종목약명", "회사명", "korname", "nameko", "isuabbrv", "isunm")
_MARKET = ("market", "시장구분", "시장", "시장명", "mktnm", "exchange")
_DATE = (
    "date", "일자", "날짜", "기준일", "기준일자", "거래일", "거래일자", "영업일자", "basdd", "trddd", "day",
)  # fmt: skip
_SECTOR = ("sector", "업종", "업종명", "industry", "산업")

BARS = Layout(
    kind="bars",
    names={
        "symbol": _SYMBOL,
        "date": _DATE,
        "open": ("open", "시가", "openprice", "tddopnprc"),
        "high": ("high", "고가", "highprice", "tddhgprc"),
        "low": ("low", "저가", "lowprice", "tddlwprc"),
        "close": ("close", "종가", "현재가", "closeprice", "tddclsprc"),
        "volume": ("volume", "거래량", "거래량(주)", "vol", "acctrdvol"),
        "value": (
            "value",
            "거래대금",
            "거래대금(원)",
            "tradedvalue",
            "tradingvalue",
            "turnover",
            "amount",
            "acctrdval",
        ),
        "base": ("base", "baseprice", "기준가", "기준가격"),
        "change": ("change", "대비", "전일대비", "cmpprevddprc"),
        "name": _NAME,
        "market": _MARKET,
        "sector": _SECTOR,
    },
    required=("symbol", "date", "open", "high", "low", "close", "volume"),
)

# The moment stands in one column (`time`, or a `date` that has times), or as a day and a time of day in two.
MINUTES = Layout(
    kind="minutes",
    names={
        "symbol": BARS.names["symbol"],
        "time": (
            "ts", "timestamp", "datetime", "time", "openedat", "opentime", "일시", "시각", "시간",
            "체결시간", "체결시각",
        ),
        **{name: known for name, known in BARS.names.items() if name != "symbol"},
    },
    required=("symbol", "open", "high", "low", "close", "volume"),
)  # fmt: skip

SYMBOLS = Layout(
    kind="symbols",
    names={
        "symbol": _SYMBOL,
        "name": _NAME,
        "name_en": ("nameen", "englishname", "engname", "영문종목명", "영문명", "isuengnm"),
        "date": _DATE,
        "market": _MARKET,
        "kind": ("kind", "종류", "증권구분", "주식종류", "securitytype", "secugrpnm"),
        "sector": ("sector", "업종", "업종명"),
        "industry": ("industry", "산업", "산업명", "세부업종", "ksic"),
        "isin": ("isin", "표준코드", "isucd", "isincode"),
        "state": ("state", "상태", "종목상태", "소속부", "dept", "secttpnm"),
        "listed_on": ("listedon", "상장일", "상장일자", "listingdate", "listdate", "listdd"),
        "delisted_on": ("delistedon", "상장폐지일", "폐지일", "폐지일자", "delistingdate", "delistdate", "delistdd"),
    },
    required=("symbol",),
)

_SHARES = ("shares", "상장주식수", "상장주식수(주)", "listedshares", "listshrs", "주식수")
_MARKET_CAP = ("marketcap", "시가총액", "시가총액(원)", "marcap", "mktcap")

SHARES = Layout(
    kind="shares",
    names={"symbol": _SYMBOL, "date": _DATE, "shares": _SHARES, "market_cap": _MARKET_CAP},
    required=("symbol", "date"),
)

# A column that does not say its unit is taken as shares: that is how the exchange's own tables name them.
FLOWS = Layout(
    kind="flows",
    names={
        "symbol": _SYMBOL,
        "date": _DATE,
        "foreign_value": (
            "foreignnetvalue", "foreignvalue", "외국인순매수대금", "외국인순매수금액", "외국인순매수(원)",
        ),
        "institution_value": (
            "instnetvalue", "institutionnetvalue", "institutionvalue",
            "기관순매수대금", "기관순매수금액", "기관순매수(원)",
        ),
        "individual_value": (
            "individualnetvalue", "individualvalue", "개인순매수대금", "개인순매수금액", "개인순매수(원)",
        ),
        "foreign_shares": ("foreignnet", "foreignshares", "외국인순매수", "외국인순매수량", "외국인순매수(주)"),
        "institution_shares": (
            "instnet", "institutionnet", "institutionshares", "기관순매수", "기관순매수량", "기관순매수(주)",
        ),
        "individual_shares": ("individualnet", "individualshares", "개인순매수", "개인순매수량", "개인순매수(주)"),
        "foreign_held": ("foreignhold", "foreignheld", "외국인보유주수", "외국인보유수량", "외국인보유주식수"),
    },
    required=("symbol", "date"),
)  # fmt: skip

INDEX = Layout(
    kind="index",
    names={
        "index": ("index", "지수", "지수명", "symbol", "code", "idxnm"),
        "date": _DATE,
        "open": (*BARS.names["open"], "시가지수", "opnprcidx"),
        "high": (*BARS.names["high"], "고가지수", "hgprcidx"),
        "low": (*BARS.names["low"], "저가지수", "lwprcidx"),
        "close": (*BARS.names["close"], "종가지수", "clsprcidx"),
        "volume": BARS.names["volume"],
        "value": BARS.names["value"],
        "market_cap": (*_MARKET_CAP, "상장시가총액"),
    },
    required=("index", "date", "close"),
)


MARKET_FLOWS = Layout(
    kind="market-flows",
    names={
        "market": _MARKET,
        "date": _DATE,
        "individual_value": ("individualvalue", "individual", "개인"),
        "foreign_value": ("foreignvalue", "foreign", "외국인", "외국인합계"),
        "institution_value": ("institutionvalue", "institution", "기관", "기관합계", "기관계"),
        "other_corp_value": ("othercorpvalue", "othercorp", "기타법인"),
        "fin_invest_value": ("fininvestvalue", "fininvest", "금융투자"),
        "insurance_value": ("insurancevalue", "insurance", "보험"),
        "trust_value": ("trustvalue", "trust", "투신"),
        "bank_value": ("bankvalue", "bank", "은행"),
        "other_fin_value": ("otherfinvalue", "otherfin", "기타금융", "기타금융기관"),
        "pension_value": ("pensionvalue", "pension", "연기금", "연기금등"),
    },
    required=("market", "date"),
)


ACTIONS = Layout(
    kind="actions",
    names={
        "symbol": _SYMBOL,
        "date": ("effectiveon", "effectivedate", "exdate", "적용일", "권리락일", "변경상장일", *_DATE),
        "kind": ("kind", "종류", "구분", "사유", "type", "action"),
        "ratio": ("ratio", "비율", "배수"),
    },
    required=("symbol", "date", "kind", "ratio"),
)


def map_columns(layout: Layout, present: Sequence[str], overrides: Mapping[str, str] | None = None) -> dict[str, str]:
    """The column of each field found. An override names a field's column, or leaves a field out with an empty name."""
    given = dict(overrides or {})
    for name in given:
        if name not in layout.names:
            hint = nearest(name, list(layout.names))
            listed = ", ".join(layout.names)
            meant = f"; did you mean {hint}?" if hint else ""
            raise BadParameter(f"{name!r} is no field of {layout.kind}{meant}", field=name, accepted=listed)
    by_name: dict[str, str] = {}
    for column in present:
        by_name.setdefault(_plain(column), column)
    mapping: dict[str, str] = {}
    for name, known in layout.names.items():
        column = given[name] if name in given else next((by_name[word] for word in known if word in by_name), "")
        if name in given and column and column not in present:
            raise _missing(f"there is no column {column!r} for {name}", name, present)
        if not column and name in layout.required:
            raise _missing(f"no column for {name} (looked for {', '.join(known[:4])}, ...)", name, present)
        if column:
            mapping[name] = column
    _refuse_twins(mapping, present)
    return mapping


def _plain(column: str) -> str:
    """`Listing_Date ` and `listing date` are one name; a unit in brackets stays, since 거래대금(백만) is not won."""
    return re.sub(r"[\s_\-\"'<>]+", "", column.strip().lstrip("\ufeff")).lower()


def _missing(problem: str, name: str, present: Sequence[str]) -> BadFile:
    shown = ", ".join(" ".join(column.split())[:40] for column in present[:30]) + (", ..." if len(present) > 30 else "")
    return BadFile(
        f"{problem}; the file has: {shown}. Say which it is: --column {name}=NAME", field=name, accepted=shown
    )


def _refuse_twins(mapping: Mapping[str, str], present: Sequence[str]) -> None:
    for name, column in mapping.items():
        if present.count(column) > 1:
            raise BadFile(f"two columns are named {column!r}, so {name} is not clear: rename one", field=name)
    fields = {column: name for name, column in mapping.items()}
    for name, column in mapping.items():
        if fields[column] != name:
            raise BadParameter(f"column {column!r} is used for {name} and for {fields[column]}", field=name)

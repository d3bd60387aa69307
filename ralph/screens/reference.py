"""The reference of the language, made from the tables that the parser reads: for pages, editors and Markdown."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from ralph.screens.calls import signature
from ralph.screens.catalogue import (
    COLUMN_WORDS,
    COMPANY_WORDS,
    CROSSINGS,
    FRAMES,
    FUNCTIONS,
    LOGIC,
    MEMBERSHIPS,
    Word,
    indicators,
    synonyms,
)
from ralph.screens.tokens import BAR_UNITS, TEXT_MAX, UNITS


class Entry(msgspec.Struct, frozen=True, omit_defaults=True):
    """A name or sign: how it is written, what it means, an example that reads, its Korean synonyms."""

    name: str
    call: str
    en: str
    ko: str
    example: str
    synonyms: list[str] = []
    outputs: list[str] = []


class Section(msgspec.Struct, frozen=True):
    """Entries of one kind."""

    kind: str
    title_en: str
    title_ko: str
    entries: list[Entry]


class Reference(msgspec.Struct, frozen=True):
    """The whole language; `markdown` says the same as `sections`."""

    sections: list[Section]
    markdown: str


_OPERATORS = [
    Entry("comparison", "< <= > >= == !=", "exact comparison; = is ==", "정확한 비교", "close >= 10000"),
    Entry("between", "x between a and b", "from a to b, both included", "a 이상 b 이하", "rsi(14) between 40 and 60"),
    Entry("in", "x in (a, b)", "equal to one of them", "그중 하나와 같음", "close in (1000, 2000)"),
    Entry(
        "arithmetic", "+ - * / ( )", "as usual; what is divided by zero is missing", "사칙연산", "close / open > 1.05"
    ),
    Entry("offset", "x[n]", "n traded bars before, behind any expression", "n봉 전", "close > highest(60)[1]"),
]


def language_reference() -> Reference:
    """Every name, function, indicator and sign of the language."""
    sections = [
        Section("column", "Columns", "가격과 거래", _words(COLUMN_WORDS, "{} > 0")),
        Section("company", "About the company", "종목 정보", _words(COMPANY_WORDS, "{} > 0")),
        Section("operator", "Operators", "연산자", _OPERATORS),
        Section("logic", "Logic", "논리", _logic()),
        Section("crossing", "Crossings", "돌파", _words(CROSSINGS, "close {} sma(20)")),
        Section("function", "Functions", "함수", _functions()),
        Section("indicator", "Indicators", "지표", _indicators()),
        Section("frame", "Weeks and months", "주봉과 월봉", _words(FRAMES, "{}.rsi(14) > 50")),
        Section("membership", "Membership", "소속", _memberships()),
        Section("unit", "Units", "단위", _units()),
    ]
    return Reference(sections, _markdown(sections))


def _words(table: Mapping[str, Word], example: str) -> list[Entry]:
    return [
        Entry(name, name, word.en, word.ko, example.format(name), list(word.korean)) for name, word in table.items()
    ]


def _logic() -> list[Entry]:
    examples = {"and": "close > open and volume > 0", "or": "close > open or volume > 0", "not": "not close > open"}
    return [Entry(name, name, word.en, word.ko, examples[name], list(word.korean)) for name, word in LOGIC.items()]


def _functions() -> list[Entry]:
    letters = {"number": "xyz", "condition": "ccc", "bars": "nnn"}
    entries = []
    for name, function in FUNCTIONS.items():
        inside = ", ".join(letters[kind][place] for place, kind in enumerate(function.takes))
        more = ", …" if function.most > len(function.takes) else ""
        example = function.example if function.gives == "condition" else f"{function.example} > 0"
        word = function.word
        entries.append(Entry(name, f"{name}({inside}{more})", word.en, word.ko, example, list(word.korean)))
    return entries


def _indicators() -> list[Entry]:
    korean: dict[str, list[str]] = {}
    for synonym, name in synonyms().items():
        korean.setdefault(name, []).append(synonym)
    return [
        Entry(
            name,
            signature(indicator),
            indicator.en,
            indicator.ko,
            f"{name} > 0",
            korean.get(name, []),
            list(indicator.outputs) if len(indicator.outputs) > 1 else [],
        )
        for name, indicator in indicators().items()
    ]


def _memberships() -> list[Entry]:
    texts = {
        "market": ('market == "KOSPI"', 'market in ("KOSPI", "KOSDAQ")'),
        "sector": ('sector == "반도체"', 'sector in ("반도체", "은행")'),
        "list": ('in list "core"', 'not in list "core"'),
        "screen": ('in screen "my screen"', 'in screen "my screen" and close > 1000'),
    }
    return [
        Entry(name, texts[name][0], word.en, word.ko, texts[name][1], list(word.korean))
        for name, word in MEMBERSHIPS.items()
    ]


def _units() -> list[Entry]:
    powers = [
        Entry(unit, f"1{unit}", f"x {10.0**power:,.10g}", f"{10.0**power:,.10g}배", f"value > 5{unit}")
        for unit, power in UNITS.items()
    ]
    bars = [
        Entry(
            unit,
            f"1{unit}",
            f"{round(times)} bars (52주 is 252)",
            f"{round(times)}봉 (52주는 252봉)",
            f"sma(2{unit}) > 0",
        )
        for unit, times in BAR_UNITS.items()
    ]
    return powers + bars


def _markdown(sections: list[Section]) -> str:
    lines = ["# The language of screens", "", f"A screen is a condition of at most {TEXT_MAX:,} characters.", ""]
    for section in sections:
        lines += [
            f"## {section.title_en} · {section.title_ko}",
            "",
            "| write | means | 뜻 | like |",
            "|---|---|---|---|",
        ]
        for entry in section.entries:
            also = f" ({', '.join(entry.synonyms)})" if entry.synonyms else ""
            outputs = f"; outputs {', '.join(entry.outputs)}" if entry.outputs else ""
            cells = [f"`{entry.call}`{also}", entry.en + outputs, entry.ko, f"`{entry.example}`"]
            lines.append("| " + " | ".join(cells) + " |")
        lines.append("")
    return "\n".join(lines)

"""What may be typed next: names with their meaning, fitting the place."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal, TypeAlias

import msgspec

from ralph.errors import BadExpression
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
from ralph.screens.tokens import Token, tokenize

CompletionKind: TypeAlias = Literal[
    "column",
    "company",
    "function",
    "indicator",
    "output",
    "parameter",
    "operator",
    "logic",
    "frame",
    "membership",
    "name",
]

COMPLETIONS_MAX = 200
_COMPARED = Word("comparison", "비교")
_OPERATORS = dict.fromkeys(("<", "<=", ">", ">=", "==", "!="), _COMPARED) | {
    "between": Word("from a to b, both included", "사이"),
    "in": Word("equal to one of them", "그중 하나"),
}


class Completion(msgspec.Struct, frozen=True):
    """Put `insert` in the place of the characters from `start` to before `end`; `call` shows how it is written."""

    text: str
    kind: CompletionKind
    insert: str
    start: int
    end: int
    call: str
    en: str
    ko: str


class Names(msgspec.Struct, frozen=True):
    """Names that only a market and its user know."""

    markets: list[str] = []
    sectors: list[str] = []
    lists: list[str] = []
    screens: list[str] = []


def complete(text: str, position: int | None = None, names: Names | None = None) -> list[Completion]:
    """What fits at a position (the end when None), those that begin with what stands there first.

    Positions outside the text are moved to its ends; a text that cannot be cut into tokens has no completions.
    """
    at = len(text) if position is None else min(max(position, 0), len(text))
    before = text[:at]
    start = at
    while start and (before[start - 1].isalnum() or before[start - 1] == "_"):
        start -= 1
    if before[start:at][:1].isdigit():
        return []
    try:
        tokens = tokenize(before[:start])[:-1]
    except BadExpression:
        return _quoted(before, names or Names())
    typed = before[start:at].lower()
    offered = [_shifted(one, start, at) for one in _offers(tokens, names or Names())]
    fitting = [one for one in offered if _fits(one, typed)]
    return sorted(fitting, key=lambda one: not one.text.lower().startswith(typed))[:COMPLETIONS_MAX]


def _fits(one: Completion, typed: str) -> bool:
    """Whether what was typed is in the name, or in a Korean one of it."""
    korean = (synonym for synonym, name in synonyms().items() if name == one.text)
    return typed in one.text.lower() or any(synonym.startswith(typed) for synonym in korean)


def _shifted(one: Completion, start: int, end: int) -> Completion:
    return msgspec.structs.replace(one, start=start, end=end)


def _quoted(before: str, names: Names) -> list[Completion]:
    """Within quotes that are still open: the names that fit, where a name is compared."""
    start = before.rfind('"')
    try:
        tokens = tokenize(before[: max(start, 0)])[:-1]
    except BadExpression:
        return []
    typed = before[start + 1 :].lower()
    return [
        msgspec.structs.replace(one, start=start, end=len(before))
        for one in _known_names(tokens, names)
        if typed in one.text.lower()
    ]


def _offers(tokens: list[Token], names: Names) -> list[Completion]:
    last = tokens[-1] if tokens else None
    if last is not None and last.text == "." and last.kind == "operator":
        return _behind_point(tokens)
    known = _known_names(tokens, names)
    if known:
        return known
    if last is not None and last.text == "in" and _is_operand(tokens[:-1]):
        return []
    if last is not None and last.text == "in":
        return _words({name: MEMBERSHIPS[name] for name in ("list", "screen")}, "membership")
    if _is_operand(tokens):
        signs = _words(_OPERATORS, "operator") + _words(CROSSINGS, "operator")
        return signs + _words({name: LOGIC[name] for name in ("and", "or")}, "logic")
    return [*_parameters(tokens), *_operands()]


def _is_operand(tokens: list[Token]) -> bool:
    """Whether the tokens end where a number or condition is complete."""
    if not tokens:
        return False
    last = tokens[-1]
    if last.kind == "name":
        return last.text not in (*LOGIC, *CROSSINGS, "between", "in", "mode", "source")
    return last.kind in ("number", "string") or last.text in (")", "]")


def _behind_point(tokens: list[Token]) -> list[Completion]:
    """The outputs of an indicator; behind a frame its columns and indicators."""
    place = len(tokens) - 2
    if place >= 0 and tokens[place].text == ")":
        depth = 1
        while depth and place > 0:
            place -= 1
            depth += (tokens[place].text == ")") - (tokens[place].text == "(")
        place -= 1
    name = tokens[place].text if place >= 0 else ""
    if name in FRAMES:
        return _words(COLUMN_WORDS, "column") + _indicators()
    found = indicators().get(name)
    if found is None:
        return []
    return [
        Completion(output, "output", output, 0, 0, f"{name}.{output}", found.en, found.ko) for output in found.outputs
    ]


def _known_names(tokens: list[Token], names: Names) -> list[Completion]:
    """Names of markets and the like, where one has to follow."""
    texts = [token.text for token in tokens]
    of = ""
    if texts[-1:] in (["list"], ["screen"]) and texts[-2:-1] == ["in"]:
        of = texts[-1]
    elif texts[-1:] in (["=="], ["="], ["!="]) and texts[-2:-1] in (["market"], ["sector"]):
        of = texts[-2]
    elif texts[-1:] in (["("], [","]):
        opening = len(texts) - 1 - texts[::-1].index("(") if "(" in texts else 0
        before = texts[:opening]
        if before[-1:] == ["in"]:
            before = before[:-2] if before[-2:-1] == ["not"] else before[:-1]
            of = before[-1] if before and before[-1] in ("market", "sector") else ""
    listed: Iterable[str] = getattr(names, f"{of}s") if of else ()
    word = MEMBERSHIPS.get(of, _COMPARED)
    return [Completion(name, "name", f'"{name}"', 0, 0, f'"{name}"', word.en, word.ko) for name in listed]


def _parameters(tokens: list[Token]) -> list[Completion]:
    """The parameters of the indicator whose brackets are open here."""
    depth = 0
    for place in range(len(tokens) - 1, 0, -1):
        depth += (tokens[place].text == ")") - (tokens[place].text == "(")
        if depth < 0:
            found = indicators().get(tokens[place - 1].text)
            if found is None:
                return []
            call = signature(found)
            return [
                Completion(param.name, "parameter", f"{param.name}=", 0, 0, call, found.en, found.ko)
                for param in found.params
            ]
    return []


def _operands() -> list[Completion]:
    functions = [
        Completion(name, "function", f"{name}(", 0, 0, function.example, function.word.en, function.word.ko)
        for name, function in FUNCTIONS.items()
    ]
    return [
        *_words(COLUMN_WORDS, "column"),
        *_words(COMPANY_WORDS, "company"),
        *_indicators(),
        *functions,
        *_words(FRAMES, "frame"),
        *_words({name: MEMBERSHIPS[name] for name in ("market", "sector")}, "membership"),
        *_words({"in": Word("in list or in screen", "목록, 조건식에 있음")}, "membership"),
        *_words({"not": LOGIC["not"]}, "logic"),
    ]


def _indicators() -> list[Completion]:
    return [
        Completion(name, "indicator", f"{name}(" if found.params else name, 0, 0, signature(found), found.en, found.ko)
        for name, found in indicators().items()
    ]


def _words(table: Mapping[str, Word], kind: CompletionKind) -> list[Completion]:
    return [Completion(name, kind, name, 0, 0, name, word.en, word.ko) for name, word in table.items()]

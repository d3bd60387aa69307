"""What kind of instrument a Symbol is, and its state, from what a source says or from its code and name."""

from __future__ import annotations

import re

KINDS = ("common", "preferred", "ETF", "ETN", "SPAC", "REIT")
NORMAL = "normal"
STATES = ("halted", "administrative", "caution")

_SAID = {
    "common": ("common", "commonstock", "보통주", "ordinary"),
    "preferred": ("preferred", "preferredstock", "우선주", "구형우선주", "신형우선주", "종류주권"),
    "ETF": ("etf", "상장지수펀드", "상장지수집합투자기구"),
    "ETN": ("etn", "상장지수증권"),
    "SPAC": ("spac", "스팩", "기업인수목적회사"),
    "REIT": ("reit", "reits", "리츠", "부동산투자회사"),
}
_VAGUE = frozenset({"주권", "주식", "stock", "equity", "share", "shares"})  # a share of whatever class

# Of the Korea Exchange: six characters; the last is 0 for common shares and one of these for preferred ones.
_KRX_CODE = re.compile(r"[0-9][0-9A-Z]{5}")
_PREFERRED_ENDINGS = frozenset("579KLM")
_SPAC = re.compile(r"스팩|기업인수목적")
_REIT = re.compile(r"리츠($|코크렙)|부동산투자회사")
_NOT_REIT = re.compile(r"메리츠")  # a group of insurers and brokers
_PREFERRED = re.compile(r"우[A-Z]?\)?(\(.*\))?$|우선주")

_STATE_WORDS = {
    "halted": ("정지", "halt", "suspend"),
    "administrative": ("관리", "administrative"),
    "caution": ("환기", "투자주의", "주의종목", "caution"),
}


def kind_of(code: str, name: str | None, said: str | None = None) -> str | None:
    """The kind: what the source says, else by code and name; None where neither tells. ETF and ETN only when said."""
    if said is not None:
        word = re.sub(r"[\s_-]", "", said).lower()
        if word not in _VAGUE:
            return next((kind for kind, words in _SAID.items() if word in words), said)
    if _KRX_CODE.fullmatch(code) is None:
        return None
    if name is not None and _SPAC.search(name):
        return "SPAC"
    if name is not None and _REIT.search(name) and not _NOT_REIT.search(name):
        return "REIT"
    if code[-1] == "0":
        return "common"
    named = name is None or _PREFERRED.search(name) is not None
    return "preferred" if named and (code[-1] in _PREFERRED_ENDINGS or name is not None) else None


def state_of(text: str) -> str:
    """The state a source's words name: `관리종목(소속부없음)` is administrative, `우량기업부` is normal."""
    lowered = text.lower()
    found = [state for state in STATES if any(word in lowered for word in _STATE_WORDS[state])]
    return ", ".join(found) or NORMAL

"""Names as people search them: without space and case, and by the initial consonants of Hangul."""

from __future__ import annotations

import unicodedata

INITIALS = "ㄱㄲㄴㄷㄸㄹㅁㅂㅃㅅㅆㅇㅈㅉㅊㅋㅌㅍㅎ"
"""The 19 initial consonants, in the order of Unicode's syllables."""

_FIRST, _LAST = ord("가"), ord("힣")
_SYLLABLES = 588  # of each initial: 21 vowels, each with 28 finals


def plain(text: str) -> str:
    """Composed, without white space, without case: `Samsung Electronics` and `samsungelectronics` are one."""
    return "".join(unicodedata.normalize("NFC", text).split()).lower()


def choseong(text: str) -> str:
    """The plain text with the initial consonant for each syllable: 삼성전자 is ㅅㅅㅈㅈ, SK하이닉스 is skㅎㅇㄴㅅ."""
    return "".join(_initial(sign) for sign in plain(text))


def is_choseong(text: str) -> bool:
    """Whether a search has initial consonants, so that names are to be compared by theirs."""
    return any(sign in INITIALS for sign in text)


def _initial(sign: str) -> str:
    place = ord(sign)
    return INITIALS[(place - _FIRST) // _SYLLABLES] if _FIRST <= place <= _LAST else sign

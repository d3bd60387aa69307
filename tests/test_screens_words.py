"""Parameters that are words: `distance(20, average=ema)`."""

from __future__ import annotations

import msgspec
import pytest

from ralph import screens
from ralph.errors import BadExpression
from ralph.screens.tree import Comparison, Reading


def reading(text: str) -> Reading:
    node = screens.parse(f"{text} > 0")
    assert isinstance(node, Comparison)
    assert isinstance(node.left, Reading)
    return node.left


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("distance(20, average=ema)", "distance(20, average=ema)"),
        ("distance(average = WMA, period=5)", "distance(5, average=wma)"),
        ("distance", "distance(20, average=sma)"),
        ("distance(volume).disparity", "distance(volume, 20, average=sma).disparity"),
        ("anchored_vwap(252, anchor=lowest)[5]", "anchored_vwap(252, anchor=lowest)[5]"),
    ],
)
def test_a_word_is_written_with_its_name(text: str, written: str) -> None:
    """The canonical text reads back as the same tree, and so does its JSON form."""
    node = screens.parse(f"{text} > 0")
    assert str(node) == f"{written} > 0"
    assert screens.parse(str(node)) == node
    assert msgspec.json.decode(msgspec.json.encode(node), type=Comparison) == node


def test_a_word_is_no_indicator() -> None:
    """`ema` is an indicator elsewhere, and here the word."""
    assert dict(reading("distance(average=ema)").params) == {"period": 20.0, "average": "ema"}


@pytest.mark.parametrize(
    ("text", "at", "says"),
    [
        ("distance(20, average=hull) > 0", "hull", "sma, ema, wma"),
        ("distance(20, average=7) > 0", "7", "sma, ema, wma"),
        ("distance(20, ema) > 0", "ema", "written with its name"),
        ("distance(20, average=(close)) > 0", "average", "sma, ema, wma"),
        ("distance(average=ema, average=sma) > 0", "sma", "given twice"),
        ("distance(speed=2) > 0", "speed", "it has: source, period, average, mode"),
    ],
)
def test_a_wrong_word_is_pointed_at(text: str, at: str, says: str) -> None:
    """With the words there are."""
    with pytest.raises(BadExpression) as refused:
        screens.parse(text)
    assert says in f"{refused.value.message} {refused.value.accepted}"
    assert text[refused.value.position :].startswith(at)


def test_a_percentage_is_asked_of_the_output() -> None:
    """bb's width is a ratio although its bands are prices; linreg's slope a year counts in percent."""
    screens.parse("bb.width < 5%")
    with pytest.raises(BadExpression, match="leave the % out"):
        screens.parse("linreg(20).year_pct > 5%")

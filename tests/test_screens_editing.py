"""What an editor asks: problems with their fixes, completions, the layout of a text, the reference."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_screens_grammar import CANONICAL, TEXTS, WRONG

from ralph import screens
from ralph.errors import BadExpression
from ralph.screens.catalogue import COLUMNS, FUNCTIONS, indicators
from ralph.screens.formatting import LINE_MAX
from ralph.screens.parser import parse


@given(TEXTS, st.integers(-3, 80))
@settings(max_examples=500, suppress_health_check=list(HealthCheck))
def test_any_text_has_problems_inside_it_or_is_a_screen(text: str, position: int) -> None:
    """Places lie in the text, a fix can be made, completions replace what they say; nothing fails."""
    problems = screens.validate(text)
    try:
        parse(text)
        assert problems == []
    except BadExpression:
        assert problems
    for problem in problems:
        assert 0 <= problem.position <= problem.position + problem.length <= len(text)
        assert problem.fix is None or 0 <= problem.fix.start <= problem.fix.end <= len(text)
    for one in screens.complete(text, position):
        assert 0 <= one.start <= one.end <= len(text)


@pytest.mark.parametrize("text", [text for text, *_ in WRONG], ids=repr)
def test_a_wrong_text_has_a_problem_and_its_fix_helps(text: str) -> None:
    """Where a fix is offered for a text with one problem, it can be read after it, or is wrong only further on."""
    problems = screens.validate(text)
    assert problems
    fix = problems[0].fix
    if len(problems) > 1 or fix is None:
        return
    after = screens.validate(text[: fix.start] + fix.text + text[fix.end :])
    assert not after or after[0].position >= fix.start + len(fix.text)


def test_each_clause_has_its_own_problem() -> None:
    """`and` and `or` start afresh, those of between and within brackets do not."""
    text = "rsy(14) < 30 and close between 1 and 2 and clos > 5 or (close > 3"
    found = [(problem.position, problem.fix and problem.fix.text) for problem in screens.validate(text)]
    assert found == [(0, "rsi"), (43, "close"), (55, ")")]
    assert screens.validate("close => 3")[0].fix == screens.Fix(6, 8, ">=")
    assert screens.validate("close > 3") == []


def offered(text: str, position: int | None = None) -> list[str]:
    names = screens.Names(markets=["KOSPI", "KOSDAQ"], sectors=["은행"], lists=["core"], screens=["cheap"])
    return [one.insert for one in screens.complete(text, position, names)]


@pytest.mark.parametrize(
    ("text", "some", "none"),
    [
        ("", "close", "and"),
        ("cl", "close", "open"),
        ("종", "close", "open"),
        ("close ", "crosses_above", "close"),
        ("close > 5 ", "and", "sma("),
        ("close > 5 and ", "sma(", "and"),
        ("macd(12, 26, 9).", "hist", "close"),
        ("macd.h", "hist", "signal2"),
        ("close > sma(", "period=", "or"),
        ("weekly.", "rsi(", "weekly"),
        ("market == ", '"KOSPI"', "close"),
        ('market in ("KOSPI", ', '"KOSDAQ"', "close"),
        ("sector = 은", '"은행"', '"KOSPI"'),
        ('market == "KOS', '"KOSPI"', "close"),
        ("in ", "list", "close"),
        ("in screen ", '"cheap"', '"core"'),
        ("not in list co", '"core"', "close"),
    ],
)
def test_completions_fit_the_place(text: str, some: str, none: str) -> None:
    """Operands where one is missing, operators behind one, outputs behind a point, names behind what is compared."""
    found = offered(text)
    assert some in found
    assert none not in found


def test_a_completion_replaces_the_word_it_completes() -> None:
    """In the middle of a text as well; inside a number there is nothing to complete."""
    (only,) = [one for one in screens.complete("clo > 5", 3) if one.text == "close"]
    assert (only.start, only.end, only.kind) == (0, 3, "column")
    assert only.en
    assert only.ko
    assert screens.complete("close > 52", 10) == []


@pytest.mark.parametrize("text", [text for text, _ in CANONICAL])
def test_a_layout_reads_as_the_same_tree(text: str) -> None:
    """And a text laid out once stays as it is."""
    laid_out = screens.format_text(text)
    assert parse(laid_out) == parse(text)
    assert screens.format_text(laid_out) == laid_out


def test_long_screens_are_broken_at_and_and_or() -> None:
    """A part a line, groups in brackets further in."""
    either = "rsi(14) < 30 or volume > 2 * sma(volume, 20) or macd.hist crosses_above 0"
    lines = screens.format_text(f"close > sma(50) and ({either}) and value > 5억").splitlines()
    assert lines == [
        "close > sma(50)",
        "and (",
        "    rsi(14) < 30",
        "    or volume > 2 * sma(volume, 20)",
        "    or crosses_above(macd(12, 26, 9).hist, 0)",
        ")",
        "and value > 500000000",
    ]
    assert max(map(len, lines)) <= LINE_MAX
    assert screens.format_text("close>5 and open>3") == "close > 5 and open > 3"


def test_the_reference_names_everything_and_its_examples_read() -> None:
    """Every column, function and indicator, in both forms."""
    reference = screens.language_reference()
    entries = [entry for section in reference.sections for entry in section.entries]
    names = {entry.name for entry in entries}
    assert {*COLUMNS, *FUNCTIONS, *indicators(), "weekly", "market", "억", "주", "and", "crosses_above"} <= names
    for entry in entries:
        parse(entry.example)
        assert entry.en
        assert entry.ko
        assert f"`{entry.call}`" in reference.markdown
        for synonym in entry.synonyms:
            assert synonym in reference.markdown

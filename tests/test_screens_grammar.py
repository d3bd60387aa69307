"""The screen language as text: what it reads, how it prints, and where it points when it cannot understand."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, example, given, seed, settings
from hypothesis import strategies as st
from screens_markets import ANY_READINGS, conditions

from ralph import screens
from ralph.errors import BadExpression
from ralph.screens.parser import parse, parse_number
from ralph.screens.reader import DEPTH_MAX, NODES_MAX
from ralph.screens.tokens import TEXT_MAX
from ralph.screens.tree import Condition

PARTS = 10
EDITED_MAX = 200  # signs of a text that somebody types
CANONICAL = [
    ("Close >= 5 AND NOT open<3", "close >= 5 and not open < 3"),
    ("close = 5", "close == 5"),
    ("close > 5 and (open > 3 and low > 2)", "close > 5 and open > 3 and low > 2"),
    ("(close > 5 or open > 3) and low > 2", "(close > 5 or open > 3) and low > 2"),
    ("close > 5 or open > 3 and low > 2", "close > 5 or open > 3 and low > 2"),
    ("not (close > 5 or open > 3)", "not (close > 5 or open > 3)"),
    ("close - (open - low) > -close * -2", "close - (open - low) > -close * -2"),
    ("(close - open) - low > (close * open) / low", "close - open - low > close * open / low"),
    ("close / open - 1 > 5%", "close / open - 1 > 0.05"),
    ("value > 1.5억", "value > 150000000"),
    ("volume > 3천만", "volume > 30000000"),
    ("value > 2조", "value > 2000000000000"),
    ("close > 1만", "close > 10000"),
    ("close > .5e3", "close > 500"),
    ("rsi < 30", "rsi(14) < 30"),
    ("rsi(14, mode=talib) < 30", "rsi(14, mode=talib) < 30"),
    ("close > sma(close, 20)", "close > sma(20)"),
    ("close > sma(source=volume, period=20)", "close > sma(volume, 20)"),
    ("close > sma(period=20, source=volume)", "close > sma(volume, 20)"),
    ("sma(close * volume, 20) > 1억", "sma(close * volume, 20) > 100000000"),
    ("ema(rsi(14), 9) > 50", "ema(rsi(14), 9) > 50"),
    ("macd(12,26,9).hist > 0", "macd(12, 26, 9).hist > 0"),
    ("macd > macd.signal", "macd(12, 26, 9) > macd(12, 26, 9).signal"),
    ("close < bb(20, 2).lower", "close < bb(20, 2).lower"),
    ("close > highest(close, 60)[1]", "close > highest(close, 60)[1]"),
    ("close > highest(high, 60)[1][2]", "close > highest(60)[3]"),
    ("close[0] > (close + open)[2]", "close > (close + open)[2]"),
    ("(close > open)[1]", "(close > open)[1]"),
    ("close crosses_above sma(20)", "crosses_above(close, sma(20))"),
    ("not crosses_below(close, 5)[2]", "not crosses_below(close, 5)[2]"),
    ("abs(close - open) > min(1, max(close, 2))", "abs(close - open) > min(1, max(close, 2))"),
    ("obv > sma(obv, 20)", "obv > sma(obv, 20)"),
    ("close\n>\t5", "close > 5"),
    ("종가 > 이평(20) 그리고 거래량 > 2 * 이평(거래량, 20)", "close > sma(20) and volume > 2 * sma(volume, 20)"),
    (
        "종가 돌파 지수이평(20) 또는 아님 시가 이탈 5만",
        "crosses_above(close, ema(20)) or not crosses_below(open, 50000)",
    ),
    ("신고가(52주)", "high > highest(252)[1]"),
    ("new_low(20)", "low < lowest(20)[1]"),
    ("close between 1 and 2 and open > 3", "close >= 1 and close <= 2 and open > 3"),
    ("rsi not between 40 and 60", "not (rsi(14) >= 40 and rsi(14) <= 60)"),
    ("between(rsi, 40, 60) or close > 1", "rsi(14) >= 40 and rsi(14) <= 60 or close > 1"),
    ("close in (1, 2)", "close == 1 or close == 2"),
    ("close not in (1000)", "not close == 1000"),
    ("market = kospi", 'market == "kospi"'),
    ("market != KOSPI", 'not market == "KOSPI"'),
    ("sector not in (반도체, '은행 ')", 'not sector in ("반도체", "은행")'),
    ('in list core and not in screen "x y"', 'in list "core" and not in screen "x y"'),
    ("(market == KOSPI)[3]", '(market == "KOSPI")[3]'),
    ("weekly.rsi(14)[1] > 50", "weekly.rsi(14)[1] > 50"),
    ("(weekly.close)[1] > weekly.(close + open)", "(weekly.close)[1] > weekly.(close + open)"),
    ("monthly.macd.hist > 0", "monthly.macd(12, 26, 9).hist > 0"),
    ("change(close, 1개월) > 10%", "change(close, 21) > 0.1"),
    ("count(close > open, 10) >= 7", "count(close > open, 10) >= 7"),
    ("since(close crosses_above 5) < 3", "since(crosses_above(close, 5)) < 3"),
    ("any(close > open, 3) or all(open > 1, 2)[1]", "any(close > open, 3) or all(open > 1, 2)[1]"),
    ("rank(change(close, 20)) <= 50", "rank(change(close, 20)) <= 50"),
    ("rs_rating >= 80 and foreign_net(5) > 10억", "rs_rating() >= 80 and foreign_net(5) > 1000000000"),
    ("시가총액 > 1조 and listing_age > 60일", "market_cap > 1000000000000 and listing_age > 60"),
]

WRONG = [
    ("", 0, 1, "a condition, such as rsi(14) < 30"),
    ("   ", 0, 1, None),
    ("close", 0, 5, "a comparison, such as close > 0"),
    ("close >", 7, 1, None),
    ("close > 5 )", 10, 1, None),
    ("(close > 5", 0, 1, None),
    ("close > (5 + (3)", 8, 1, None),
    ("close > sma(20", 11, 1, None),
    ("close[1 > 2", 8, 1, None),
    ("(close > 5]", 10, 1, ")"),
    ("1 < close < 9", 10, 1, "1 < close and close < 9"),
    ("rsy(14) < 30", 0, 3, "rsi"),
    ("close > smaa(3)", 8, 4, "sma"),
    ("clos > 5", 0, 4, "close"),
    ("rsi(0) < 3", 4, 1, "a whole number from 1 to 5000"),
    ("rsi(2.5) < 3", 4, 3, "a whole number from 1 to 5000"),
    ("rsi(-14) < 3", 4, 3, "a whole number from 1 to 5000"),
    ("rsi(5001) < 3", 4, 4, "a whole number from 1 to 5000"),
    ("rsi(14, 3) < 2", 8, 1, None),
    ("rsi(periods=14) < 2", 4, 7, "source, period, mode"),
    ("rsi(period=14, period=3) < 2", 15, 6, None),
    ("rsi(14, mode=foo) < 3", 13, 3, "tv or talib"),
    ("sma(period=20, close) > 1", 15, 5, None),
    ("sma(close > 3, 20) > 1", 4, 9, None),
    ("macd.histo > 1", 5, 5, "hist"),
    ("macd[1].hist > 1", 7, 1, None),
    ("close.x > 1", 5, 1, None),
    ("close(5) > 1", 5, 1, "close[5] for five bars before"),
    ("close[1.5] > 2", 6, 3, None),
    ("close[5001] > 2", 6, 4, None),
    ("close[-1] > 1", 6, 1, None),
    ("close[3000][3000] > 1", 12, 4, "at most 2000"),
    ("abs(close, 3) > 1", 11, 1, "abs(close - open)"),
    ("min(close) > 1", 0, 3, None),
    ("close > 1,000", 9, 1, "1000, not 1,000"),
    ("close > 1_000", 8, 5, "1000"),
    ("close > 5k", 9, 1, None),
    ("close > 5 %", 10, 1, None),
    ("rsi(14) < 30%", 10, 3, "30"),
    ("close > nan", 8, 3, None),
    ("close > -inf", 9, 3, None),
    ("close > 1e999", 8, 5, None),
    ("close ≤ 5", 6, 1, "<="),
    ("close => 5", 6, 2, ">="),
    ("close > 5 && open > 3", 10, 2, "and"),
    ("not close", 4, 5, None),
    ("close and open > 1", 0, 5, None),
    ("(close > 1) > 2", 0, 11, None),
    ("-(close > 1) > 2", 1, 11, None),
    ("close > 5 close", 10, 5, None),
    ("close > 5 and", 13, 1, None),
    ("\ud800 > 1", 0, 1, None),
    ("close\x00 > 1", 5, 1, None),
    ("ⅷ > 2", 0, 1, None),
    ("сlose > 2", 0, 5, "close"),
    ("market > 3", 7, 1, 'market == "KOSPI"'),
    ("market == 3", 10, 1, '"KOSPI"'),
    ("in close", 3, 5, 'in list "core"'),
    ('in list "', 8, 1, None),
    ('close > "x"', 8, 3, None),
    ("weekly > 3", 0, 6, "weekly.close"),
    ("weekly.rank(close) > 3", 7, 11, None),
    ("weekly.monthly.close > 3", 7, 13, None),
    ("weekly.(1 + 2) > 3", 7, 7, None),
    ("percentile(close, 1) > 2", 18, 1, "a whole number from 2 to 5000"),
    ("count(close, 3) > 1", 6, 5, "a comparison, such as close > 0"),
    ("count(close > 1) > 1", 0, 5, "count(close > open, 10)"),
    ("change(5, 3) > 1", 7, 1, "change(close, 20)"),
    ("close between 1", 15, 1, "close between 1 and 1"),
    ("rank(close > 1) > 1", 5, 9, "a number, such as close"),
]


@pytest.mark.parametrize(("text", "canonical"), CANONICAL, ids=[text for text, _ in CANONICAL])
def test_every_text_has_one_canonical_form(text: str, canonical: str) -> None:
    """Printing normalises case, units, brackets and defaults, and its form reads back as the same tree."""
    node = parse(text)
    assert str(node) == canonical
    assert parse(canonical) == node


def check_tree(node: Condition) -> None:
    """A tree is the same after printing and reading, after its JSON form, and after being laid out in lines."""
    assert parse(str(node)) == node
    assert screens.from_json(screens.to_json(node)) == node
    assert parse(screens.format_text(str(node))) == node


@given(conditions(ANY_READINGS, everything=True))
@settings(max_examples=500, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
def test_trees_survive_text_and_json(node: Condition) -> None:
    """Five hundred trees."""
    check_tree(node)


@pytest.mark.long
@pytest.mark.filterwarnings("ignore:Generating overly large repr")  # of the strategy, when a draw is told of in a trace
@pytest.mark.parametrize("part", range(PARTS))
def test_very_many_trees_survive_text_and_json(part: int) -> None:
    """Ten thousand of them, in parts that can be run by themselves."""

    @seed(part)
    @given(conditions(ANY_READINGS, everything=True))
    @settings(max_examples=10_000 // PARTS, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
    def check(node: Condition) -> None:
        check_tree(node)

    check()


@pytest.mark.parametrize(("text", "position", "length", "suggestion"), WRONG, ids=[repr(case[0]) for case in WRONG])
def test_errors_point_at_the_character(text: str, position: int, length: int, suggestion: str | None) -> None:
    """Position and length name the piece that is wrong; the suggestion says what would do."""
    with pytest.raises(BadExpression) as caught:
        parse(text)
    error = caught.value
    assert (error.position, error.length) == (position, length), error.message
    assert "\n" not in error.message
    assert error.suggestion
    if suggestion is not None:
        assert error.suggestion == suggestion
    error.message.encode()
    error.suggestion.encode()


def test_a_column_is_a_number() -> None:
    """What is shown beside matches is a number, never a condition."""
    assert str(parse_number("close / close[5] - 1")) == "close / close[5] - 1"
    with pytest.raises(BadExpression, match="a number is needed"):
        parse_number("close > 5")


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("(" * DEPTH_MAX + "close > 1" + ")" * DEPTH_MAX, True),
        ("(" * (DEPTH_MAX + 1) + "close > 1" + ")" * (DEPTH_MAX + 1), False),
        ("not " * 33 + "close > 1", False),
        ("- " * 33 + "close > 1", False),
        ("close" + " + 1" * (NODES_MAX // 2 - 2) + " > 1", True),
        ("close" + " + 1" * (NODES_MAX // 2) + " > 1", False),
        ("close > 1" + " " * (TEXT_MAX - 9), True),
        ("close > 1" + " " * (TEXT_MAX - 8), False),
        ("(" * 100_000, False),
    ],
)
def test_length_depth_and_nodes_are_limited(text: str, kept: bool) -> None:
    """At each limit a screen is read; one beyond, it is refused."""
    if kept:
        parse(text)
        return
    with pytest.raises(BadExpression) as caught:
        parse(text)
    assert 0 <= caught.value.position <= len(text)


@pytest.mark.parametrize(
    "form",
    [
        b"",
        b"[]",
        b"\xff",
        b'{"node":"number","value":1}',
        b'{"node":"comparison","op":"<","left":{"node":"field","name":"x) or (1"},"right":{"node":"number","value":1}}',
        b'{"node":"comparison","op":"<","left":{"node":"field","name":"-open"},"right":{"node":"number","value":1}}',
        b'{"node":"not","part":' * 50_000,
        b"[" * 100_000,
    ],
)
def test_a_wrong_json_form_is_a_bad_expression(form: bytes) -> None:
    """JSON is checked by the rules of the text, and nothing can be smuggled in through a name."""
    with pytest.raises(BadExpression):
        screens.from_json(form)


PIECES = [
    *"()[],.+-*/<>=!%&|'\"\\;:{}~^@#$\x00\u200b\ud800 \n０１²½①",
    *[
        "close",
        "rsi",
        "sma(",
        "macd.",
        ".hist",
        "and",
        "or",
        "not",
        "crosses_above",
        "mode=",
        "source=",
        "period=",
        "억",
    ],
    *[
        "%",
        "1",
        "20",
        "5000",
        "1e9",
        "1e400",
        "0.5",
        "[1]",
        "<=",
        "==",
        "nan",
        "종가",
        "Ω",
        "ﬁ",
        "İ",
        "min(",
        "market == ",
        "in list ",
        "between",
        "weekly.",
        "count(",
        "rank(",
        "KOSPI",
        "52주",
        "'",
        "-",
        "abs",
    ],
]
TEXTS = st.one_of(
    st.text(max_size=60),
    st.lists(st.sampled_from(PIECES), max_size=40).map("".join),
    st.lists(st.sampled_from(PIECES), max_size=40).map(" ".join),
    st.tuples(st.sampled_from([text for text, _ in CANONICAL]), st.integers(0, 60), st.sampled_from(PIECES)).map(
        lambda parts: parts[0][: parts[1]] + parts[2] + parts[0][parts[1] :]
    ),
    st.tuples(st.sampled_from([text for text, _ in CANONICAL]), st.integers(0, 60), st.integers(1, 4)).map(
        lambda parts: parts[0][: parts[1]] + parts[0][parts[1] + parts[2] :]
    ),
    st.tuples(st.sampled_from(["(", "not ", "-", "close[1]", "sma(", "1+", "a.", "9"]), st.integers(1, 2100)).map(
        lambda parts: parts[0] * parts[1]
    ),
)


def check_text(text: str) -> None:
    """A text is read and prints to what reads back, or is refused at a place inside it; nothing else happens."""
    refused: BadExpression | None = None
    try:
        node = parse(text)
    except BadExpression as error:
        refused = error
    if refused is None:
        assert parse(str(node)) == node
        return
    assert 0 <= refused.position <= len(text)
    assert refused.suggestion
    (refused.message + refused.suggestion).encode()


@given(TEXTS)
@example("close > " + "9" * 1900)
@settings(max_examples=2_000, suppress_health_check=list(HealthCheck))
def test_any_text_is_read_or_refused(text: str) -> None:
    """Two thousand texts of every sort."""
    check_text(text)


@pytest.mark.long
@pytest.mark.parametrize("part", range(PARTS))
def test_any_of_very_many_texts_is_read_or_refused(part: int) -> None:
    """A hundred thousand of them, in parts; and what an editor is told of the shorter ones lies inside them."""

    @seed(part)
    @given(TEXTS)
    @settings(max_examples=100_000 // PARTS, suppress_health_check=list(HealthCheck))
    def check(text: str) -> None:
        check_text(text)
        if len(text) <= EDITED_MAX:
            for problem in screens.validate(text, screens.Names()):
                assert 0 <= problem.position <= problem.position + problem.length <= len(text)

    check()

"""What a screen answers: order, score, values, reasons, exclusions, funnel, near misses, pages and universes."""

from __future__ import annotations

import dataclasses
import statistics
from collections.abc import Sequence
from datetime import date

import msgspec
import numpy as np
import pytest
from screens_markets import FIRST_DAY, invented

from ralph import screens
from ralph.errors import BadExpression, BadParameter, DataNotFound, UnknownSymbol
from ralph.market.columns import BarColumns, build_panel
from ralph.market.flags import Flag
from ralph.market.panel import Panel
from ralph.market.symbol import Listing, Symbol
from ralph.screens.answer import NEAR_MISSES_MAX
from ralph.screens.lookback import bars_seen
from ralph.screens.reasons import figures

PANEL = build_panel(invented(symbols=40, days=300))


def market(closes: dict[str, list[float]], volumes: dict[str, list[float]] | None = None) -> Panel:
    """A Panel of these closes on consecutive days, the last of all on the same day; open = high = low = close."""
    longest = max(len(row) for row in closes.values())
    symbol, day, close, volume = [], [], [], []
    for column, (name, row) in enumerate(sorted(closes.items())):
        symbol += [column] * len(row)
        day += [FIRST_DAY + longest - len(row) + bar for bar in range(len(row))]
        close += row
        volume += (volumes or {}).get(name, [10.0] * len(row))
    prices = np.array(close)
    bars = BarColumns(
        listings=tuple(Listing(Symbol(name), name=f"{name} 주식회사") for name in sorted(closes)),
        symbol=np.array(symbol, dtype=np.int32),
        day=np.array(day),
        open=prices,
        high=prices,
        low=prices,
        close=prices,
        volume=np.array(volume),
        value=np.full(prices.size, np.nan),
        flags=np.zeros(prices.size, dtype=np.uint8),
    )
    return build_panel(bars, workspace="main", data_version="7")


def ask(text: str, panel: Panel = PANEL, extras: Sequence[str] = (), **options: object) -> screens.Answer:
    """Run a screen; options and extras as in a JSON body."""
    body = {"expression": text, "with": list(extras), **options}
    return screens.run(panel, msgspec.convert(body, screens.Request))


def test_the_answer_has_the_shape_of_the_contract() -> None:
    """Field for field, as JSON; what was not asked for is absent."""
    answer = ask("close > 15", market({"A": [10.0, 20.0], "B": [10.0, 10.0]}))
    decoded = msgspec.json.decode(msgspec.json.encode(answer))
    assert decoded.pop("timing_ms") > 0
    assert decoded == {
        "workspace": "main",
        "simulated": False,
        "as_of": "2025-01-03",
        "data_version": "7",
        "expression": "close > 15",
        "total_scanned": 2,
        "total_matches": 1,
        "matches": [
            {
                "symbol": "A",
                "name": "A 주식회사",
                "score": 50.0,
                "anomaly": False,
                "values": {"close": 20.0},
                "reasons": [{"en": "close 20 > 15", "ko": "종가 20, 15 초과"}],
            }
        ],
        "excluded": {"no_bar": 0, "halted": 0, "young_listing": 0, "missing_value": 0, "not_in_universe": 0},
    }


def test_the_body_of_a_request_is_strict() -> None:
    """The names of the contract are read, any other is refused."""
    body = b'{"expression":"close > 1","as_of":"2025-01-03","universe":["A"],"limit":5,"with":["funnel"]}'
    request = msgspec.json.decode(body, type=screens.Request)
    assert request.extras == ["funnel"]
    assert request.as_of == date(2025, 1, 3)
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(b'{"expression":"close > 1","limits":5}', type=screens.Request)


def test_the_score_is_the_margin_in_medians_of_252_bars() -> None:
    """100 m / (m + s) for each part; `and` takes the least, `or` the most of the parts that hold."""
    rows = {f"{index:03d}": list(np.random.default_rng(index).uniform(1, 99, 300)) for index in range(20)}
    panel = market(rows)

    def points(row: list[float], level: float) -> float:
        scale = statistics.median(abs(close - level) for close in row[-252:])
        return 100 * abs(row[-1] - level) / (abs(row[-1] - level) + scale)

    for match in ask("close > 20 and not close >= 90", panel).matches:
        row = rows[match.symbol]
        assert match.score == pytest.approx(min(points(row, 20), points(row, 90)), rel=1e-12)
    for match in ask("close > 50 or close > 30", panel).matches:
        row = rows[match.symbol]
        holding = [points(row, level) for level in (50, 30) if row[-1] > level]
        assert match.score == pytest.approx(max(holding), rel=1e-12)
        assert len(match.reasons) == len(holding)


def test_scores_at_the_edges() -> None:
    """An equality is whole, a comparison that never varied scores 0, a crossing is scored by its slope."""
    panel = market({"A": [10.0] * 9 + [8.0, 12.0]})
    assert ask("close == 12", panel).matches[0].score == 100
    assert ask("close == 12 and close > 11", panel).matches[0].score == ask("close > 11", panel).matches[0].score
    assert ask("close > 5", market({"A": [5.0] * 9 + [7.0]})).matches[0].score == 0
    crossing = ask("close crosses_above 10", market({"A": [10.0, 11.0, 9.0, 9.0, 13.0]})).matches[0]
    assert crossing.score == pytest.approx(100 * 4 / (4 + 1))
    assert crossing.reasons[0].en == "close 13 crosses above 10"
    assert crossing.reasons[0].ko == "종가 13, 10 상향 돌파"


def test_ties_go_to_the_higher_traded_value_then_to_the_symbol() -> None:
    """Score first, then won traded, then the code."""
    closes = {name: [5.0, 10.0] for name in ("A", "B", "C", "D")}
    volumes = {"A": [1.0, 1.0], "B": [1.0, 9.0], "C": [1.0, 1.0], "D": [1.0, 9.0]}
    assert [match.symbol for match in ask("close > 4", market(closes, volumes)).matches] == ["B", "D", "A", "C"]


def test_values_name_both_sides_and_what_is_in_them() -> None:
    """Canonical texts of each side, of the names within, and of the columns asked for; missing is null."""
    panel = market({"A": [10.0, 20.0]}, {"A": [3.0, 9.0]})
    match = ask(
        "volume > 2 * sma(volume, 2)[1] or (close - open)[1] < 3", panel, columns=["close/2", "sma(9)"]
    ).matches[0]
    assert match.values == {
        "volume": 9.0,
        "2 * sma(volume, 2)[1]": None,
        "sma(volume, 2)[1]": None,
        "(close - open)[1]": 0.0,
        "close[1]": 10.0,
        "open[1]": 10.0,
        "close / 2": 10.0,
        "sma(9)": None,
    }
    assert [reason.en for reason in match.reasons] == ["(close - open)[1] 0 < 3"]
    assert match.reasons[0].ko == "1봉 전 (종가 - 시가) 0, 3 미만"


@pytest.mark.parametrize(
    ("left", "right", "texts"),
    [
        (28.312, 30.0, ("28.3", "30")),
        (29.996, 30.0, ("29.996", "30")),
        (71234.6, 65310.2, ("71,235", "65,310")),
        (71234.6, 71234.9, ("71,234.6", "71,234.9")),
        (0.051234, 0.05, ("0.0512", "0.05")),
        (1.5e-9, 1.0, ("1.50e-09", "1")),
        (-3.0, 0.0, ("-3", "0")),
        (2e17, 5.0, ("2.00e+17", "5")),
    ],
)
def test_figures_never_contradict_the_comparison(left: float, right: float, texts: tuple[str, str]) -> None:
    """Few figures, but enough to tell unequal numbers apart."""
    assert figures(left, right) == texts


def test_who_could_not_match_is_counted_by_reason() -> None:
    """No bar that day, a bar without trade, a value missing: never a match, always accounted for."""
    closes = {"A": [1.0] * 5, "B": [1.0] * 5, "C": [1.0] * 2, "D": [1.0] * 5}
    panel = market(closes, {"B": [1.0, 1.0, 1.0, 1.0, 0.0]})
    answer = ask("sma(4) > 0", panel)
    assert answer.total_scanned == 4
    assert [match.symbol for match in answer.matches] == ["A", "D"]
    nobody = {"no_bar": 0, "not_in_universe": 0}
    assert answer.excluded == {"halted": 1, "young_listing": 1, "missing_value": 0, **nobody}
    assert ask("1 / (close - 1) > 0", panel).excluded == {"halted": 1, "young_listing": 0, "missing_value": 3, **nobody}
    assert ask("close > 0", panel, universe=["A", "B"]).excluded["not_in_universe"] == 2
    listed = ask("close > 0 and 1 / (close - 1) > 0", panel, extras=["excluded"]).excluded_symbols or []
    assert sum(ask("close > 0 and 1 / (close - 1) > 0", panel).excluded.values()) == len(listed)
    missing = next(each for each in listed if each.why == "missing_value")
    assert missing.part == "1 / (close - 1) > 0"
    assert missing.reason.en == "a figure in 1 / (close - 1) > 0 is missing"
    assert {each.part for each in listed if each.why == "halted"} == {None}
    early = ask("close > 0", panel, as_of="2025-01-02")
    assert early.total_scanned == 3
    assert {match.symbol for match in early.matches} == {"A", "B", "D"}
    left = (Listing(Symbol("A"), delisted_on=date(2025, 1, 3)), *panel.listings[1:])
    gone = dataclasses.replace(panel, listings=left)
    assert ask("close > 0", gone).total_scanned == 3
    assert ask("close > 0", gone, as_of="2025-01-03").total_scanned == 3
    assert ask("not (sma(4) > 0)", panel).total_matches == 0


def test_an_offset_counts_traded_bars() -> None:
    """`close[1]` is the bar before the halt."""
    panel = market({"A": [5.0, 6.0, 7.0]}, {"A": [1.0, 0.0, 1.0]})
    assert ask("close[1] == 5", panel).total_matches == 1


def test_a_flagged_bar_within_the_lookback_marks_the_match() -> None:
    """Of the windows, periods and offsets of the expression, counted back from the newest bar."""
    bars = invented(symbols=1, days=60)
    flags = np.zeros(len(bars), dtype=np.uint8)
    traded = np.flatnonzero(bars.volume > 0)
    flags[traded[-8]] = Flag.JUMP
    panel = build_panel(dataclasses.replace(bars, flags=flags))
    for text, seen in [
        ("close > 0", 1),
        ("close[6] > 0", 7),
        ("close[7] > 0", 8),
        ("sma(8) > 0", 8),
        ("sma(7) > 0", 7),
    ]:
        assert bars_seen(screens.parse(text)) == seen
        assert ask(text, panel).matches[0].anomaly is (seen >= 8)
    assert bars_seen(screens.parse(["sma(rsi(14), 5)[2]", " close crosses_above 3"][0] + " > 3")) == 15 + 4 + 2


def test_the_funnel_follows_the_parts_in_order() -> None:
    """Each step counts those that meet this part and all before it."""
    answer = ask("close > open and (volume > 100 or close > 2000) and rsi(14) > 45", extras=["funnel"])
    assert answer.funnel is not None
    assert [step.part for step in answer.funnel] == ["close > open", "volume > 100 or close > 2000", "rsi(14) > 45"]
    first = ask("close > open").total_matches
    assert [step.remaining for step in answer.funnel][::2] == [first, answer.total_matches]
    assert [step.alone for step in answer.funnel] == [ask(step.part).total_matches for step in answer.funnel]


def test_near_misses_fail_exactly_one_part() -> None:
    """Which part, both sides and their distance, nearest first, and never one that is missing or matches."""
    panel = market(
        {"A": [1.0, 30.0], "B": [1.0, 29.0], "C": [1.0, 40.0], "D": [50.0], "E": [1.0, 31.0], "F": [50.0, 50.0]}
    )
    answer = ask("close > 30 and close[1] < 20", panel, extras=["near_misses"])
    assert {match.symbol for match in answer.matches} == {"C", "E"}
    assert answer.near_misses is not None
    found = [(miss.symbol, miss.part, miss.lhs, miss.rhs, miss.distance) for miss in answer.near_misses]
    assert found == [
        ("A", "close > 30", 30.0, 30.0, 0.0),
        ("B", "close > 30", 29.0, 30.0, 1.0),
        ("F", "close[1] < 20", 50.0, 20.0, 30.0),
    ]
    assert answer.near_misses[1].reason.en == "close 29 <= 30"
    assert answer.near_misses[0].closeness == 100
    many = ask("close > 100000", PANEL, extras=["near_misses"])
    assert many.near_misses is not None
    assert len(many.near_misses) <= NEAR_MISSES_MAX
    either = ask("close > 35 or close < 20", panel, extras=["near_misses"]).near_misses
    assert either is not None
    assert [(miss.symbol, miss.rhs) for miss in either] == [("E", 35.0), ("A", 35.0), ("B", 35.0)]


def test_pages_join_to_the_whole() -> None:
    """In the same order, without gap or double, and the cursor keeps the date."""
    whole = [match.symbol for match in ask("close > open or rsi(14) < 60").matches]
    seen: list[str] = []
    cursor: str | None = None
    while True:
        page = ask("close>open or rsi < 60", limit=7, cursor=cursor)
        seen += [match.symbol for match in page.matches]
        assert page.total_matches == len(whole)
        cursor = page.next_cursor
        if cursor is None:
            break
    assert seen == whole
    first = ask("close > open", limit=1, as_of=str(PANEL.sessions[-5]))
    assert ask("close > open", limit=1, cursor=first.next_cursor).as_of == first.as_of
    for wrong in ("", "x", "!!!", "é", "bnVsbA", "WzEsMl0", first.next_cursor):
        with pytest.raises(BadParameter) as caught:
            ask("close > 1", cursor=wrong)
        assert caught.value.field == "cursor"


def test_a_universe_is_everything_a_market_or_a_list() -> None:
    """Symbols in any case, a market's name, nothing at all; what is not known is named."""
    assert ask("close > 0", universe=["000001", "000002"]).total_scanned == 2
    kospi = ask("close > 0", universe="kospi")
    assert 0 < kospi.total_scanned < ask("close > 0").total_scanned
    assert all(int(match.symbol) % 2 for match in kospi.matches)
    empty = ask("close > 0", universe=[], extras=["funnel", "near_misses", "sparkline"])
    assert (empty.total_scanned, empty.matches, empty.near_misses) == (0, [], [])
    with pytest.raises(UnknownSymbol):
        ask("close > 0", universe=["999999"])
    with pytest.raises(UnknownSymbol):
        ask("close > 0", universe=["\ud800\n"])
    with pytest.raises(BadParameter, match="KOSDAQ, KOSPI"):
        ask("close > 0", universe="NYSE")


def test_a_universe_does_not_change_who_matches() -> None:
    """A few Symbols picked out answer as they do among all."""
    whole = {match.symbol: match for match in ask("rsi(14) > 50 and close > ema(9)").matches}
    names = [*sorted(whole)[:3], "000000"]
    for match in ask("rsi(14) > 50 and close > ema(9)", universe=names).matches:
        assert match == whole[match.symbol]


def test_a_sparkline_is_the_last_sixty_closes() -> None:
    """Oldest first, the as-of bar last; fewer for a young listing."""
    matches = ask("close > 0", extras=["sparkline"]).matches
    closes = PANEL.as_of().field("close")
    for match in matches:
        column = closes[-60:, PANEL.columns[match.symbol]]
        assert match.sparkline == column[~np.isnan(column)].tolist()


@pytest.mark.parametrize(
    ("options", "error", "field"),
    [
        ({"limit": 0}, BadParameter, "limit"),
        ({"limit": 10_001}, BadParameter, "limit"),
        ({"columns": ["close"] * 21}, BadParameter, "columns"),
        ({"columns": ["close", "clos"]}, BadExpression, "columns[1]"),
        ({"sort": "clos"}, BadExpression, "sort"),
        ({"as_of": "2099-01-01"}, DataNotFound, "as_of"),
        ({"universe": ["000001"] * 10_001}, BadParameter, "universe"),
    ],
)
def test_a_wrong_request_names_its_field(options: dict[str, object], error: type[Exception], field: str) -> None:
    """And nothing is computed."""
    with pytest.raises(error) as caught:
        screens.run(PANEL, msgspec.convert({"expression": "close > 0", **options}, screens.Request))
    assert caught.value.field == field  # type: ignore[attr-defined]


def test_a_listing_of_three_bars_is_an_answer_not_an_error() -> None:
    """Whatever the windows."""
    panel = market({"A": [1.0, 2.0, 3.0]})
    for text in (
        "sma(200) > 0",
        "macd > 0 or close > 0",
        "adx > 0",
        "close[5000] > 0",
        "highest(5000) > 0",
        "bb.upper > 1",
    ):
        answer = ask(text, panel, extras=["funnel", "near_misses", "sparkline"])
        assert answer.total_matches + answer.excluded["young_listing"] == 1

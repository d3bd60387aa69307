"""What is known of a Symbol, folded by day; kinds, states and names as people search them. Pure."""

from __future__ import annotations

import itertools
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ralph.market.history import Record, Version, learn, listing_of, observe, relist
from ralph.market.kinds import kind_of, state_of
from ralph.market.names import choseong, is_choseong, plain
from ralph.market.roster import Roster, listing_on
from ralph.market.symbol import Listing, Past, Span, Symbol

FIRST = date(2024, 1, 1)
DAY = timedelta(days=1)

observations = st.lists(st.tuples(st.sampled_from("ABC"), st.integers(0, 12)), max_size=12)


def day(number: int) -> date:
    return FIRST + number * DAY


def fold(seen: list[tuple[str, int]]) -> tuple[Version, ...]:
    versions: tuple[Version, ...] = ()
    for value, number in seen:
        versions = observe(versions, value, day(number))
    return versions


def value_on(versions: tuple[Version, ...], when: date) -> str:
    return [version.value for version in versions if version.since <= when][-1]


@given(observations)
def test_versions_ascend_and_neighbours_differ(seen: list[tuple[str, int]]) -> None:
    versions = fold(seen)
    assert all(version.since <= version.seen for version in versions)
    for older, newer in itertools.pairwise(versions):
        assert older.seen < newer.since
        assert older.value != newer.value


@given(observations)
def test_the_last_statement_for_a_day_holds_on_it(seen: list[tuple[str, int]]) -> None:
    versions = fold(seen)
    for number, value in {number: value for value, number in seen}.items():
        assert value_on(versions, day(number)) == value


@given(observations)
def test_saying_the_same_again_changes_nothing(seen: list[tuple[str, int]]) -> None:
    latest = {number: value for value, number in seen}
    versions = fold(seen)
    assert fold([*seen, *((value, number) for number, value in latest.items())]) == versions


@given(st.permutations([("A", 0), ("A", 3), ("B", 5), ("B", 7), ("C", 9), ("C", 12)]))
def test_the_order_of_lists_does_not_matter_where_no_value_comes_back(seen: list[tuple[str, int]]) -> None:
    assert fold(seen) == (Version("A", day(0), day(3)), Version("B", day(5), day(7)), Version("C", day(9), day(12)))


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), max_size=6))
def test_listings_of_a_code_never_overlap(given_spans: list[tuple[int, int]]) -> None:
    spans: tuple[Span, ...] = ()
    for first, last in given_spans:
        spans = relist(spans, Span(day(min(first, last)), day(max(first, last))))
    for older, newer in itertools.pairwise(spans):
        assert older.delisted_on is not None
        assert newer.listed_on is not None
        assert older.delisted_on < newer.listed_on


def test_a_code_used_again_has_two_listings() -> None:
    code = Symbol("012340")
    record = learn(Record(), Listing(code, name="옛날", delisted_on=day(10)), day(90), is_dated=True)
    record = learn(record, Listing(code, name="새로", listed_on=day(50)), day(90), is_dated=True)
    found = listing_of(code, record)
    assert (found.name, found.listed_on, found.delisted_on) == ("새로", day(50), None)
    assert found.earlier == (Span(None, day(10)),)
    assert found.past == (Past("name", "옛날", day(10), day(89)),)
    roster = Roster([found])
    listed = [number for number in range(100) if roster.listed(day(number))[0]]
    assert listed == [*range(11), *range(50, 100)]


def test_a_move_to_another_market_keeps_the_listing() -> None:
    """The exchange restarts the listing date of a Symbol that moves; that date is the day of the move."""
    code = Symbol("066970")
    was = Listing(code, market="KOSDAQ", listed_on=day(3))
    now = Listing(code, market="KOSPI", listed_on=day(40))
    record = learn(Record(), was, day(10), is_dated=True)
    for _ in range(2):
        record = learn(record, now, day(80), is_dated=True)
        found = listing_of(code, record)
        assert (found.market, found.listed_on) == ("KOSPI", day(3))
        assert found.past == (Past("market", "KOSDAQ", day(10), day(39)),)
    roster = Roster([found])
    assert roster.markets == ("KOSDAQ", "KOSPI")
    for number, kosdaq in ((3, True), (39, True), (40, False), (90, False)):
        assert roster.on_market("KOSDAQ", day(number)).tolist() == [kosdaq]
        assert roster.on_market("KOSPI", day(number)).tolist() == [not kosdaq]
    assert not roster.listed(day(2))[0]


def test_a_segment_belongs_to_its_market_but_not_the_other_way_round() -> None:
    roster = Roster([Listing(Symbol("1"), market="KOSDAQ GLOBAL"), Listing(Symbol("2"), market="KOSDAQ")])
    assert roster.on_market("KOSDAQ", FIRST).tolist() == [True, True]
    assert roster.on_market("KOSDAQ GLOBAL", FIRST).tolist() == [True, False]


def test_a_listing_as_of_a_day_knows_nothing_that_came_later() -> None:
    """Its fields are those of the day, the first ones before any was seen."""
    may, june, july = (date(2025, month, 1) for month in (5, 6, 7))
    names = (Past("name", "가", may, june - timedelta(days=1)), Past("name", "나", june, july - timedelta(days=1)))
    moved = Past("market", "KOSDAQ", may, june)
    listing = Listing(Symbol("005930"), name="다", market="KOSPI", delisted_on=july, past=(moved, *names))
    assert listing_on(listing, july) == listing
    assert listing_on(listing, june) == Listing(Symbol("005930"), name="나", market="KOSDAQ", past=names[:1])
    assert listing_on(listing, date(2020, 1, 1)) == Listing(Symbol("005930"), name="가", market="KOSDAQ")


def test_a_list_without_a_date_keeps_the_old_name_even_on_the_same_day() -> None:
    code = Symbol("000270")
    record = learn(Record(), Listing(code, name="기아차"), FIRST, is_dated=False)
    record = learn(record, Listing(code, name="기아"), FIRST, is_dated=False)
    assert [(past.value, past.until) for past in listing_of(code, record).past] == [("기아차", FIRST - DAY)]


@pytest.mark.parametrize(
    ("code", "name", "said", "kind"),
    [
        ("005930", "삼성전자", None, "common"),
        ("005930", None, None, "common"),
        ("005935", "삼성전자우", None, "preferred"),
        ("005387", "현대차2우B", None, "preferred"),
        ("00104K", "CJ4우(전환)", None, "preferred"),
        ("00104K", None, None, "preferred"),
        ("002671", "미주제강1신", None, None),
        ("294090", "이오플로우", None, "common"),
        ("0044K0", "삼성스팩10호", None, "SPAC"),
        ("395400", "SK리츠", None, "REIT"),
        ("088260", "이리츠코크렙", None, "REIT"),
        ("138040", "메리츠금융지주", None, "common"),
        ("369370", "블리츠웨이엔터테인먼트", None, "common"),
        ("069500", "KODEX 200", "ETF", "ETF"),
        ("530031", "삼성 레버리지", "상장지수증권", "ETN"),
        ("005935", "삼성전자우", "구형 우선주", "preferred"),
        ("005930", "삼성전자", "주권", "common"),
        ("005930", "삼성전자", "신주인수권증서", "신주인수권증서"),
        ("AAPL", "Apple", None, None),
        ("4007601F", "NH올원리츠 4R", None, None),
    ],
)
def test_a_kind_is_what_is_said_else_what_code_and_name_tell(
    code: str, name: str | None, said: str | None, kind: str | None
) -> None:
    assert kind_of(code, name, said) == kind


def test_a_derived_kind_follows_the_name_and_a_stated_one_stays() -> None:
    code = Symbol("440820")
    record = learn(Record(), Listing(code, name="엔에이치스팩24호"), day(0), is_dated=True)
    record = learn(record, Listing(code, name="어떤전자"), day(9), is_dated=True)
    assert listing_of(code, record).kind == "common"
    fund = learn(Record(), Listing(code, name="펀드", kind="ETF"), day(0), is_dated=True)
    assert listing_of(code, learn(fund, Listing(code, name="새펀드"), day(9), is_dated=True)).kind == "ETF"


@pytest.mark.parametrize(
    ("said", "state"),
    [
        ("관리종목(소속부없음)", "administrative"),
        ("투자주의환기종목(소속부없음)", "caution"),
        ("우량기업부", "normal"),
        ("거래정지", "halted"),
        ("관리종목, 거래정지", "halted, administrative"),
        ("Suspended", "halted"),
    ],
)
def test_a_state_is_read_from_the_words_of_a_source(said: str, state: str) -> None:
    assert state_of(said) == state


@pytest.mark.parametrize(
    ("name", "initials"),
    [("삼성전자", "ㅅㅅㅈㅈ"), ("SK하이닉스", "skㅎㅇㄴㅅ"), ("까치 꽃", "ㄲㅊㄲ"), ("", ""), ("ㅅㅅ", "ㅅㅅ")],
)
def test_initial_consonants_stand_for_their_syllables(name: str, initials: str) -> None:
    assert choseong(name) == initials


@given(st.text())
def test_plain_text_has_no_space_and_is_its_own_plain_text(text: str) -> None:
    assert not any(sign.isspace() for sign in plain(text))
    assert choseong(plain(text)) == choseong(text)


@given(st.text(alphabet=st.characters(min_codepoint=0xAC00, max_codepoint=0xD7A3), min_size=1))
def test_every_syllable_has_an_initial(text: str) -> None:
    initials = choseong(text)
    assert len(initials) == len(text)
    assert all(is_choseong(sign) for sign in initials)
    assert choseong("삼") == choseong("\u1109\u1161\u11b7") == "ㅅ", "decomposed text, as some systems write names"

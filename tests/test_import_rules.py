"""The row rules: which bars are kept, rejected or flagged, by table and by law."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ralph.market.flags import Flag
from ralph.market.rules import PRICES, REASONS, RawRows, flag_rows, keep, sift, simulated_bars
from ralph.market.symbol import Listing, Symbol

TODAY = date(2026, 5, 29)
NAN, INF = float("nan"), float("inf")
FIELDS = (*PRICES, "volume", "value")
GOOD = {"symbol": 0, "date": "2026-05-28", "open": 100.0, "high": 110.0, "low": 90.0, "close": 105.0, "volume": 10.0}

Row = Mapping[str, object]


def raw(*rows: Row, codes: tuple[str, ...] = ("000020", "005930")) -> RawRows:
    full = [{**GOOD, "value": NAN, **row} for row in rows]
    columns = {name: np.array([row[name] for row in full], dtype=np.float64) for name in FIELDS}
    return RawRows(
        codes=codes,
        symbol=np.array([row["symbol"] for row in full], dtype=np.int32),
        day=np.array([row["date"] for row in full], dtype="datetime64[D]"),
        prices={name: columns[name] for name in PRICES},
        volume=columns["volume"],
        value=columns["value"],
    )


HALT: Row = {"open": 0, "high": 0, "low": 0, "volume": 0}

REJECTED: list[tuple[Row, str, str]] = [
    ({"symbol": -1}, "symbol", "not a code"),
    ({"date": "NaT"}, "date", "not a date"),
    ({"date": "2026-05-30"}, "date", "future"),
    ({"date": "1899-12-31"}, "date", "before 1900"),
    *[({name: NAN}, name, "not a number") for name in (*PRICES, "volume")],
    *[({name: 0.0}, name, "above 0") for name in PRICES],
    *[({name: -1.0}, name, "above 0") for name in PRICES],
    *[({name: INF}, name, "above 0") for name in PRICES],
    *[({name: -INF}, name, "above 0") for name in PRICES],
    ({"volume": -1.0}, "volume", "from 0"),
    ({"volume": INF}, "volume", "from 0"),
    ({"value": -1.0}, "value", "at least 0"),
    ({"value": INF}, "value", "at least 0"),
    ({**HALT, "volume": 5.0}, "open", "above 0"),
    ({**HALT, "close": 0.0}, "close", "above 0"),
    ({**HALT, "low": 90.0}, "open", "above 0"),
    ({"symbol": -1, "close": NAN}, "symbol", "not a code"),
]


@pytest.mark.parametrize(("row", "field", "reason"), REJECTED)
def test_a_row_that_breaks_a_rule_is_rejected_with_the_field_and_why(row: Row, field: str, reason: str) -> None:
    kept = sift(raw({"symbol": 1}, row), TODAY)
    assert kept.order.tolist() == [0]
    assert kept.rejected.tolist() == [1]
    rule = REASONS[int(kept.reason[0])]
    assert rule.field == field
    assert reason in rule.reason


ACCEPTED: list[tuple[Row, int]] = [
    ({}, 0),
    ({"date": "2026-05-29"}, 0),
    ({"volume": 0.25}, 0),
    ({"volume": 0}, Flag.NO_TRADE),
    (HALT, Flag.NO_TRADE),
    ({"high": 104.0}, Flag.INCONSISTENT),
    ({"low": 101.0}, Flag.INCONSISTENT),
    ({"high": 80.0}, Flag.INCONSISTENT),
    ({"low": 106.0, "volume": 0}, Flag.INCONSISTENT | Flag.NO_TRADE),
    ({"high": 105.0, "low": 100.0}, 0),
    ({"value": 0.0}, 0),
]


@pytest.mark.parametrize(("row", "flags"), ACCEPTED)
def test_every_other_row_is_kept_as_it_is_and_flagged(row: Row, flags: int) -> None:
    rows = raw(row)
    columns = keep(rows, sift(rows, TODAY), {code: Listing(Symbol(code)) for code in rows.codes})
    assert columns.flags.tolist() == [flags]
    assert [listing.symbol for listing in columns.listings] == ["000020"]
    assert columns.close[0] == 105.0


def closes(*values: float, volume: tuple[float, ...] | None = None) -> RawRows:
    days = [date(2026, 1, 5) + timedelta(days=index) for index in range(len(values))]
    traded = volume or (10.0,) * len(values)
    prices = [dict.fromkeys(PRICES, value) for value in values]
    return raw(*({"date": str(day), **price, "volume": v} for day, price, v in zip(days, prices, traded, strict=True)))


@pytest.mark.parametrize(
    ("rows", "flags"),
    [
        (closes(100, 130, 91), [0, 0, 0]),
        (closes(100, 131), [0, Flag.JUMP]),
        (closes(100, 69), [0, Flag.JUMP]),
        (closes(100, 200, 200, volume=(1, 0, 1)), [0, Flag.NO_TRADE, Flag.JUMP]),
        (closes(100, 200, 110, volume=(1, 0, 1)), [0, Flag.NO_TRADE, 0]),
        (closes(200, 100, volume=(0, 1)), [Flag.NO_TRADE, 0]),
    ],
)
def test_a_jump_is_measured_from_the_traded_close_before(rows: RawRows, flags: list[int]) -> None:
    columns = keep(rows, sift(rows, TODAY), {code: Listing(Symbol(code)) for code in rows.codes})
    assert columns.flags.tolist() == flags


def test_a_stored_close_stands_before_the_first_traded_bar() -> None:
    rows = closes(200, 100, volume=(0, 1))
    columns = keep(rows, sift(rows, TODAY), {code: Listing(Symbol(code)) for code in rows.codes})
    assert flag_rows(columns, np.array([100.0])).tolist() == [Flag.NO_TRADE, 0]
    assert flag_rows(columns, np.array([50.0])).tolist() == [Flag.NO_TRADE, Flag.JUMP]


def test_symbols_do_not_stand_before_each_other() -> None:
    rows = raw({"date": "2026-05-27"}, {"symbol": 1, **dict.fromkeys(PRICES, 9_000.0)})
    columns = keep(rows, sift(rows, TODAY), {code: Listing(Symbol(code)) for code in rows.codes})
    assert columns.flags.tolist() == [0, 0]


def test_of_rows_with_one_key_the_first_good_one_stays_equal_ones_are_duplicates_others_rejected() -> None:
    kept = sift(raw({"close": NAN}, {"symbol": 1}, {}, {"close": 101.0}, {}, {"symbol": 1, "value": 5.0}), TODAY)
    assert kept.order.tolist() == [2, 1]
    assert kept.duplicates == 1
    assert kept.rejected.tolist() == [0, 3, 5]
    assert [REASONS[index].field for index in kept.reason.tolist()] == ["close", "date", "date"]


NUMBERS = st.sampled_from([0.0, 1.0, 100.0, 130.0, 131.0, -1.0, 1e12, 1e13, 1e-300, NAN, INF, -INF])
ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "symbol": st.integers(-1, 1),
            "date": st.sampled_from(["NaT", "1800-01-01", "2026-05-27", "2026-05-28", "2026-05-29", "2027-01-01"]),
            **{name: st.sampled_from([90.0, 100.0, 110.0]) | NUMBERS for name in FIELDS},
        }
    ),
    max_size=30,
)


@given(ROWS)
@settings(max_examples=200)
def test_every_row_is_kept_a_duplicate_or_rejected_and_the_kept_are_sorted(rows: list[Row]) -> None:
    given_rows = raw(*rows)
    kept = sift(given_rows, TODAY)
    assert kept.order.size + kept.duplicates + kept.rejected.size == len(rows)
    assert not set(kept.order.tolist()) & set(kept.rejected.tolist())
    keys = [(int(given_rows.symbol[at]), given_rows.day[at]) for at in kept.order]
    assert keys == sorted(set(keys))
    columns = keep(given_rows, kept, {code: Listing(Symbol(code)) for code in given_rows.codes})
    assert columns.flags.tolist() == slow_flags(given_rows, kept.order.tolist())


@given(ROWS, st.randoms(use_true_random=False))
@settings(max_examples=100)
def test_the_order_of_rows_with_different_keys_does_not_matter(rows: list[Row], shuffle: object) -> None:
    distinct = list({(row["symbol"], row["date"]): row for row in rows}.values())
    mixed = list(distinct)
    shuffle.shuffle(mixed)  # type: ignore[attr-defined]
    results = []
    for order in (distinct, mixed):
        given_rows = raw(*order)
        columns = keep(given_rows, sift(given_rows, TODAY), {code: Listing(Symbol(code)) for code in given_rows.codes})
        results.append([getattr(columns, name).tolist() for name in ("symbol", "day", *PRICES, "volume", "flags")])
    assert results[0] == results[1]


def slow_flags(rows: RawRows, order: list[int]) -> list[int]:
    """The flags by a loop over the rows."""
    flags: list[int] = []
    before: dict[int, float] = {}
    for at in order:
        open_, high, low, close = (float(rows.prices[name][at]) for name in PRICES)
        volume, symbol, flag = float(rows.volume[at]), int(rows.symbol[at]), 0
        if volume == 0:
            flag |= Flag.NO_TRADE
        if not (open_ == high == low == volume == 0) and (high < max(open_, low, close) or low > min(open_, close)):
            flag |= Flag.INCONSISTENT
        if volume > 0:
            if symbol in before and abs(close / before[symbol] - 1) > 0.305:
                flag |= Flag.JUMP
            before[symbol] = close
        flags.append(int(flag))
    return flags


def test_simulated_bars_are_flagged_and_counted_like_a_file() -> None:
    rows = closes(100, 131)
    columns = keep(rows, sift(rows, TODAY), {code: Listing(Symbol(code)) for code in rows.codes})
    bars = simulated_bars(replace(columns, flags=np.zeros(2, dtype=np.uint8)), "seed 1")
    assert (bars.kind, bars.rows_read, bars.columns.flags.tolist()) == ("simulated", 2, [0, Flag.JUMP])

"""What ratings say: labels at their borders, counts, RS ratings of a Universe, and the template with its rank."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from ralph import indicators
from ralph.errors import BadParameter
from ralph.indicators import rating
from ralph.indicators.technical_rating import AVERAGES, MEANS, OSCILLATORS

GOLDEN = Path(os.environ.get("RALPH_SHARED_DIR", Path(__file__).parent.parent.parent / "shared")) / "golden"
BORDERS = [
    *((-1.0, "strong_sell"), (-0.5000001, "strong_sell"), (-0.5, "sell"), (-0.1000001, "sell"), (-0.1, "neutral")),
    *((0.0, "neutral"), (0.1, "neutral"), (0.1000001, "buy"), (0.5, "buy"), (0.5000001, "strong_buy")),
    *((1.0, "strong_buy"), (float("nan"), "unknown")),
]


def bars(close: NDArray[np.float64]) -> dict[str, Any]:
    return {
        "open": close,
        "high": close * 1.01,
        "low": close * 0.99,
        "close": close,
        "volume": np.full(close.size, 9.0),
    }


def walk(size: int, seed: int, drift: float = 0.0) -> NDArray[np.float64]:
    changes = np.random.default_rng(seed).normal(drift, 0.02, size)
    return np.asarray(10_000 * np.exp(np.cumsum(changes)))


@pytest.mark.parametrize(("value", "name"), BORDERS)
def test_a_rating_in_words(value: float, name: str) -> None:
    """A border belongs to the milder side; where nothing is known there is no word."""
    assert rating.label(value).name == name


def test_every_label_has_words_in_both_languages() -> None:
    """Except for the one that stands for nothing."""
    for value in (-1.0, -0.3, 0.0, 0.3, 1.0):
        assert rating.label(value).en.isascii()
        assert not rating.label(value).ko.isascii()
    assert rating.label(float("nan")).en == rating.label(float("nan")).ko == "-"


@pytest.mark.parametrize("value", [1.0000001, -2.0, float("inf")])
def test_a_rating_outside_its_range_is_refused(value: float) -> None:
    """It cannot have come from a mean of -1, 0 and 1."""
    with pytest.raises(BadParameter, match="a rating is from -1 to 1") as refused:
        rating.label(value)
    assert refused.value.field == "value"


@pytest.mark.parametrize("rules", ["2024", "2020"])
def test_a_rating_is_the_mean_of_two_means(rules: str) -> None:
    """Of the components there are, whole number over whole number, at every bar; the counts are over the same."""
    found = indicators.series("technical_rating", **bars(walk(320, 5)), rules=rules)
    assert len(AVERAGES) + len(OSCILLATORS) == 26
    for bar in range(320):
        groups = []
        for names in (AVERAGES, OSCILLATORS):
            scores = [int(found[name][bar]) for name in names if not np.isnan(found[name][bar])]
            assert set(scores) <= {-1, 0, 1}
            groups.append(sum(scores) / len(scores) if scores else float("nan"))
        known = [mean for mean in groups if not np.isnan(mean)]
        assert_same([found[name][bar] for name in MEANS], [sum(known) / len(known) if known else np.nan, *groups])
        counts = rating.counts({name: float(values[bar]) for name, values in found.items()})
        components = np.array([found[name][bar] for name in (*AVERAGES, *OSCILLATORS)])
        assert counts.buy - counts.sell == np.nansum(components)
        assert counts.buy + counts.neutral + counts.sell == (~np.isnan(components)).sum()


def assert_same(found: Sequence[float], expected: Sequence[float]) -> None:
    np.testing.assert_array_equal(np.array(found), np.array(expected))


def test_both_modes_rate_alike() -> None:
    """A rating is Pine's; the seeds of another library are not mixed in."""
    close = walk(300, 2)
    expected = indicators.series("technical_rating", **bars(close))
    for name, values in indicators.series("technical_rating", **bars(close), mode="talib").items():
        np.testing.assert_array_equal(values, expected[name])


def test_prices_that_stand_still_rate_neutral() -> None:
    """What differs by rounding only is equal: no component of a constant price says anything."""
    close = np.full(300, 1_234.56)
    still: dict[str, Any] = dict.fromkeys(("open", "high", "low", "close"), close) | {"volume": np.full(300, 7.0)}
    for rules in ("2024", "2020"):
        found = indicators.series("technical_rating", **still, rules=rules)
        assert (found["ma"][9:] == 0).all()
        assert (found["all"][52:] == 0).all()
        assert rating.label(float(found["all"][-1])) == rating.NEUTRAL


def test_the_older_rules_are_asked_for_by_a_word_or_a_number() -> None:
    """And nothing else is taken for rules."""
    close = walk(120, 3)
    by_word = indicators.series("technical_rating", **bars(close), rules="2020")
    by_number = indicators.series("technical_rating", **bars(close), rules=2020)
    np.testing.assert_array_equal(by_word["stoch"], by_number["stoch"])
    with pytest.raises(BadParameter, match="2024") as refused:
        indicators.series("technical_rating", **bars(close), rules="2022")
    assert refused.value.field == "rules"


@pytest.mark.skipif(not GOLDEN.is_dir(), reason="no shared golden vectors (RALPH_SHARED_DIR)")
def test_the_golden_universe_is_rated() -> None:
    """Young listings are not rated, twins are rated alike."""
    closes = pl.read_parquet(GOLDEN / "rs_universe_closes.parquet")
    expected = pl.read_parquet(GOLDEN / "rs_universe_expected.parquet")
    raw = np.empty(closes.width)
    for place, column in enumerate(closes):
        close = column.cast(pl.Float64).fill_null(float("nan")).to_numpy()
        raw[place] = indicators.series("rs_raw", **bars(close))["rs_raw"][-1]
    np.testing.assert_allclose(raw, expected["rs_raw"].fill_null(float("nan")).to_numpy(), rtol=1e-12)
    rated = rating.rs_rating(raw, np.ones(raw.size, dtype=np.bool_))
    np.testing.assert_array_equal(rated, expected["rs_rating"].fill_null(float("nan")).to_numpy())


@given(
    raw=st.lists(st.sampled_from([-0.5, -0.1, 0.0, 0.2, 0.21, 3.0, float("nan")]), max_size=40),
    factor=st.sampled_from([0.01, 1.0, 250.0]),
    data=st.data(),
)
def test_a_rating_is_a_place_in_the_ranking(raw: list[float], factor: float, data: st.DataObject) -> None:
    """1 to 99 in the order of the values, ties alike, unchanged by what keeps the order; nobody outside counts."""
    values = np.array(raw, dtype=np.float64)
    eligible = np.array(data.draw(st.lists(st.booleans(), min_size=len(raw), max_size=len(raw))), dtype=np.bool_)
    rated = rating.rs_rating(values, eligible)
    ranked = eligible & ~np.isnan(values)
    np.testing.assert_array_equal(rating.rs_rating(factor * values - 7.0, eligible), rated)
    if ranked.sum() < 2:
        assert np.isnan(rated).all()
        return
    np.testing.assert_array_equal(np.isnan(rated), ~ranked)
    assert rated[ranked].min() >= 1
    assert rated[ranked].max() <= 99
    for one in np.flatnonzero(ranked):
        for other in np.flatnonzero(ranked):
            if values[one] == values[other]:
                assert rated[one] == rated[other]
            elif values[one] < values[other]:
                assert rated[one] <= rated[other]


def test_a_hundred_different_symbols_take_every_place() -> None:
    """The best has 99, the worst 1."""
    rated = rating.rs_rating(np.arange(99.0)[::-1].copy(), np.ones(99, dtype=np.bool_))
    np.testing.assert_array_equal(rated, np.arange(99.0, 0.0, -1.0))


def test_the_template_counts_its_rules() -> None:
    """Seven in an advance, none of its trend rules in a decline; too young to be judged is not the same as failing."""
    advance = indicators.series("trend_template", **bars(walk(400, 1, drift=0.02)))
    assert advance["count7"][-1] == 7
    decline = indicators.series("trend_template", **bars(walk(400, 1, drift=-0.02)))
    assert decline["count7"][-1] == 0
    np.testing.assert_array_equal(advance["evaluable"], np.arange(400) >= 251)
    np.testing.assert_array_equal(np.isnan(advance["count7"]), np.arange(400) < 251)
    later = indicators.series("trend_template", **bars(walk(400, 1, drift=0.02)), rising=110)
    assert later["evaluable"].sum() == 400 - (199 + 110)


def test_the_eighth_rule_needs_a_rank() -> None:
    """Without one the price rules decide; a Symbol that is not ranked cannot be told, unless its prices fail."""
    count7 = np.array([7.0, 7.0, 7.0, 6.0, 6.0, np.nan])
    rule8 = rating.eighth_rule(np.array([70.0, 69.0, np.nan, 99.0, np.nan, 99.0]))
    assert_same(rule8.tolist(), [1, 0, np.nan, 1, np.nan, 1])
    assert_same(rating.passes_template(count7).tolist(), [1, 1, 1, 0, 0, np.nan])
    assert_same(rating.passes_template(count7, rule8).tolist(), [1, 0, np.nan, 0, 0, np.nan])

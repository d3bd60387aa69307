"""What the catalogue says of its indicators, and `ralph indicators`, which prints it."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from ralph import indicators
from ralph.cli.indicators import indicators_command
from ralph.errors import BadParameter, NotFound
from ralph.indicators.card import CATEGORIES, UNITS, card

CATALOGUE = indicators.load()
CARDS = {name: card(indicator) for name, indicator in CATALOGUE.items()}


@pytest.mark.parametrize("name", CATALOGUE)
def test_a_card_says_all(name: str) -> None:
    """A known category, a known unit for each output, and for each parameter a default that it accepts itself."""
    indicator, shown = CATALOGUE[name], CARDS[name]
    assert shown.category in CATEGORIES
    assert list(shown.units) == shown.outputs
    assert set(shown.units.values()) <= set(UNITS)
    assert set(indicator.units) <= set(shown.outputs)
    assert indicator.bind({param.name: param.default for param in shown.params}) == indicator.bind({})
    for param in shown.params:
        assert (param.low is None) == (param.high is None) == bool(param.choices)


@pytest.mark.parametrize("name", CATALOGUE)
def test_presets_are_calls_that_work(name: str) -> None:
    """Named in English and Korean, no two alike, each accepted as it stands."""
    indicator = CATALOGUE[name]
    bound = [tuple(indicator.bind(preset.params).items()) for preset in indicator.presets]
    assert len(set(bound)) == len(bound)
    for preset in indicator.presets:
        assert preset.en.isascii()
        assert preset.ko


def test_a_word_is_one_of_its_choices() -> None:
    """Any other is refused with the words there are."""
    distance = CATALOGUE["distance"]
    assert distance.bind({"average": "ema"})["average"] == "ema"
    with pytest.raises(BadParameter) as refused:
        distance.bind({"average": "hull"})
    assert refused.value.field == "average"
    for word in ("sma", "ema", "wma"):
        assert word in str(refused.value.accepted)


def test_the_command_groups_by_category() -> None:
    """Every indicator under the heading of its category, in one order."""
    printed = CliRunner().invoke(indicators_command, []).output
    headings = [line for line in printed.splitlines() if line in {f"{en} · {ko}" for en, ko in CATEGORIES.items()}]
    used = {indicator.category for indicator in CATALOGUE.values()}
    assert headings == [f"{en} · {ko}" for en, ko in CATEGORIES.items() if en in used]
    for name in CATALOGUE:
        assert f"\n {name} " in printed
    one = CliRunner().invoke(indicators_command, ["--category", "average", "--json"]).output
    assert {entry["category"] for entry in json.loads(one)} == {"average"}


def test_the_command_shows_one() -> None:
    """Its outputs with units, parameters with ranges or words, presets as calls, and where the formula is from."""
    printed = CliRunner().invoke(indicators_command, ["distance"]).output
    for part in ("distance(close, period=20, average=sma)", "이동평균", "disparity", "sma · ema · wma", "1 - 5,000"):
        assert part in printed
    assert "distance(period=200)" in printed
    assert CATALOGUE["distance"].formula_source in printed
    (entry,) = json.loads(CliRunner().invoke(indicators_command, ["donchian", "--json"]).output)
    assert entry["units"]["width"] == "ratio"
    assert entry["presets"][0]["call"] == "donchian(period=20)"


def test_an_unknown_name_gets_a_suggestion() -> None:
    """The nearest there is."""
    refused = CliRunner().invoke(indicators_command, ["donchain"]).exception
    assert isinstance(refused, NotFound)
    assert "did you mean 'donchian'?" in refused.message

"""An indicator as people, editors and programs see it."""

from __future__ import annotations

import msgspec

from ralph.indicators.indicator import MODES, Indicator


class ParamCard(msgspec.Struct, frozen=True):
    """A parameter: its default and its range, ends included; whole says that fractions are refused.

    Where there are choices it is one of these words, and the range means nothing.
    """

    name: str
    default: float | str
    low: float
    high: float
    whole: bool
    choices: list[str]


class PresetCard(msgspec.Struct, frozen=True):
    """Parameters that people use under a name."""

    en: str
    ko: str
    params: dict[str, float | str]


class IndicatorCard(msgspec.Struct, frozen=True):
    """An indicator. source is the default of its first argument, null where it has none; units name the outputs whose
    unit is another than `unit`."""

    name: str
    category: str
    en: str
    ko: str
    unit: str
    units: dict[str, str]
    inputs: list[str]
    source: str | None
    params: list[ParamCard]
    presets: list[PresetCard]
    outputs: list[str]
    modes: list[str]
    formula_source: str


def card(indicator: Indicator) -> IndicatorCard:
    """The card of an indicator."""
    return IndicatorCard(
        name=indicator.name,
        category=indicator.category,
        en=indicator.en,
        ko=indicator.ko,
        unit=indicator.unit,
        units=dict(indicator.units),
        inputs=list(indicator.inputs),
        source=indicator.source,
        params=[
            ParamCard(one.name, one.default, one.low, one.high, one.whole, list(one.choices))
            for one in indicator.params
        ],
        presets=[PresetCard(one.en, one.ko, dict(one.params)) for one in indicator.presets],
        outputs=list(indicator.outputs),
        modes=list(MODES),
        formula_source=indicator.formula_source,
    )

"""An indicator as people, editors and programs see it."""

from __future__ import annotations

import msgspec

from ralph.indicators.indicator import MODES, Indicator


class ParamCard(msgspec.Struct, frozen=True):
    """A parameter: its default and its range, ends included; whole says that fractions are refused."""

    name: str
    default: float
    low: float
    high: float
    whole: bool


class IndicatorCard(msgspec.Struct, frozen=True):
    """An indicator. source is the default of its first argument, null where it has none."""

    name: str
    category: str
    en: str
    ko: str
    unit: str
    inputs: list[str]
    source: str | None
    params: list[ParamCard]
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
        inputs=list(indicator.inputs),
        source=indicator.source,
        params=[ParamCard(param.name, param.default, param.low, param.high, param.whole) for param in indicator.params],
        outputs=list(indicator.outputs),
        modes=list(MODES),
        formula_source=indicator.formula_source,
    )

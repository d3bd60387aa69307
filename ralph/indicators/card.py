"""An indicator as people, editors and programs see it."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from ralph.indicators.indicator import MODES, Indicator, Param

CATEGORIES = {
    "average": "이동평균",
    "momentum": "모멘텀",
    "trend": "추세",
    "volatility": "변동성",
    "volume": "거래량",
    "structure": "가격 구조",
    "rating": "평가",
}
"""The categories in the order in which they are shown, with their Korean names."""

UNITS = {
    "price": "가격",
    "volume": "주",
    "percent": "%",
    "ratio": "비율",
    "number": "수",
    "price_volume": "가격 × 주",
    "price_squared_per_volume": "가격² ÷ 주",
}
"""The units of outputs, with what they are called in Korean."""


class ParamCard(msgspec.Struct, frozen=True):
    """A parameter: its default and its range, ends included; whole says that fractions are refused. One that is a word
    has `choices` and no range."""

    name: str
    default: float | str
    low: float | None
    high: float | None
    whole: bool
    choices: list[str]


class PresetCard(msgspec.Struct, frozen=True):
    """Parameters that are often used together, and the call with them."""

    en: str
    ko: str
    params: dict[str, float | str]
    call: str


class IndicatorCard(msgspec.Struct, frozen=True):
    """An indicator. source is the default of its first argument, null where it has none; unit is that of the first
    output, units that of each."""

    name: str
    category: str
    category_ko: str
    en: str
    ko: str
    unit: str
    inputs: list[str]
    source: str | None
    params: list[ParamCard]
    outputs: list[str]
    units: dict[str, str]
    units_ko: dict[str, str]
    presets: list[PresetCard]
    modes: list[str]
    formula_source: str


def card(indicator: Indicator) -> IndicatorCard:
    """The card of an indicator."""
    units = {output: indicator.unit_of(output) for output in indicator.outputs}
    return IndicatorCard(
        name=indicator.name,
        category=indicator.category,
        category_ko=CATEGORIES[indicator.category],
        en=indicator.en,
        ko=indicator.ko,
        unit=units[indicator.outputs[0]],
        inputs=list(indicator.inputs),
        source=indicator.source,
        params=[_param(param) for param in indicator.params],
        outputs=list(indicator.outputs),
        units=units,
        units_ko={output: UNITS[unit] for output, unit in units.items()},
        presets=[
            PresetCard(preset.en, preset.ko, dict(preset.params), _call(indicator, preset.params))
            for preset in indicator.presets
        ],
        modes=list(MODES),
        formula_source=indicator.formula_source,
    )


def _param(param: Param) -> ParamCard:
    low, high = (None, None) if param.choices else (param.low, param.high)
    return ParamCard(param.name, param.default, low, high, param.whole and not param.choices, list(param.choices))


def _call(indicator: Indicator, given: Mapping[str, float | str]) -> str:
    """As a screen writes it: rsi(period=14)."""
    written = (f"{name}={value if isinstance(value, str) else format(value, 'g')}" for name, value in given.items())
    return f"{indicator.name}({', '.join(written)})"

"""/api/v1/indicators: the catalogue."""

from __future__ import annotations

import msgspec
from litestar import Router, get

from ralph import indicators
from ralph.indicators.indicator import MODES, Indicator, Param


class ParamCard(msgspec.Struct, frozen=True):
    """A parameter: its default and its range, ends included; whole says that fractions are refused."""

    name: str
    default: float
    low: float
    high: float
    whole: bool


class IndicatorCard(msgspec.Struct, frozen=True):
    """An indicator as people and editors see it. source is the default of its first argument, null where it has none."""

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
        params=[_param(param) for param in indicator.params],
        outputs=list(indicator.outputs),
        modes=list(MODES),
        formula_source=indicator.formula_source,
    )


def _param(param: Param) -> ParamCard:
    return ParamCard(param.name, param.default, param.low, param.high, param.whole)


@get("/", operation_id="listIndicators", tags=["indicators"], sync_to_thread=False)
def list_indicators() -> list[IndicatorCard]:
    """Every indicator with its parameters, ranges and outputs."""
    return [card(indicator) for indicator in indicators.load().values()]


router = Router("/indicators", route_handlers=[list_indicators])

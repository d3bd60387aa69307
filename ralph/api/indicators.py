"""/api/v1/indicators: the catalogue."""

from __future__ import annotations

from litestar import Router, get

from ralph import indicators
from ralph.indicators.card import IndicatorCard, card


@get(
    "/", operation_id="listIndicators", summary="The catalogue of indicators", tags=["indicators"], sync_to_thread=False
)
def list_indicators() -> list[IndicatorCard]:
    """Every indicator with its parameters, ranges and outputs."""
    return [card(indicator) for indicator in indicators.load().values()]


router = Router("/indicators", route_handlers=[list_indicators])

"""Indicators along all bars of one Symbol, as a chart shows them; the same values that screens compare."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping

import msgspec
import numpy as np

from ralph.errors import BadExpression, TooLarge
from ralph.market.columns import BarColumns, build_panel
from ralph.screens.catalogue import indicators
from ralph.screens.evaluation import Evaluation
from ralph.screens.operations import FloatArray
from ralph.screens.parser import parse_number
from ralph.screens.tree import Across, Belongs, Reading, walk

INDICATORS_MAX = 20  # of one chart


def parse_indicators(text: str) -> tuple[Reading, ...]:
    """The indicators of a list like `macd(12, 26, 9), rsi(14)`. BadExpression points into the whole list."""
    readings = []
    for start, piece in _pieces(text):
        try:
            node = parse_number(piece)
        except BadExpression as error:
            error.position += start
            raise
        if not isinstance(node, Reading) or any(isinstance(below, Across | Belongs) for below in walk(node)):
            raise BadExpression(
                f"{piece.strip()!r} is no indicator of a symbol; write one like rsi(14)",
                position=start,
                length=len(piece),
            )
        readings.append(node)
    if len(readings) > INDICATORS_MAX:
        raise TooLarge(f"at most {INDICATORS_MAX} indicators at a time, not {len(readings)}", field="indicators")
    return tuple(readings)


def inputs_of(readings: tuple[Reading, ...]) -> set[str]:
    """The fields that the indicators read."""
    found: set[str] = set()
    for reading in readings:
        for below in walk(reading):
            if isinstance(below, Reading):
                found.update(indicators()[below.indicator].inputs)
    return found


def compute_indicators(
    readings: tuple[Reading, ...], bars: BarColumns, beside: Mapping[str, FloatArray] | None = None
) -> dict[str, dict[str, FloatArray]]:
    """{canonical text: {output: [bars]}} for one Symbol's bars; NaN where there is no value or no trade.

    beside  what indicators read that is not of the bars: `index_close`, `session` [bars]
    """
    assert len(bars.listings) == 1, "a chart shows one Symbol"
    traded = np.flatnonzero(bars.volume > 0)
    wanted = {str(each): each for reading in readings for each in _outputs(reading)[:1]}
    if not traded.size:
        nothing = np.full(len(bars), np.nan)
        return {text: {each.output: nothing for each in _outputs(reading)} for text, reading in wanted.items()}
    panel = build_panel(bars)
    more = {name: np.ascontiguousarray(values[traded, None]) for name, values in (beside or {}).items()}
    panel = dataclasses.replace(panel, fields={**panel.fields, **more})
    evaluation = Evaluation(panel.as_of(bars.day[traded[-1]].astype(object)))
    for reading in wanted.values():
        for each in _outputs(reading):
            evaluation.want(each, traded.size)
    answer = {}
    for text, reading in wanted.items():
        answer[text] = {
            each.output: _spread(evaluation.number(each, traded.size), traded, len(bars)) for each in _outputs(reading)
        }
    return answer


def _outputs(reading: Reading) -> list[Reading]:
    """One reading for each output of its indicator, the default first."""
    return [msgspec.structs.replace(reading, output=output) for output in indicators()[reading.indicator].outputs]


def _spread(values: FloatArray, traded: np.ndarray[tuple[int], np.dtype[np.intp]], length: int) -> FloatArray:
    spread = np.full(length, np.nan)
    spread[traded] = values[:, 0]
    return spread


def _pieces(text: str) -> Iterator[tuple[int, str]]:
    """The parts between commas that stand outside brackets, each with where it starts."""
    depth = start = 0
    for index, sign in enumerate(text):
        depth += (sign in "([") - (sign in ")]")
        if sign == "," and depth == 0:
            yield start, text[start:index]
            start = index + 1
    yield start, text[start:]

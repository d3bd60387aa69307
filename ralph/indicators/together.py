"""Several indicators planned together: what they have in common is computed once, in one pass."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ralph.errors import BadParameter
from ralph.indicators.indicator import MODES, FloatArray, Indicator, Mode, Outputs
from ralph.indicators.plan import Plan
from ralph.indicators.sources import SOURCES
from ralph.indicators.terms import CLOSE, HIGH, HL2, HLC3, LOW, OPEN, SOURCE, VOLUME, Term

SERIES: dict[str, Term] = {
    "open": OPEN,
    "high": HIGH,
    "low": LOW,
    "close": CLOSE,
    "volume": VOLUME,
    "hl2": HL2,
    "hlc3": HLC3,
    "ohlc4": (OPEN + HIGH + LOW + CLOSE) / 4.0,
}


@dataclass(frozen=True)
class Request:
    """An indicator by name; `params` as `series` takes them, `source` among them where it has one."""

    indicator: str
    params: Mapping[str, Any] = field(default_factory=dict)
    mode: Mode = "tv"


@dataclass(frozen=True)
class Together:
    """Indicators planned together. `plan.inputs` names the fields that are read, `outputs` those of each request."""

    plan: Plan
    outputs: tuple[tuple[str, ...], ...]

    def last(self, inputs: Mapping[str, FloatArray], first: NDArray[np.int32], tail: int) -> list[Outputs]:
        """For each request {output: [tail, symbols]}: the newest `tail` rows of fields {name: [bars, symbols]}, whose
        columns begin at their row `first` [symbols] and hold no missing bars from there on."""
        return self._split(self.plan.last(inputs, first, tail))

    def series(self, inputs: Mapping[str, FloatArray]) -> list[Outputs]:
        """For each request {output: [bars]}: one Symbol's fields {name: [bars]} without missing bars."""
        return self._split(self.plan.series(inputs))

    def _split(self, values: FloatArray) -> list[Outputs]:
        lines = iter(values)
        return [{name: next(lines) for name in names} for names in self.outputs]


def planned(requests: Iterable[tuple[Indicator, Request]]) -> Together:
    """The plan of these. BadParameter: an unknown parameter, one out of its range, an unknown source or mode."""
    terms: list[Term] = []
    outputs = []
    for indicator, request in requests:
        if request.mode not in MODES:
            accepted = " or ".join(MODES)
            raise BadParameter(f"mode must be {accepted}, not {request.mode!r}", field="mode", accepted=accepted)
        params = dict(request.params)
        source = params.pop("source", indicator.source) if indicator.source else None
        if source is not None and source not in SERIES:
            accepted = ", ".join(SOURCES)
            raise BadParameter(
                f"there is no source {source!r}: known are {accepted}", field="source", accepted=accepted
            )
        defined = indicator.terms(request.mode, indicator.bind(params))
        names = {} if source is None else {SOURCE: SERIES[source]}
        terms += [with_names(defined[output], names) for output in indicator.outputs]
        outputs.append(indicator.outputs)
    return Together(Plan(terms), tuple(outputs))


def with_names(term: Term, names: Mapping[Term, Term]) -> Term:
    """The term with others in the place of some that it is made of."""
    if term in names or not names:
        return names.get(term, term)
    return Term(term.op, tuple(with_names(one, names) for one in term.inputs), term.whole, term.real)

"""Turns the arguments written behind an indicator's name into its source, parameters and mode."""

from __future__ import annotations

from typing import NamedTuple

from ralph.errors import BadExpression, BadParameter
from ralph.indicators.indicator import MODES, Indicator, Mode, Param
from ralph.market.panel import FIELDS
from ralph.screens import complaints
from ralph.screens.catalogue import COLUMNS, indicators
from ralph.screens.tokens import Token
from ralph.screens.tree import Field, Number, Numeric, Reading, is_constant


class Argument(NamedTuple):
    """An argument as written. `node` is None for a mode or another word, which is the token; else that is its first."""

    name: str | None
    node: Numeric | None
    token: Token


def signature(indicator: Indicator) -> str:
    """How an indicator is called, with its defaults: bb(source=close, period=20, mult=2, mode=tv)."""
    named = [f"source={indicator.source}"] if indicator.source else []
    named += [f"{param.name}={_shown(param.default)}" for param in indicator.params]
    return f"{indicator.name}({', '.join([*named, f'mode={MODES[0]}'])})"


def _shown(value: float | str) -> str:
    return value if isinstance(value, str) else f"{value:g}"


def words_of(name: str) -> tuple[str, ...]:
    """The arguments of the indicator of that name, or of any other call, that are words and no numbers."""
    indicator = indicators().get(name)
    params = () if indicator is None else indicator.params
    return ("mode", *(param.name for param in params if param.choices))


def bind(indicator: Indicator, arguments: list[Argument], called: Token) -> Reading:
    """The first output of the indicator with these arguments; BadExpression points at the argument that is wrong."""
    _check_inputs(indicator, called)
    source: Numeric | None = None
    mode = MODES[0]
    given: dict[str, float | str] = {}
    for name, argument in _named(indicator, arguments).items():
        if name == "mode":
            mode = _mode(argument)
        elif name == "source":
            source = _source(argument)
        else:
            given[name] = _param(indicator, name, argument)
    try:
        bound = indicator.bind(given)
    except BadParameter as error:
        raise complaints.at(called, error.message, error.accepted) from None
    if isinstance(source, Field) and source.name == indicator.source:
        source = None
    params = tuple((name, value if isinstance(value, str) else float(value)) for name, value in bound.items())
    return Reading(indicator.name, params, mode, indicator.outputs[0], source)


def _check_inputs(indicator: Indicator, called: Token) -> None:
    """Screens and charts read a Symbol's own bars; an index or the hours of a day are not among them."""
    absent = [name for name in indicator.inputs if name not in (*FIELDS, "source")]
    if absent:
        listed = ", ".join(FIELDS)
        raise complaints.at(called, f"{indicator.name} needs {absent[0]}; a screen has {listed}", listed)


def _named(indicator: Indicator, arguments: list[Argument]) -> dict[str, Argument]:
    """The arguments by name. A source may be left out: a plain number in its place is the first parameter."""
    names = [param.name for param in indicator.params]
    known = [*(["source"] if indicator.source else []), *names, "mode"]
    open_names = list(names)
    if indicator.source and arguments and not isinstance(arguments[0].node, Number):
        open_names.insert(0, "source")
    found: dict[str, Argument] = {}
    positional_over = False
    for place, argument in enumerate(arguments):
        name = argument.name
        positional_over = positional_over or name is not None
        if name is None:
            if positional_over:
                raise complaints.at(argument.token, "arguments without a name come first", signature(indicator))
            if place >= len(open_names):
                raise complaints.at(argument.token, f"{indicator.name} has too many arguments", signature(indicator))
            name = open_names[place]
        elif name not in known:
            listed = ", ".join(known)
            raise complaints.at(argument.token, f"{indicator.name} has no parameter {name}; it has: {listed}", listed)
        if name in found:
            raise complaints.at(argument.token, f"{name} is given twice", signature(indicator))
        found[name] = argument
    return found


def _mode(argument: Argument) -> Mode:
    if argument.node is not None or argument.token.text not in MODES:
        listed = " or ".join(MODES)
        raise complaints.at(argument.token, f"mode must be {listed}", listed)
    return next(mode for mode in MODES if mode == argument.token.text)


def _source(argument: Argument) -> Numeric:
    assert argument.node is not None, "the grammar makes nodes of all arguments but modes"
    if is_constant(argument.node):
        listed = ", ".join(COLUMNS)
        raise complaints.at(argument.token, "a source is a column or an indicator, not a plain number", listed)
    return argument.node


def _param(indicator: Indicator, name: str, argument: Argument) -> float | str:
    param = next(param for param in indicator.params if param.name == name)
    if param.choices:
        return _word(param, argument)
    if not isinstance(argument.node, Number):
        raise complaints.at(
            argument.token, f"{name} must be a plain number; a source comes first", signature(indicator)
        )
    try:
        return param.check(argument.node.value)
    except BadParameter as error:
        span = argument.node.span
        position, length = span.start, span.end - span.start
        raise BadExpression(error.message, position=position, length=length, suggestion=error.accepted) from None


def _word(param: Param, argument: Argument) -> float | str:
    """One of the parameter's words, which is always named: a word alone would be an indicator or a column."""
    try:
        if argument.node is None:
            return param.check(argument.token.text)
    except BadParameter as error:
        raise complaints.at(argument.token, error.message, error.accepted) from None
    listed = ", ".join(param.choices)
    raise complaints.at(
        argument.token, f"{param.name} is one of {listed}, written with its name", f"{param.name}={param.choices[0]}"
    )

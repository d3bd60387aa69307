"""`ralph indicators`: the catalogue."""

from __future__ import annotations

from collections.abc import Iterable

import click

from ralph.catalog import nearest
from ralph.cli.options import json_option
from ralph.cli.output import number, print_json, print_table
from ralph.errors import NotFound
from ralph.indicators import load
from ralph.indicators.card import CATEGORIES, IndicatorCard, ParamCard, card


@click.command("indicators")
@click.argument("name", required=False)
@click.option("--category", type=click.Choice(list(CATEGORIES)), help="Only these.")
@json_option
def indicators_command(name: str | None, category: str | None, as_json: bool) -> None:
    """List the indicators by category, or show all about the one called NAME."""

    catalogue = load()
    if name is not None and name not in catalogue:
        near = nearest(name, list(catalogue))
        hint = f"did you mean {near!r}?" if near else f"known: {', '.join(catalogue)}"
        raise NotFound(f"there is no indicator {name!r}; {hint}", field="name", accepted=near or ", ".join(catalogue))
    cards = [
        card(indicator)
        for indicator in catalogue.values()
        if name in (None, indicator.name) and category in (None, indicator.category)
    ]
    if as_json:
        print_json(cards)
    elif name is None:
        _print_catalogue(cards)
    else:
        for entry in cards:
            _print_card(entry)


def _print_catalogue(cards: list[IndicatorCard]) -> None:
    for category, category_ko in CATEGORIES.items():
        rows = [
            (entry.name, _arguments(entry), ", ".join(entry.outputs), entry.en, entry.ko)
            for entry in cards
            if entry.category == category
        ]
        if rows:
            click.echo(f"{category} · {category_ko}")
            print_table(("indicator", "arguments", "outputs", "what it is", "설명"), rows)


def _print_card(entry: IndicatorCard) -> None:
    click.echo(f"{entry.name}{_arguments(entry)} · {entry.category} · {entry.category_ko}")
    click.echo(f"{entry.en}\n{entry.ko}")
    click.echo(f"formula 출처: {entry.formula_source}\n")
    units = ((output, entry.units[output], entry.units_ko[output]) for output in entry.outputs)
    print_table(("output", "unit", "단위"), list(units))
    if entry.params:
        rows = [(param.name, _value(param.default), _accepted(param)) for param in entry.params]
        print_table(("parameter", "default", "accepted"), rows)
    if entry.presets:
        print_table(("preset", "프리셋", "call"), [(preset.en, preset.ko, preset.call) for preset in entry.presets])


def _arguments(entry: IndicatorCard) -> str:
    return f"({', '.join(_each_argument(entry))})"


def _each_argument(entry: IndicatorCard) -> Iterable[str]:
    if entry.source:
        yield entry.source
    for param in entry.params:
        yield f"{param.name}={_value(param.default)}"


def _value(value: float | str) -> str:
    return value if isinstance(value, str) else f"{value:g}"


def _accepted(param: ParamCard) -> str:
    if param.choices:
        return " · ".join(param.choices)
    return f"{number(param.low, 6)} - {number(param.high, 6)}{'' if param.whole else ', fractions too'}"

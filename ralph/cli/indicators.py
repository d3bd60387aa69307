"""`ralph indicators`: the catalogue."""

from __future__ import annotations

import click

from ralph.cli.options import json_option
from ralph.cli.output import print_json, print_table
from ralph.errors import NotFound
from ralph.indicators import load
from ralph.indicators.card import card


@click.command("indicators")
@click.argument("name", required=False)
@json_option
def indicators_command(name: str | None, as_json: bool) -> None:
    """List the indicators, or show the one called NAME."""

    catalogue = load()
    if name is not None and name not in catalogue:
        raise NotFound(f"there is no indicator {name!r}; known: {', '.join(catalogue)}", field="name")
    cards = [card(indicator) for indicator in catalogue.values() if name in (None, indicator.name)]
    if as_json:
        print_json(cards)
        return
    rows = []
    for entry in cards:
        params = ", ".join(f"{param.name}={param.default}" for param in entry.params)
        source = f"{entry.source}, " if entry.source and params else entry.source or ""
        rows.append((entry.name, f"({source}{params})", ", ".join(entry.outputs), entry.en, entry.ko))
    print_table(("indicator", "arguments", "outputs", "what it is", "설명"), rows)

"""How answers are printed: JSON for programs, tables for people."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click
import msgspec

if TYPE_CHECKING:
    from rich.progress import Progress
    from rich.table import Table


def print_json(value: Any) -> None:
    """One JSON document on standard output; numbers that do not exist are null."""
    click.echo(msgspec.json.format(msgspec.json.encode(value, enc_hook=str), indent=2))


def print_table(headings: Sequence[str], rows: Sequence[Sequence[Any]], *, right: Sequence[int] = ()) -> None:
    """A table on standard output; columns named in `right` are numbers."""
    from rich.console import Console

    console = Console()
    if not console.is_terminal:
        console.width = 10_000  # a file or a pipe has no width: nothing is cut
    console.print(make_table(headings, rows, right=right))


def make_table(headings: Sequence[str], rows: Sequence[Sequence[Any]], *, right: Sequence[int] = ()) -> Table:
    """A table to be printed, once or again and again."""
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for index, heading in enumerate(headings):
        table.add_column(heading, justify="right" if index in right else "left")
    for row in rows:
        table.add_row(*("" if cell is None else str(cell) for cell in row))
    return table


def number(value: float | None, digits: int = 2) -> str:
    """A number with thousands separators; nothing where there is none."""
    if value is None or value != value:
        return ""
    return f"{value:,.{digits}f}".rstrip("0").rstrip(".") if digits else f"{value:,.0f}"


class ProgressBar:
    """A bar on standard error while work goes on; nothing where that is no terminal."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._bar: Progress | None = None
        if sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import Progress

            self._bar = Progress(console=Console(stderr=True), transient=True)
            self._task = self._bar.add_task(name, total=None)
            self._bar.start()

    def __call__(self, phase: str, done: int, total: int) -> None:
        """Show how many of how many are done; a total of 0 is unknown."""
        if self._bar is not None:
            self._bar.update(self._task, description=f"{self._name}: {phase}", completed=done, total=total or None)

    def close(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.stop()

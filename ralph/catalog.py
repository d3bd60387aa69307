"""Finds the parts that are one file each (indicators, scanners): every value of a kind in a package's modules."""

from __future__ import annotations

import difflib
import importlib
import pkgutil
from types import ModuleType
from typing import Protocol, TypeVar, runtime_checkable


@runtime_checkable
class Named(Protocol):
    """What a catalogue holds: anything with a public name."""

    @property
    def name(self) -> str: ...


Entry = TypeVar("Entry", bound=Named)


def load(package: ModuleType, kind: type[Entry]) -> dict[str, Entry]:
    """All values of `kind` defined at the top of the package's modules, by name, in order of name."""
    found: dict[str, Entry] = {}
    for module_info in pkgutil.iter_modules(package.__path__):
        module = importlib.import_module(f"{package.__name__}.{module_info.name}")
        for value in vars(module).values():
            if isinstance(value, kind):
                assert found.setdefault(value.name, value) is value, f"two entries are named {value.name}"
    return dict(sorted(found.items()))


def nearest(word: str, known: list[str]) -> str | None:
    """The known word closest to a mistyped one, for "did you mean"; None where nothing is near."""
    matches = difflib.get_close_matches(word.lower(), known, n=1, cutoff=0.5)
    return matches[0] if matches else None

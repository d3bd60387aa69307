"""Screens that come with Ralph: well-known ideas, each a line of the language with a name and a sentence about it."""

from __future__ import annotations

from functools import cache
from importlib import resources

import msgspec

from ralph.screens.answer import Reason

FILE = "presets.toml"


class Preset(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A screen by its `id`, like `golden-cross`; name and about in English and Korean."""

    id: str
    name: Reason
    about: Reason
    tags: tuple[str, ...]
    expression: str


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    preset: tuple[Preset, ...]


@cache
def presets() -> tuple[Preset, ...]:
    """All of them, in the order of the file; read once, when first asked for."""
    text = resources.files(__package__).joinpath(FILE).read_bytes()
    return msgspec.toml.decode(text, type=_File).preset


def find_preset(name: str) -> Preset | None:
    """The preset with this id or name in either language, however it is capitalised; None where there is none."""
    wanted = " ".join(name.split()).casefold()
    for preset in presets():
        if wanted in (preset.id, preset.name.en.casefold(), preset.name.ko.casefold()):
            return preset
    return None

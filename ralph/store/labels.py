"""What a person calls things: names, notes and tags, checked before they are stored."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ralph.errors import BadParameter

NAME_MAX, NOTE_MAX, TAG_MAX, TAGS_MAX = 80, 2_000, 40, 20


def checked(given: Mapping[str, Any], thing: str) -> dict[str, Any]:
    """What was given, without what is None, name and tags tidied; BadParameter names the field. `thing` is what the
    name is for."""
    found = {name: value for name, value in given.items() if value is not None}
    if "name" in found:
        name = found["name"] = " ".join(found["name"].split())
        if not 0 < len(name) <= NAME_MAX or not name.isprintable() or name.isdigit() or "," in name:
            accepted = f"1 to {NAME_MAX} printable characters without a comma, not only digits"
            raise BadParameter(
                f"{name[:NAME_MAX]!r} is no name for a {thing}: {accepted}", field="name", accepted=accepted
            )
    if len(found.get("note", "")) > NOTE_MAX or not _is_storable(found.get("note", "")):
        raise BadParameter(f"a note has at most {NOTE_MAX:,} characters", field="note", accepted="a shorter text")
    tags = found.get("tags")
    if tags is not None:
        found["tags"] = list(dict.fromkeys(tag.strip() for tag in tags))
        wrong = [tag for tag in found["tags"] if not 0 < len(tag) <= TAG_MAX or not tag.isprintable() or "," in tag]
        if wrong or len(found["tags"]) > TAGS_MAX:
            accepted = f"at most {TAGS_MAX} tags of 1 to {TAG_MAX} printable characters without a comma"
            raise BadParameter(f"these tags cannot be kept; give {accepted}", field="tags", accepted=accepted)
    return found


def _is_storable(text: str) -> bool:
    """Postgres holds neither a NUL nor half a surrogate pair."""
    return "\0" not in text and not any("\ud800" <= sign <= "\udfff" for sign in text)

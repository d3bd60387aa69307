"""Saving screens: what a person gives is checked whole before anything is stored."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ralph import screens
from ralph.errors import BadExpression, BadParameter
from ralph.jobs.screening import Screening
from ralph.market.schedules import parse_schedule
from ralph.screens.answer import COLUMNS_MAX
from ralph.screens.ordering import read_order
from ralph.store.database import Database
from ralph.store.screens import SavedScreen, change_screen, find_screen, make_screen


async def save_screen(
    database: Database, screening: Screening, workspace: str, given: Mapping[str, Any]
) -> SavedScreen:
    """A new screen from the fields of `SavedScreen`. BadExpression, BadParameter and NotFound name the field."""
    fields = await _valid(screening, workspace, given, given["name"])
    async with database.acquire() as connection:
        return await make_screen(connection, workspace, fields)


async def alter_screen(
    database: Database, screening: Screening, workspace: str, name: str, change: Mapping[str, Any]
) -> SavedScreen:
    """The screen with other fields. Another expression or universe is a new version; a rewording is not."""
    async with database.acquire() as connection:
        found = await find_screen(connection, workspace, name)
    fields = await _valid(screening, workspace, change, change.get("name") or found.name)
    is_new = _meaning(found.expression) != _meaning(fields.get("expression", found.expression)) or (
        fields.get("universe", found.universe) != found.universe
    )
    async with database.acquire() as connection:
        return await change_screen(connection, workspace, found, fields, is_new=is_new)


async def _valid(screening: Screening, workspace: str, given: Mapping[str, Any], name: str) -> dict[str, Any]:
    fields = dict(given)
    if "expression" in fields:
        fields["expression"] = fields["expression"].strip()
        screens.parse(fields["expression"])
    if "columns" in fields:
        fields["columns"] = _columns(fields["columns"])
    if fields.get("sort") is not None:
        fields["sort"] = fields["sort"].strip()
        read_order(screens.Request(expression="", sort=fields["sort"]))
    if fields.get("schedule") is not None:
        fields["schedule"] = str(parse_schedule(fields["schedule"]))
    if fields.get("universe") is not None:
        await screening.check_universe(workspace, fields["universe"], name)
    return fields


def _columns(texts: list[str]) -> list[str]:
    if len(texts) > COLUMNS_MAX:
        most = f"at most {COLUMNS_MAX} columns"
        raise BadParameter(f"{most} can be shown, not {len(texts)}", field="columns", accepted=most)
    for index, text in enumerate(texts):
        try:
            screens.parse_number(text)
        except BadExpression as error:
            error.field = f"columns[{index}]"
            raise
    return [text.strip() for text in texts]


def _meaning(expression: str) -> str:
    """The canonical form, in which two spellings of one condition are equal; a text of an older language as it is."""
    try:
        return str(screens.parse(expression))
    except BadExpression:
        return expression

"""/api/v1/screens/validate, /draft and /language: what an editor of screens needs to know."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
from litestar import Request, Response, Router, get, post
from litestar.di import NamedDependency
from litestar.params import FromQuery, JSONBody

from ralph import screens
from ralph.api.departures import while_connected
from ralph.api.problems import PROBLEMS
from ralph.api.screens import respond
from ralph.errors import BadParameter
from ralph.jobs.screening import Answered, Screening
from ralph.store.database import Database
from ralph.store.lists import all_lists
from ralph.store.markets import Markets
from ralph.store.screens import screens_page

TEXT_MAX = 100_000  # signs; a longer text is refused before anybody reads it
MARKDOWN = "text/markdown"


class Draft(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A text that is being written; position, in characters, is where something may be completed."""

    expression: str
    position: int | None = None


class Checked(msgspec.Struct, frozen=True):
    """What is to be said about a draft.

    canonical    the one form in which equal screens are equal; formatted the same over lines; both null while the text
                 is no screen
    problems     what is wrong, with position, length and a change that helps where there is one
    completions  what could stand at the position; empty where none was given
    """

    valid: bool
    canonical: str | None
    formatted: str | None
    problems: list[screens.Problem]
    completions: list[screens.Completion]


class Attempt(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A run of a text that is being written; position as in a draft."""

    request: screens.Request
    position: int | None = None


class Attempted(msgspec.Struct, frozen=True):
    """What is to be said about the text, and what it finds; answer is null while it is no screen."""

    checked: Checked
    answer: screens.Answer | None


@post("/validate", operation_id="validateScreen", tags=["screens"], status_code=200, responses=PROBLEMS)
async def validate(
    data: JSONBody[Draft],
    database: NamedDependency[Database],
    markets: NamedDependency[Markets],
    workspace: FromQuery[str | None] = None,
) -> Checked:
    """The problems of a text, which is answered, not refused; and what could stand at a position of it."""
    return await _checked(data.expression, data.position, (database, markets, workspace))


@post("/draft", operation_id="runDraft", tags=["screens"], status_code=200, responses=PROBLEMS)
async def draft(
    request: Request[Any, Any, Any],
    data: JSONBody[Attempt],
    screening: NamedDependency[Screening],
    database: NamedDependency[Database],
    markets: NamedDependency[Markets],
    workspace: FromQuery[str | None] = None,
) -> Response[Attempted]:
    """The answers of `/validate` and `/run` in one, for editors that ask with every key: a text that is no screen is
    answered with its problems. What else is wrong with the request is refused as `/run` does."""

    async def both() -> tuple[Checked, Answered | None]:
        asking = asyncio.ensure_future(screening.ask(workspace, data.request))
        try:
            checked = await _checked(data.request.expression, data.position, (database, markets, workspace))
            return checked, await asking if checked.valid else None
        finally:
            asking.cancel()
            await asyncio.gather(asking, return_exceptions=True)

    checked, answered = await while_connected(request, both())
    said = msgspec.json.encode(checked)
    body: Any = b'{"checked":%b,"answer":%b}' % (said, answered.body if answered else b"null")
    headers = respond(answered).headers if answered else None
    return Response(body, headers=headers, media_type="application/json")


async def _checked(text: str, position: int | None, known: tuple[Database, Markets, str | None]) -> Checked:
    if len(text) > TEXT_MAX:
        raise BadParameter(
            f"the text has more than {TEXT_MAX:,} characters", field="expression", accepted="a shorter one"
        )
    if position is not None and not 0 <= position <= len(text):
        accepted = f"0 to {len(text)}"
        raise BadParameter(f"position {position} is not in the text: {accepted}", field="position", accepted=accepted)
    names = await _names(*known)
    problems = screens.validate(text, names)
    completions = [] if position is None else screens.complete(text, position, names)
    if problems:
        return Checked(False, None, None, problems, completions)
    return Checked(True, str(screens.parse(text)), screens.format_text(text), [], completions)


@get("/language", operation_id="getLanguage", summary="The language of screens", tags=["screens"], responses=PROBLEMS)
async def language(request: Request[Any, Any, Any]) -> Response[screens.Reference]:
    """Every name, function, indicator and sign, from what the parser knows; Markdown where `Accept` prefers it."""
    reference = screens.language_reference()
    headers = {"Vary": "Accept"}
    if request.accept.best_match(["application/json", MARKDOWN], default="application/json") == MARKDOWN:
        text: Any = reference.markdown.encode()
        return Response(text, headers=headers, media_type=f"{MARKDOWN}; charset=utf-8")
    return Response(reference, headers=headers)


async def _names(database: Database, markets: Markets, workspace: str | None) -> screens.Names:
    panel = markets.panel(workspace)
    async with database.acquire() as connection:
        lists = await all_lists(connection, panel.workspace)
        saved, _ = await screens_page(connection, panel.workspace)
    return screens.Names(
        markets=list(panel.roster.markets),
        sectors=list(panel.roster.sectors),
        lists=[each.name for each in lists],
        screens=[each.name for each in saved],
    )


router = Router("/screens", route_handlers=[validate, draft, language])

"""/api/v1/screens: a condition asked of the whole market, the presets, and what the language is."""

from __future__ import annotations

import asyncio
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from litestar import Request, Response, Router, get, post
from litestar.di import NamedDependency
from litestar.params import FromQuery, JSONBody, QueryParameter

from ralph import screens
from ralph.api.departures import while_connected
from ralph.api.problems import PROBLEMS
from ralph.jobs.exports import MEDIA_TYPES, ExportFormat
from ralph.jobs.match_export import export_matches, file_name
from ralph.jobs.screening import Answered, Screening
from ralph.screens.presets import Preset, presets

Limit = Annotated[int | None, QueryParameter(ge=1, description="Matches of a page; all where absent.")]


class PresetPage(msgspec.Struct, frozen=True):
    """The screens that come with Ralph, in their order."""

    presets: tuple[Preset, ...]


@post(
    "/run",
    operation_id="runScreen",
    summary="Which Symbols meet a condition",
    tags=["screens"],
    status_code=200,
    responses=PROBLEMS,
)
async def run_screen(
    request: Request[Any, Any, Any],
    data: JSONBody[screens.Request],
    screening: NamedDependency[Screening],
    workspace: FromQuery[str | None] = None,
) -> Response[screens.Answer]:
    """Which Symbols meet the condition, as of a Session (the newest unless `as_of` says another)."""
    return respond(await while_connected(request, screening.ask(workspace, data)))


@get(
    "/run",
    operation_id="readScreen",
    summary="Which Symbols meet a condition, as a link",
    tags=["screens"],
    responses=PROBLEMS,
)
async def read_screen(
    request: Request[Any, Any, Any],
    screening: NamedDependency[Screening],
    uploads: NamedDependency[Path],
    expression: FromQuery[str],
    as_of: FromQuery[date | None] = None,
    universe: FromQuery[str | None] = None,
    sort: FromQuery[str] = "score",
    order: FromQuery[Literal["asc", "desc"] | None] = None,
    limit: Limit = None,
    cursor: FromQuery[str | None] = None,
    columns: FromQuery[list[str] | None] = None,
    form: Annotated[ExportFormat | Literal["json"], QueryParameter(name="format")] = "json",
    workspace: FromQuery[str | None] = None,
) -> Response[screens.Answer]:
    """The same as a link that can be kept; symbols of a universe stand with commas between them. With `format` csv,
    parquet or xlsx the matches are a file."""
    asked = screens.Request(
        expression=expression,
        as_of=as_of,
        universe=read_universe(universe),
        sort=sort,
        order=order,
        limit=limit,
        cursor=cursor,
        columns=columns or [],
    )
    answered = await while_connected(request, screening.ask(workspace, asked))
    return respond(answered) if form == "json" else await _file(answered, form, uploads)


@get("/presets", operation_id="listPresets", summary="Screens to begin with", tags=["screens"], responses=PROBLEMS)
async def preset_page() -> PresetPage:
    """Well-known ideas in the language, with a name and a sentence in English and Korean."""
    return PresetPage(presets())


def respond(answered: Answered) -> Response[screens.Answer]:
    """The answer as it was made, and in the headers what it took this time and whether it was known already.

    An answer that is known has the same bytes again, so its ETag is the same too.
    """
    headers = {
        "Cache-Status": f"ralph; {'hit' if answered.is_cached else 'fwd=miss; stored'}",
        "Server-Timing": f"screen;dur={answered.seconds * 1e3:.3f}",
    }
    body: Any = answered.body
    return Response(body, headers=headers, media_type="application/json")


async def _file(answered: Answered, form: ExportFormat, uploads: Path) -> Response[screens.Answer]:
    answer = answered.read()
    body: Any = await asyncio.to_thread(export_matches, answer, form, uploads)
    headers = {
        "Content-Disposition": f'attachment; filename="{file_name(answer, form)}"',
        "X-Ralph-Workspace": answer.workspace,
        "X-Ralph-Simulated": "true" if answer.simulated else "false",
    }
    return Response(body, headers=headers, media_type=MEDIA_TYPES[form])


def read_universe(text: str | None) -> str | list[str] | None:
    """A universe in a query: a name, or codes with commas between them."""
    if text is None or "," not in text:
        return text
    return [part.strip() for part in text.split(",") if part.strip()]


router = Router("/screens", route_handlers=[run_screen, read_screen, preset_page])

"""/api/v1/login-links and /session: a new one-time link for the owner's browser, and signing it out."""

from __future__ import annotations

from typing import Any

import msgspec
from litestar import Request, Response, Router, delete, post
from litestar.di import NamedDependency

from ralph.api.access import COOKIE, LINK_LIFE_S, Access, session_of
from ralph.api.problems import PROBLEMS
from ralph.errors import NotFound


class LoginLink(msgspec.Struct, frozen=True):
    """A path with a token in it; it opens one session and works for expires_in_s seconds."""

    path: str
    expires_in_s: int


@post(
    "/",
    operation_id="newLoginLink",
    summary="A one-time link for the browser",
    tags=["access"],
    sync_to_thread=False,
    responses=PROBLEMS,
)
def new_login_link(access: NamedDependency[Access]) -> LoginLink:
    """A one-time link for the owner's browser."""
    return LoginLink(f"/?t={access.new_link()}", int(LINK_LIFE_S))


@delete("/", operation_id="endSession", summary="Sign this browser out", tags=["access"], responses=PROBLEMS)
async def end_session(request: Request[Any, Any, Any], access: NamedDependency[Access]) -> Response[None]:
    """The session in the cookie holds no more, anywhere; what it has open is closed. 404 without such a cookie."""
    token = session_of(request.headers.get("cookie", ""))
    if token is None or not await access.is_session(token):
        raise NotFound("the request has no browser session", field="cookie", accepted=f"{COOKIE}=TOKEN")
    await access.end_session(token)
    answer: Response[None] = Response(None)
    answer.delete_cookie(COOKIE)
    return answer


routers = [
    Router("/login-links", route_handlers=[new_login_link]),
    Router("/session", route_handlers=[end_session]),
]

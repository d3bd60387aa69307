"""/api/v1/login-links: a new one-time link for the owner's browser."""

from __future__ import annotations

import msgspec
from litestar import Router, post
from litestar.di import NamedDependency

from ralph.api.access import LINK_LIFE_S, Access
from ralph.api.problems import PROBLEMS


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


router = Router("/login-links", route_handlers=[new_login_link])

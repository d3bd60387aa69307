"""Errors as RFC 9457 problems: every class of the error tree, every error of the framework, and the unexpected."""

from __future__ import annotations

import logging
from typing import Any

import msgspec
from litestar import Request, Response
from litestar.exceptions import HTTPException, ValidationException
from litestar.openapi.datastructures import ResponseSpec

from ralph.errors import BadExpression, BadRequest, RalphError, Unavailable
from ralph.telemetry import request_id

_log = logging.getLogger("ralph.api")

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_S = 2
TITLES = {
    400: "The request cannot be understood",
    401: "A key or a session is needed",
    403: "This is not allowed",
    404: "There is nothing by that name",
    405: "This method is not served here",
    413: "The body is too large",
    422: "A value cannot be used",
    500: "Ralph failed",
    503: "Ralph cannot answer just now",
}
CODES = {
    400: "BAD_REQUEST",
    401: "NOT_ALLOWED",
    403: "FORBIDDEN",
    404: "NOT_FOUND",
    405: "METHOD_NOT_ALLOWED",
    413: "TOO_LARGE",
}


class Problem(msgspec.Struct, frozen=True, omit_defaults=True):
    """What went wrong, for people (title, detail) and for programs (code, field, accepted, position)."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    request_id: str | None = None
    field: str | None = None
    accepted: str | None = None
    position: int | None = None
    length: int | None = None
    suggestion: str | None = None


PROBLEMS = {
    status: ResponseSpec(Problem, description=TITLES[status], media_type=MEDIA_TYPE, generate_examples=False)
    for status in (400, 401, 404, 413, 422, 503)
}
"""For `responses=` of every handler, so that the OpenAPI document names them."""


def problem(status: int, detail: str, code: str | None = None, **extra: Any) -> Problem:
    """A Problem with the id of the running request."""
    code = code or CODES.get(status, f"HTTP_{status}")
    title = TITLES.get(status, "The request failed")
    kind = f"urn:ralph:problem:{code.lower().replace('_', '-')}"
    return Problem(kind, title, status, detail, code, request_id.get(), **extra)


def from_error(error: RalphError) -> Problem:
    """The Problem of an error of our own tree."""
    extra: dict[str, Any] = {"field": error.field, "accepted": error.accepted}
    if isinstance(error, BadExpression):
        extra |= {"position": error.position, "length": error.length, "suggestion": error.suggestion}
    return problem(error.status, error.message, error.code, **extra)


def from_framework(error: HTTPException) -> Problem:
    """The Problem of an error that Litestar raised: a wrong parameter, path, method or size."""
    if isinstance(error, ValidationException):
        reasons = [{**entry, "key": _asked_as(entry)} for entry in error.extra or [] if isinstance(entry, dict)]
        field = reasons[0]["key"] if reasons else None
        detail = "; ".join(f"{entry['key'] or 'body'}: {entry.get('message')}" for entry in reasons) or error.detail
        return problem(422, detail, "BAD_PARAMETER", field=field)
    return problem(error.status_code, error.detail or TITLES.get(error.status_code, ""))


def _asked_as(entry: dict[str, Any]) -> str | None:
    """The parameter's name in the request: handlers cannot call theirs `from`."""
    key = entry.get("key")
    return {"since": "from", "until": "to"}.get(str(key), str(key)) if key else None


def _answer(request: Request[Any, Any, Any], found: Problem, headers: dict[str, str] | None = None) -> Response[bytes]:
    headers = dict(headers or {})
    if found.status == 503:
        headers.setdefault("Retry-After", str(RETRY_AFTER_S))
    if found.status == 401:
        headers.setdefault("WWW-Authenticate", "Bearer")
    body = msgspec.json.encode(found)
    return Response(body, status_code=found.status, headers=headers, media_type=MEDIA_TYPE)


def on_ralph_error(request: Request[Any, Any, Any], error: RalphError) -> Response[bytes]:
    """Answers an error of our own tree; what the caller cannot mend is logged."""
    if not isinstance(error, BadRequest):
        level = logging.WARNING if isinstance(error, Unavailable) else logging.ERROR
        _log.log(level, error.message, exc_info=error if level == logging.ERROR else None)
    return _answer(request, from_error(error))


def on_http_error(request: Request[Any, Any, Any], error: HTTPException) -> Response[bytes]:
    """Answers an error of the framework, keeping its headers."""
    return _answer(request, from_framework(error), dict(error.headers or {}))


def on_undecodable(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    """Answers a body that is nested too deeply or is not UTF-8."""
    return _answer(request, problem(400, f"the body cannot be decoded: {type(error).__name__}", field="body"))


def on_unexpected(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    """Answers what nobody foresaw, without its details; they are in the log under the request id."""
    _log.error("unexpected error", exc_info=error)
    return _answer(request, problem(500, "an unexpected error; the log has it under this request id", "INTERNAL"))


HANDLERS: dict[type[Exception] | int, Any] = {
    RalphError: on_ralph_error,
    HTTPException: on_http_error,
    RecursionError: on_undecodable,
    UnicodeDecodeError: on_undecodable,
    Exception: on_unexpected,
}

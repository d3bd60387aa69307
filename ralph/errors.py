"""Every error Ralph raises on purpose, as one tree; a class says what the caller can do about it.

RalphError
├── BadRequest            the caller can fix the input                  HTTP 4xx, exit 1 or 2
│   ├── BadExpression     a screen's text, with the position in it
│   ├── BadParameter      a value out of its range or of the wrong type
│   ├── BadFile           a file that cannot be read to its end
│   │   └── BadBackup     a backup's file that is missing or was changed
│   ├── NotAllowed        a missing or wrong key, host or permission    401/403, exit 5
│   ├── TooLarge          a body or result over its limit
│   ├── Incomplete        work that stopped short of its end, with a report of how far it came
│   ├── Departed          the client left before its answer was ready   499
│   └── NotFound          nothing by that name
│       ├── UnknownSymbol
│       └── DataNotFound  no data on that date                          exit 3
├── Unavailable           the same call may work later                  503, exit 4
│   ├── DatabaseDown
│   ├── CacheDown
│   ├── LeaseLost     another attempt of the job has taken over
│   └── NotReady          still starting
└── Misconfigured         a person must act                             refuse to start, exit 1
    ├── HomeInUse         another process holds the home
    └── SchemaRefused     an edited migration, or a newer Ralph's database
"""

from __future__ import annotations


class RalphError(Exception):
    """The root. `code` is stable and public; `field` names the offending input; `accepted` says what would do."""

    code = "INTERNAL"
    status = 500
    exit_code = 1

    def __init__(self, message: str, *, field: str | None = None, accepted: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.field = field
        self.accepted = accepted


class BadRequest(RalphError):
    code = "BAD_REQUEST"
    status = 400


class BadExpression(BadRequest):
    """A screen's text that cannot be understood: `position` and `length` count characters of the text, from 0."""

    code = "BAD_EXPRESSION"
    status = 422
    exit_code = 2

    def __init__(self, message: str, *, position: int, length: int = 1, suggestion: str | None = None) -> None:
        super().__init__(message, field="expression", accepted=suggestion)
        self.position = position
        self.length = max(1, length)
        self.suggestion = suggestion


class BadParameter(BadRequest):
    code = "BAD_PARAMETER"
    status = 422
    exit_code = 2


class BadFile(BadRequest):
    code = "BAD_FILE"
    status = 422


class BadBackup(BadFile):
    code = "BAD_BACKUP"


class NotAllowed(BadRequest):
    code = "NOT_ALLOWED"
    status = 401
    exit_code = 5


class TooLarge(BadRequest):
    code = "TOO_LARGE"
    status = 413


class Incomplete(BadRequest):
    """`report`: what was reached, as JSON can hold it."""

    code = "INCOMPLETE"
    status = 409

    def __init__(self, message: str, *, report: object, field: str | None = None, accepted: str | None = None) -> None:
        super().__init__(message, field=field, accepted=accepted)
        self.report = report


class Departed(BadRequest):
    code = "DEPARTED"
    status = 499


class NotFound(BadRequest):
    code = "NOT_FOUND"
    status = 404
    exit_code = 3


class UnknownSymbol(NotFound):
    code = "UNKNOWN_SYMBOL"


class DataNotFound(NotFound):
    code = "DATA_NOT_FOUND"


class Unavailable(RalphError):
    code = "UNAVAILABLE"
    status = 503
    exit_code = 4


class DatabaseDown(Unavailable):
    code = "DATABASE_DOWN"


class CacheDown(Unavailable):
    code = "CACHE_DOWN"


class LeaseLost(Unavailable):
    code = "LEASE_LOST"


class NotReady(Unavailable):
    code = "NOT_READY"


class Misconfigured(RalphError):
    code = "MISCONFIGURED"


class HomeInUse(Misconfigured):
    code = "HOME_IN_USE"


class SchemaRefused(Misconfigured):
    code = "SCHEMA_REFUSED"

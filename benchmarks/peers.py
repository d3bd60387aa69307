"""What Ralph's answers are measured against, each in a process of its own: `python -m benchmarks.peers NAME PORT`."""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import date
from typing import Any

import msgspec
import uvicorn

ROWS = 200
SMALL = {"workspace": "main", "simulated": False, "as_of": "2026-05-29", "gate": "open", "score": 71.5}


class Row(msgspec.Struct, frozen=True):
    """A bar as the API shows it."""

    on: date
    open: float
    high: float
    low: float
    close: float
    volume: float
    value: float
    flags: list[str]


def rows() -> list[Row]:
    """The bars of one answer."""
    return [Row(date(2026, 1, n % 28 + 1), 100.0 + n, 110.5 + n, 90.25, 105.0, 1e6, 1e8, []) for n in range(ROWS)]


def _asgi(made: Callable[[], bytes]) -> Any:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        body = made()
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    return app


def _fastapi() -> Any:
    from fastapi import FastAPI
    from pydantic import create_model

    fields: Any = dict.fromkeys(Row.__struct_fields__, (float, ...)) | {"on": (date, ...), "flags": (list[str], ...)}
    bar = create_model("Bar", **fields)
    body = create_model("Body", bars=(list[bar], ...))  # type: ignore[valid-type]
    own = [msgspec.structs.asdict(row) for row in rows()]
    app = FastAPI()

    @app.get("/", response_model=body)
    async def list_bars() -> Any:
        return {"bars": own}

    return app


def _app(name: str) -> Any:
    if name == "fastapi":
        return _fastapi()
    if name == "rows":
        own = rows()
        return _asgi(lambda: msgspec.json.encode({"bars": own}))
    return _asgi(lambda: msgspec.json.encode(SMALL))


def main() -> None:
    """Serve until terminated, with uvicorn as Ralph runs it."""
    options: Any = {"http": "httptools", "loop": "uvloop", "ws": "none", "lifespan": "off"}
    app, port = _app(sys.argv[1]), int(sys.argv[2])
    uvicorn.run(app, port=port, log_config=None, access_log=False, server_header=False, **options)


if __name__ == "__main__":
    main()

"""The socket that requests come to, and the HTTP server behind it."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable, Iterator
from types import FrameType

import uvicorn

from ralph.errors import Misconfigured

BACKLOG = 2_048  # connections the kernel holds while the loop is busy


def bind(host: str, port: int) -> socket.socket:
    """A listening socket; Misconfigured when the port is taken or the address is not ours or not loopback."""
    if host not in ("127.0.0.1", "localhost", "::1"):
        raise Misconfigured(
            f"host {host} is not loopback, and there is no owner with a password yet; use --host 127.0.0.1",
            field="host",
            accepted="127.0.0.1",
        )
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise Misconfigured(
            f"port {port} on {host} cannot be used ({error.strerror}); choose another with --port, 0 picks a free one",
            field="port",
            accepted="a free port",
        ) from error
    listener.setblocking(False)
    return listener


class HttpServer(uvicorn.Server):
    """Uvicorn that says when it listens, without its signal handling: the application stops in its own order."""

    def __init__(self, config: uvicorn.Config, on_exit: Callable[[], None]) -> None:
        super().__init__(config)
        self.listening = asyncio.Event()
        self._on_exit = on_exit

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.listening.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self.should_exit = True
        self._on_exit()


def address(listener: socket.socket) -> str:
    """host:port of a bound socket, as it stands in a URL."""
    host, port = listener.getsockname()[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

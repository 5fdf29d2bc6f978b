"""The server process: a socket on this machine, the model in its thread, and the address for the browser."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable

import h11
import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from vos.errors import UsageError


def bind(host: str, port: int) -> socket.socket:
    """A listening socket; port 0 takes any free one.

    Raises:
        UsageError: The address cannot be used here.
    """
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        found = socket.socket(family, socket.SOCK_STREAM)
    except OSError as error:
        raise UsageError(f"--host {host}: not an address of this machine ({error.strerror or error})") from error
    try:
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        found.bind((host, port))
        found.listen(64)
    except OSError as error:
        found.close()
        raise UsageError(
            f"--host {host} --port {port}: cannot listen there ({error.strerror or error}); choose another --port"
        ) from error
    return found


def address_of(listening: socket.socket, token: str) -> str:
    """What to open in a browser. The token is behind '#', which browsers do not send or log anywhere."""
    host, port = listening.getsockname()[:2]
    shown = f"[{host}]" if ":" in host else host
    return f"http://{shown}:{port}/#token={token}"


class _Impatient(H11Protocol):
    """Closes connections whose request line and headers do not come to their end: each would be held forever.

    Looks every few seconds; who is still sending the same headers at the second look, or has sent none, is cut off.
    """

    every = 5.0
    _was_waiting = False
    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._timer = self.loop.call_later(self.every, self._look)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        super().connection_lost(exc)

    def _look(self) -> None:
        is_idle = self.conn.their_state is h11.IDLE
        is_waiting = is_idle and (self.cycle is None or bool(self.conn.trailing_data[0]))
        if is_waiting and self._was_waiting:
            self.transport.close()
            return
        self._was_waiting = is_waiting
        self._timer = self.loop.call_later(self.every, self._look)


class _Server(uvicorn.Server):
    """Ends the tabs' event streams first, which would keep the server waiting forever."""

    def __init__(self, config: uvicorn.Config, on_stop: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_stop = on_stop

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._on_stop()
        await super().shutdown(sockets)


def make_server(app: ASGIApp, *, on_stop: Callable[[], None]) -> uvicorn.Server:
    """A server that serves with `.run(sockets=[...])` until Ctrl+C, or until `.should_exit` is set.

    Args:
        app: The application.
        on_stop: Called when the server is about to stop, before it waits for connections to end.
    """
    logging.getLogger("uvicorn.error").setLevel(logging.WARNING)
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        server_header=False,
        ws="none",
        lifespan="off",
        http=_Impatient,
        timeout_graceful_shutdown=3,
    )
    return _Server(config, on_stop)

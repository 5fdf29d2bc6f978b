"""Who may talk to the server: this user's browser with the token of this start, and no other page in that browser.

A page of another site can make a browser send requests to 127.0.0.1, and can point its own name there (DNS
rebinding). So: the Host header must be an address or a name that was given on the command line, never a foreign name;
Origin, where a browser sends one, must be this server; everything under /api needs the token, in a header that no
foreign page can set without a preflight that this server does not answer.
"""

from __future__ import annotations

import hmac
import ipaddress
import secrets
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

TOKEN_HEADER = "x-vos-token"
_PROTECTED = "/api/"

# Only what the wheel ships may run; nothing may be framed, posted to or loaded from elsewhere.
_RESPONSE_HEADERS = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
}


def new_token() -> str:
    """128 random bits for the address of one start."""
    return secrets.token_urlsafe(16)


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach a server that is bound to `host`."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class Gate:
    """ASGI middleware that lets through what the module's first lines allow, and adds headers to every answer.

    Args:
        app: What is guarded.
        token: The token of this start.
        host: The name or address the server was told to bind to.
    """

    def __init__(self, app: ASGIApp, *, token: str, host: str) -> None:
        self._app = app
        self._token = token.encode()
        self._host = host.lower()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        refusal = self._refusal(scope["path"], Headers(scope=scope))

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _RESPONSE_HEADERS.items():
                    headers[name] = value
                headers.setdefault("cache-control", "no-store")
            await send(message)

        answer = self._app if refusal is None else JSONResponse({"error": refusal[1]}, status_code=refusal[0])
        await answer(scope, receive, send_with_headers)

    def _refusal(self, path: str, headers: Headers) -> tuple[int, str] | None:
        """Status and reason, or None."""
        host = headers.get("host", "")
        if not self._is_our_name(host):
            return 421, "this server answers only to its own address; open the address that vos ui printed"
        origin = headers.get("origin")
        if origin is not None and urlsplit(origin).netloc.lower() != host.lower():
            return 403, "requests from other pages are refused"
        if path.startswith(_PROTECTED):
            token = headers.get(TOKEN_HEADER, "").encode()
            if not hmac.compare_digest(token, self._token):
                return 401, "wrong or missing token; open the address that vos ui printed in the terminal"
        return None

    def _is_our_name(self, host: str) -> bool:
        """An address, `localhost`, or the name given on the command line; whatever the port (it may be forwarded)."""
        try:
            name = (urlsplit(f"//{host}").hostname or "").lower()
        except ValueError:
            return False
        if name in ("localhost", self._host):
            return True
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return False
        return True

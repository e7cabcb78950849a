"""Who may ask: this page, opened by this address, and nobody else's page.

A page elsewhere on the web can make a browser send requests to 127.0.0.1, and can let its own name point there (DNS
rebinding). The first is told by `Origin`, `Sec-Fetch-Site` and by a header that a page of another origin may not set
unasked; the second by `Host`.
"""

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

CHANGING = ("POST", "DELETE")
MARK = "x-dgan"
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}


def refusal(method: str, headers: Headers, hosts: frozenset[str]) -> str | None:
    """Why a request is refused, None if it is not."""
    host = headers.get("host", "")
    if len(headers.getlist("host")) != 1 or host not in hosts:
        return "this page answers to its own address only"
    origin = headers.get("origin")
    if origin is not None and origin != f"http://{host}":
        return "another page asked for this"
    if headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        return "another page asked for this; open the address by hand"
    if method in CHANGING and MARK not in headers:
        return "this was not asked by the page itself"
    return None


class Guard:
    """Refuses what is not for us, and tells the browser what the page may do."""

    def __init__(self, app: ASGIApp, hosts: frozenset[str]) -> None:
        self.app, self.hosts = app, hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            return await self.app(scope, receive, send)
        if scope["type"] != "http":  # web sockets, which the page does not use
            await send({"type": "websocket.close", "code": 1008})
            return None

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        why = refusal(scope["method"], Headers(scope=scope), self.hosts)
        answer = self.app if why is None else JSONResponse({"error": why}, 403)
        return await answer(scope, receive, with_headers)

"""Access control of the page: without a token from this computer, with a token from others.

The page shows patients' images, so a browser on another machine needs the token that was printed
at the start: once in the address (it becomes a cookie), or in an ``Authorization: Bearer`` header.
On loopback a request must have been meant for loopback: another site's page in the same browser
cannot reach it, neither by a name that points here nor by a web socket.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

from aiohttp import web

from lsms_core.service.access_token import same_token
from lsms_core.service.address import is_loopback

COOKIE = "lsms_viewer"
_HEADERS = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
_REFUSED = """<!DOCTYPE html><html lang="en"><meta charset="utf-8"><title>LSMS</title>
<body style="font: 16px/1.5 system-ui, sans-serif; max-width: 34rem; margin: 3rem auto">
<h1 style="font-size: 1.3rem">This page needs its token</h1>
<p>{why} Open the address that <code>lsms viewer</code> printed when it was started; it ends in
<code>?token=…</code>.</p></body></html>"""
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def access_middleware(
    token: str | None, local: bool
) -> Callable[..., Awaitable[web.StreamResponse]]:
    """Return the aiohttp middleware that refuses who may not use the page.

    Args:
        token: what to show; None for none.
        local: whether the page is bound to loopback.
    """

    @web.middleware
    async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
        if not _meant_for_here(request, local):
            return _refuse(403, "The request came from another site.")
        if token is not None:
            given = request.query.get("token")
            if given is not None:
                return _enter(request, token, given)
            if not _known(request, token):
                return _refuse(401, "It is shown only to whoever knows the token.")
        response = await handler(request)
        if not response.prepared:
            response.headers.update(_HEADERS)
        return response

    return check


def _enter(request: web.Request, token: str, given: str) -> web.StreamResponse:
    """Trade the address's token for a cookie, and take it out of the address."""
    if not same_token(given, token):
        return _refuse(401, "This token is not the page's.")
    rest = request.rel_url.without_query_params("token")
    answer = web.Response(status=302, headers={"Location": str(rest), **_HEADERS})
    answer.set_cookie(COOKIE, token, httponly=True, samesite="Lax", secure=request.secure)
    return answer


def _known(request: web.Request, token: str) -> bool:
    kind, _, key = request.headers.get("Authorization", "").partition(" ")
    if kind.casefold() == "bearer" and same_token(key.strip(), token):
        return True
    return same_token(request.cookies.get(COOKIE, ""), token)


def _meant_for_here(request: web.Request, local: bool) -> bool:
    """Whether a page of this server, or no page at all, made the request."""
    host = request.headers.get("Host", "")
    if local and not is_loopback(urlsplit(f"//{host}").hostname or ""):
        return False
    origin = request.headers.get("Origin")
    return origin is None or urlsplit(origin).netloc.casefold() == host.casefold()


def _refuse(status: int, why: str) -> web.Response:
    return web.Response(
        status=status, text=_REFUSED.format(why=why), content_type="text/html", headers=_HEADERS
    )

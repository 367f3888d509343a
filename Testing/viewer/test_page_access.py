"""Who may use the page: tokens, other sites, loopback."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

import pytest

web = pytest.importorskip("aiohttp.web", reason="the page needs: pip install 'lsms-core[viewer]'")

from aiohttp.test_utils import TestClient, TestServer  # noqa: E402

from lsms_core.viewer.page_access import access_middleware  # noqa: E402

TOKEN = "a-token-for-the-tests-0123456789"


def ask(token, local, *paths, **options):
    """Ask for pages one after the other in one browser; returns status and text of the last."""

    async def page(_request):
        return web.Response(text="CT of a patient")

    async def run():
        app = web.Application(middlewares=[access_middleware(token, local)])
        app.router.add_get("/{name:.*}", page)
        async with TestClient(TestServer(app)) as client:
            for path in paths:
                answer = await client.get(path, **options)
                result = answer.status, await answer.text(), answer
            return result

    # A loop of its own: browsers of other tests keep one in this thread.
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, run()).result()


def test_loopback_needs_no_token():
    status, text, answer = ask(None, True, "/index.html")
    assert (status, text) == (200, "CT of a patient")
    assert answer.headers["X-Frame-Options"] == "DENY"


@pytest.mark.parametrize("path", ["/", "/?token=wrong", "/?token=", f"/?token={TOKEN}x", "/ws"])
def test_a_wrong_token_or_none_is_refused(path):
    status, text, _ = ask(TOKEN, False, path)
    assert status == 401
    assert "CT of a patient" not in text
    assert TOKEN not in text


def test_the_address_token_becomes_a_cookie_that_scripts_cannot_read():
    status, text, answer = ask(TOKEN, False, f"/index.html?token={TOKEN}", "/ws")
    assert (status, text) == (200, "CT of a patient")
    status, _, answer = ask(TOKEN, False, f"/index.html?token={TOKEN}", allow_redirects=False)
    assert status == 302
    assert answer.headers["Location"] == "/index.html"
    cookie = answer.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie


def test_a_program_may_send_the_token_as_bearer():
    assert ask(TOKEN, False, "/", headers={"Authorization": f"Bearer {TOKEN}"})[0] == 200
    assert ask(TOKEN, False, "/", headers={"Authorization": "Bearer ünknown"})[0] == 401


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://elsewhere.example"},
        {"Host": "rebound.example"},
        {"Host": "rebound.example:80", "Origin": "http://rebound.example:80"},
    ],
)
def test_another_site_in_the_same_browser_is_refused(headers):
    assert ask(None, True, "/ws", headers=headers)[0] == 403

"""A CRM's server, as small as it can be: one page, and a token for the agent who has it open.

SPLITTER=https://desk.example:8443 CRM_TOKEN=… python crm.py [PORT]; docs/desk.md says where the token comes from.
It needs aiohttp alone. Yours knows its users: here the address says who the agent is.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import aiohttp
from aiohttp import web

SPLITTER, TOKEN = os.environ["SPLITTER"], os.environ["CRM_TOKEN"]
PAGE = Path(__file__).with_name("index.html")


async def page(request: web.Request) -> web.Response:
    """The page, which has to know where the gateway is."""
    return web.Response(text=PAGE.read_text().replace("https://desk.example:8443", SPLITTER), content_type="text/html")


async def token(request: web.Request) -> web.Response:
    """A token for this agent's desk: good for a shift, and for nothing but its own calls."""
    wish = {"extension": request.query["agent"], "scopes": ["desk"], "expires_in_s": 36_000}
    headers = {"Authorization": f"Bearer {TOKEN}"}
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{SPLITTER}/v1/tokens", json=wish, headers=headers) as answer,
    ):
        return web.Response(text=(await answer.json())["token"], status=200)


def main() -> None:
    """Serve this machine alone."""
    app = web.Application()
    app.add_routes([web.get("/", page), web.get("/video-token", token)])
    web.run_app(app, host="127.0.0.1", port=int(sys.argv[1]) if len(sys.argv) > 1 else 8080)


if __name__ == "__main__":
    main()

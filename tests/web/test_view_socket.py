"""A socket that shows views: whom it serves may be gone at any moment."""

from __future__ import annotations

import asyncio

import pytest
from aiohttp import web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.test_utils import make_mocked_request

from splitter.web.http.view_socket import show_views


class Gone(web.WebSocketResponse):
    """Of a browser that went while it was opened."""

    async def prepare(self, request: web.BaseRequest) -> AbstractStreamWriter:
        raise ConnectionResetError("Cannot write to closing transport")


async def test_a_browser_that_goes_while_its_socket_opens_is_no_fault_of_ours() -> None:
    queue: asyncio.Queue[int] = asyncio.Queue()
    with pytest.raises(ConnectionResetError):  # which aiohttp passes over
        await show_views(make_mocked_request("GET", "/"), Gone(), queue, lambda view: (view, False))

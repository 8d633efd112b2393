"""Reads what requests carry: of the right kind, no longer than allowed, and in time. Does I/O through aiohttp."""

from __future__ import annotations

import asyncio
from typing import TypeVar

import msgspec
from aiohttp import web

from splitter.core.errors import UNREADABLE
from splitter.telemetry import metrics
from splitter.web.http.errors import ApiError
from splitter.web.http.routes import JSON, Body

ARRIVAL_LIMIT_S = 15.0
_PIECE = 65_536

T = TypeVar("T")


async def read_body(request: web.Request, body: Body) -> bytes:
    """Read the whole body of a request.

    Raises:
        ApiError: 415 for another kind, 413 for too much, 408 for a client that sends it too slowly, 400 for none.
    """
    if request.content_type not in body.types:
        raise _refused(415, "wrong-type", f"send {' or '.join(body.types)}", {"Accept": ", ".join(body.types)})
    if request.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise _refused(415, "wrong-encoding", "send it as it is, not compressed", {"Accept-Encoding": "identity"})
    if (request.content_length or 0) > body.limit_bytes:
        raise _too_large(body)
    pieces, size = [], 0
    limit_s = body.arrival_s or ARRIVAL_LIMIT_S
    try:
        async with asyncio.timeout(limit_s):
            while piece := await request.content.read(_PIECE):
                size += len(piece)
                if size > body.limit_bytes:
                    raise _too_large(body)
                pieces.append(piece)
    except TimeoutError:
        metrics.api.REFUSED.labels("slow").inc()
        raise ApiError(408, "too-slow", f"it did not arrive within {limit_s:g} s", _CLOSE) from None
    if not size and body.needed:
        raise _refused(400, "no-body", f"send {' or '.join(body.types)}")
    return b"".join(pieces)


async def read_json(request: web.Request, body: Body, shape: type[T]) -> T:
    """A JSON body of this shape; where none is needed and none is there, one of nothing but defaults.

    Raises:
        ApiError: see `read_body`; 400 for another shape, with what is wrong.
    """
    if not body.needed and not request.body_exists:
        return shape()
    data = await read_body(request, body)
    try:
        return msgspec.json.decode(data or b"{}", type=shape)
    except UNREADABLE as error:
        raise _refused(400, "bad-body", f"{JSON}: {error}") from None


_CLOSE = {"Connection": "close"}


def _too_large(body: Body) -> ApiError:
    return _refused(413, "too-large", f"at most {body.limit_bytes} bytes are read", _CLOSE)


def _refused(status: int, code: str, message: str, headers: dict[str, str] | None = None) -> ApiError:
    metrics.api.REFUSED.labels("body").inc()
    return ApiError(status, code, message, headers)

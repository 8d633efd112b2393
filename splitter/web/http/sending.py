"""A file that is read piece by piece, sent whole or in a range (RFC 9110 §14). Does I/O through aiohttp."""

from __future__ import annotations

import asyncio

import structlog
from aiohttp import web

from splitter.core.errors import LocalError
from splitter.media.record.source import RecordingSource

_AT_ONCE = 1 << 18

log = structlog.get_logger(__name__)


async def send_source(
    request: web.Request, source: RecordingSource, headers: dict[str, str], tag: str = ""
) -> web.StreamResponse:
    """Answer with what a source has; what cannot be read ends the answer before its end, and the client sees that.

    Args:
        tag: tells this content from any other: a range of another one is a wish for all of this (§13.1.5).
    """
    etag = f'"{tag}"'
    wanted = None if request.headers.get("If-Range", etag).strip() != etag else _range_of(request, source.size)
    headers = {**headers, "Cache-Control": "private, no-store", **({"ETag": etag} if tag else {})}
    begin, end = wanted or (0, source.size)
    status = 206 if wanted else 200
    if wanted and begin >= end:
        return web.Response(status=416, headers={"Content-Range": f"bytes */{source.size}"})
    response = web.StreamResponse(status=status, headers={**headers, "Accept-Ranges": "bytes"})
    response.content_length = end - begin
    if status == 206:
        response.headers["Content-Range"] = f"bytes {begin}-{end - 1}/{source.size}"
    first = b"" if request.method == "HEAD" else await _read(source, begin, end)
    await response.prepare(request)
    if request.method == "HEAD":
        return response
    try:
        while begin < end:
            data = first or await _read(source, begin, end)
            if not data:
                raise LocalError("it is shorter than it was")
            first = b""
            await response.write(data)
            begin += len(data)
    except (LocalError, OSError) as error:
        log.error("a recorded file was not sent to its end", reason=str(error))
        if request.transport is not None:
            request.transport.abort()
        raise ConnectionResetError("the file cannot be read") from error
    await response.write_eof()
    return response


async def _read(source: RecordingSource, begin: int, end: int) -> bytes:
    return await asyncio.to_thread(source.read, begin, min(_AT_ONCE, end - begin))


def _range_of(request: web.Request, size: int) -> tuple[int, int] | None:
    """The first byte that is wanted and the one after the last (§14.1.2); None: all are."""
    if request.method != "GET":
        return None  # §14.2: ranges are of GET alone
    try:
        wanted = request.http_range
    except ValueError:
        return None  # what is no range of ours is as if it were not there (§14.2)
    if wanted.start is None:
        return None
    start, stop = wanted.start, wanted.stop
    if not start and request.headers.get("Range", "").strip().startswith("bytes=-"):
        start = size  # the last 0 bytes, which nothing has (§14.1.3)
    begin = max(0, size + start) if start < 0 else start
    return begin, size if stop is None else min(size, stop)

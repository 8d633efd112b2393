"""What is the same for everybody who asks: made once, and kept compressed as well. Does no I/O."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Mapping

from aiohttp import web

_WORTH = 0.9  # of the size: what hardly shrinks (images) is sent as it is


class Document:
    """Bytes with their ETag (RFC 9110 §8.8.3)."""

    def __init__(self, body: bytes) -> None:
        self._body = body
        zipped = gzip.compress(body, mtime=0)
        self._zipped = zipped if len(zipped) < _WORTH * len(body) else b""
        self._etag = hashlib.sha256(body).hexdigest()[:20]

    def response(self, request: web.Request, kind: str, headers: Mapping[str, str]) -> web.Response:
        """The response to a request: compressed where it takes that, and nothing where it has it."""
        zipped = self._zipped and takes_gzip(request.headers.get("Accept-Encoding", ""))
        # Each form has a tag of its own: a cache must not give one for the other (RFC 9110 §8.8.3.3).
        sent = {**headers, "ETag": f'"{self._etag}-gzip"' if zipped else f'"{self._etag}"', "Vary": "Accept-Encoding"}
        known = request.headers.get("If-None-Match", "")
        if self._etag in known or known.strip() == "*":
            return web.Response(status=304, headers=sent)
        sent["Content-Type"] = kind
        if zipped:
            sent["Content-Encoding"] = "gzip"
        return web.Response(body=self._zipped if zipped else self._body, headers=sent)


def takes_gzip(accepted: str) -> bool:
    """True if Accept-Encoding says so (RFC 9110 §12.5.3)."""
    for word in accepted.lower().split(","):
        name, _, weight = word.partition(";")
        if name.strip() in ("gzip", "x-gzip"):
            return weight.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
    return False

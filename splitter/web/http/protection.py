"""What every response tells browsers, so that a page of another site can do no harm with it. Does no I/O.

HSTS (RFC 6797), Cross-Origin-Resource-Policy (the Fetch standard), CSP level 3, and what is older than these.
"""

from __future__ import annotations

from aiohttp import web
from multidict import CIMultiDict

from splitter.web.http.proxies import is_secure

_ALWAYS = {
    "Server": "splitter",  # and nothing of versions
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    # Of requests without CORS, such as of an <img> in a page of another site; scripts of `web_origins` ask with it.
    "Cross-Origin-Resource-Policy": "same-origin",
    # Pages have one of their own; anything else is not to be a page, whatever it holds.
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
}
_HSTS = "max-age=31536000"  # a year; of this host alone: what its parts do is not ours to say


async def protect(request: web.Request, response: web.StreamResponse) -> None:
    """A signal of aiohttp: before a response leaves."""
    response.headers["Server"] = _ALWAYS["Server"]
    _fill(response.headers, is_secure(request))
    if request.path.startswith("/v1/"):
        response.headers.setdefault("Cache-Control", "no-store")


def protected(response: web.Response, secure: bool) -> web.Response:
    """A response that no application has made, such as to a request that is no HTTP."""
    response.headers["Server"] = _ALWAYS["Server"]
    _fill(response.headers, secure)
    return response


def _fill(headers: CIMultiDict[str], secure: bool) -> None:
    for name, value in _ALWAYS.items():
        headers.setdefault(name, value)
    if secure:  # RFC 6797 §7.2: never over plain HTTP
        headers.setdefault("Strict-Transport-Security", _HSTS)

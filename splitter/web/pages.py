"""The agents' console, the SDK and the guest page: files of the package, read once. Does I/O through aiohttp.

A path that is no file of the package is nothing: no name of a request ever reaches the file system.
"""

from __future__ import annotations

import mimetypes
import re
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import NamedTuple

import structlog
from aiohttp import web

from splitter.web.access.terms import Access, closed
from splitter.web.http.documents import Document
from splitter.web.http.proxies import is_secure

STATIC = Path(__file__).parent / "static"
FOLDERS = ("console", "guest", "sdk", "call", "recordings")

_TYPES = {".js": "text/javascript", ".mjs": "text/javascript", ".svg": "image/svg+xml", ".json": "application/json"}
_URL = re.compile(r"https?://[A-Za-z0-9.:\[\]-]{1,255}")
_HOST = re.compile(r"[A-Za-z0-9.:\[\]-]{1,255}")
_LOGO_BYTES = 100_000
_LOGOS = {
    re.compile(rb"\x89PNG\r\n\x1a\n"): "image/png",
    re.compile(rb"\xff\xd8\xff"): "image/jpeg",
    re.compile(rb"RIFF....WEBP", re.DOTALL): "image/webp",
    re.compile(rb"\s*(<\?xml[^>]*>\s*)?(<!--.*?-->\s*)*<svg[\s>]", re.DOTALL): "image/svg+xml",
}
_FIXED = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",  # asked for each time, sent only when it is another one
}
_ALLOWED = "camera=(self), display-capture=(self), microphone=(), geolocation=()"


log = structlog.get_logger(__name__)


class _File(NamedTuple):
    document: Document
    kind: str


class Pages:
    """Handler of all pages.

    Args:
        access: knows the sites that may frame them, such as a CRM's.
        folder: of the files; that of the package.
        nodes: URLs of gateways that a page goes on with where ours is gone.
    """

    def __init__(
        self, access: Access | None = None, folder: Path | None = None, nodes: Callable[[], Iterable[str]] = list
    ) -> None:
        folder = folder or STATIC
        self._nodes = nodes
        self._access = access or closed()
        self._logo = _read_logo(self._access.page.logo)
        self.files = _read_all(folder)

    async def index(self, request: web.Request) -> web.StreamResponse:
        """The console is what people want who type our name."""
        return web.Response(status=302, headers={"Location": "/console/"})

    async def folder(self, request: web.Request) -> web.StreamResponse:
        """Without the slash at its end the page's own links would lead elsewhere."""
        return web.Response(status=302, headers={"Location": f"{request.path}/"})

    async def logo(self, request: web.Request) -> web.StreamResponse:
        """The operator's own image on the guests' page: an image, whatever else it may be."""
        if self._logo is None:
            raise web.HTTPNotFound
        policy = "default-src 'none'; style-src 'unsafe-inline'; sandbox"
        return self._logo.document.response(request, self._logo.kind, {**_FIXED, "Content-Security-Policy": policy})

    async def file(self, request: web.Request) -> web.StreamResponse:
        name = request.path.removeprefix("/")
        found = self.files.get(f"{name}index.html" if name.endswith("/") else name)
        if found is None:
            raise web.HTTPNotFound
        return found.document.response(request, found.kind, {**_FIXED, **self._rules(request, name, found.kind)})

    def _rules(self, request: web.Request, name: str, kind: str) -> Mapping[str, str]:
        """What a page may do. Browsers ask that of documents alone: a phone loads two dozen other files, which get the
        short policy of all that is no page."""
        if not kind.startswith("text/html"):
            return {}
        allowed = _ALLOWED
        if name.startswith("call/"):  # the one page that hears and speaks
            allowed = allowed.replace("microphone=()", "microphone=(self)")
        if name.startswith("guest/"):  # where its user may share a location
            allowed = allowed.replace("geolocation=()", "geolocation=(self)")
        return {"Permissions-Policy": allowed, "Content-Security-Policy": self._policy(request)}

    def _policy(self, request: web.Request) -> str:
        """Nothing but our own files, and nobody else's frames (CSP level 3)."""
        host = request.host if _HOST.fullmatch(request.host) else ""
        # Some browsers' 'self' leaves sockets out. Where we speak plain HTTP, a proxy may do the TLS before us, and
        # not say so.
        schemes = ("wss",) if is_secure(request) else ("ws", "wss")
        socket = "".join(f" {scheme}://{host}" for scheme in schemes) if host else ""
        socket += "".join(f" {url} ws{url[4:]}" for url in self._nodes() if _URL.fullmatch(url))
        frames = " ".join(("'self'", *self._access.settings.web_origins))
        return (
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; "
            f"media-src 'self' blob:; connect-src 'self'{socket}; base-uri 'none'; "
            f"form-action 'none'; frame-ancestors {frames}"
        )


@cache
def _read_all(folder: Path) -> Mapping[str, _File]:
    """The files of all pages, by the end of their URL; once in a process, whatever number of doors it has."""
    return {
        path.relative_to(folder).as_posix(): _read(path)
        for name in FOLDERS
        for path in sorted((folder / name).rglob("*"))
        if path.is_file() and not path.name.startswith(".")
    }


def _read_logo(name: str) -> _File | None:
    """The image of [guest_page]; None where there is none, or it is no image, which the log says."""
    if not name:
        return None
    try:
        with Path(name).open("rb") as file:
            body = file.read(_LOGO_BYTES + 1)
    except OSError as error:
        log.error("the logo of the guests' page cannot be read", file=name, reason=str(error))
        return None
    kind = next((kind for start, kind in _LOGOS.items() if start.match(body)), "")
    if not kind or len(body) > _LOGO_BYTES:
        log.error("the logo of the guests' page is no PNG, JPEG, WebP or SVG image of at most 100 kB", file=name)
        return None
    return _File(Document(body), kind)


def _read(path: Path) -> _File:
    body = path.read_bytes()
    kind = _TYPES.get(path.suffix) or mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    if kind.startswith("text/") or kind.endswith(("json", "xml")):
        kind += "; charset=utf-8"
    return _File(Document(body), kind)

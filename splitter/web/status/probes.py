"""Questions of orchestrators and load balancers: does it live, does it take calls. Does I/O through aiohttp.

/healthz answers as long as the event loop does: who gets no answer may begin the process anew. /readyz says 200 while
new calls are taken, else 503 and why: who distributes calls then leaves it out, and nobody is to kill it for that.
"""

from __future__ import annotations

from collections.abc import Callable

from aiohttp import web

from splitter.web.ports import GatewayStatus

_HEADERS = {"Cache-Control": "no-store"}


class Probes:
    """Handlers of /healthz and /readyz. Whoever asks need not say who it is, and learns no more than this."""

    def __init__(self, status: Callable[[], GatewayStatus]) -> None:
        self._status = status

    async def live(self, request: web.Request) -> web.Response:
        """Say that the process lives."""
        return web.Response(text="ok\n", headers=_HEADERS)

    async def ready(self, request: web.Request) -> web.Response:
        """Say whether new calls are taken."""
        if reason := unready(self._status()):
            return web.Response(status=503, text=f"{reason}\n", headers=_HEADERS | {"Retry-After": "5"})
        return web.Response(text="ready\n", headers=_HEADERS)


def unready(status: GatewayStatus) -> str:
    """Why no new calls are taken; "" where they are."""
    if status.state != "running":
        return status.state
    ready, wanted = status.workers
    if wanted and not ready and not status.rtpengines:
        return "no media worker is ready"
    return ""

"""Opens the API's Unix socket, its listener for others, and that of /metrics. Does I/O."""

from __future__ import annotations

import errno
import socket
import time
from functools import partial
from pathlib import Path

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST

from splitter.calls.logins.access import ApiSettings
from splitter.core.errors import LocalError
from splitter.core.net import Address
from splitter.telemetry import metrics
from splitter.web.api import build
from splitter.web.door.listener import HttpListener
from splitter.web.door.precedence import Precedence
from splitter.web.ports import Ports
from splitter.web.status.probes import Probes

SOCKET_MODE = 0o660  # whoever may write to it may hang up calls: the service's user and group
CLOSING_S = 1.0  # followers of a trace do not hold up a restart
_METRICS_FOR_S = 0.5  # they are not made more often: it takes some milliseconds


class Server:
    """The HTTP doors.

    Attributes:
        api, scraped: those that others reach: the API, and /metrics.
        precedence: how what comes through them shares the event loop with calls.

    Args:
        control_socket: path of the Unix socket.
        metrics_address: where /metrics is served; None for nowhere.
        ports: the rest of the program.
    """

    def __init__(self, control_socket: str, metrics_address: Address | None, ports: Ports) -> None:
        self._path = Path(control_socket)
        self._metrics_address = metrics_address
        access = ports.access
        self._listens = bool(access.settings.listen)
        self._runner = web.AppRunner(build(ports), access_log=None, shutdown_timeout=CLOSING_S)
        precedence = self.precedence = Precedence()
        metrics.api.WAITING.set_function(lambda: precedence.waiting)
        self.api = HttpListener(partial(build, ports, precedence), access.settings, precedence, proxies=access.proxies)
        addresses = ApiSettings((metrics_address,) if metrics_address else ())
        made_for_scrapers = partial(_inner_app, precedence, Probes(ports.status))
        self.scraped = HttpListener(made_for_scrapers, addresses, precedence, "/metrics")
        self._inode = 0

    async def open_inner(self) -> None:
        """Open the doors of operators: the control socket, and /metrics.

        Raises:
            LocalError: the control socket cannot be opened, or another instance has it. A port that is taken is an
                alarm only: it must not keep the gateway from its calls.
        """
        sock = _open_unix(self._path)
        self._inode = self._path.stat().st_ino
        await self._runner.setup()
        await web.SockSite(self._runner, sock).start()
        if self._metrics_address is not None:
            await self.scraped.start()

    async def open_api(self) -> None:
        """Open the door of everybody else; a port that is taken is an alarm only."""
        if self._listens:
            await self.api.start()

    def alarms(self, wall: float) -> list[str]:
        """The alarms of the doors that others reach."""
        return [*self.api.alarms(wall), *self.scraped.alarms(wall)]

    async def stop(self) -> None:
        """Close them; the socket file is removed if it is still ours."""
        if self._listens:
            await self.api.stop()
        await self._runner.cleanup()
        if self._metrics_address is not None:
            await self.scraped.stop()
        try:
            if self._path.stat().st_ino == self._inode:
                self._path.unlink()
        except OSError:
            pass  # systemd removed the directory, or a successor put its own socket there


def _inner_app(precedence: Precedence, probes: Probes) -> web.Application:
    """Whoever scrapes is a stranger: it need not say who it is."""
    made_at, made = -_METRICS_FOR_S, b""

    async def serve(request: web.Request) -> web.Response:
        nonlocal made_at, made
        if time.monotonic() - made_at >= _METRICS_FOR_S:
            made_at, made = time.monotonic(), metrics.render()
        return web.Response(body=made, headers={"Content-Type": CONTENT_TYPE_LATEST})

    app = web.Application(middlewares=[precedence.middleware(None)])
    app.router.add_get("/metrics", serve)
    app.router.add_get("/healthz", probes.live)
    app.router.add_get("/readyz", probes.ready)
    return app


def _open_unix(path: Path) -> socket.socket:
    """A socket that nobody can connect to before its mode is set: bind, chmod, and only then (in SockSite) listen."""
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _remove_stale(path)
        sock.bind(str(path))
        path.chmod(SOCKET_MODE)
    except OSError as error:
        sock.close()
        raise LocalError(f"the control socket {path} cannot be opened: {error.strerror or error}") from error
    except BaseException:
        sock.close()
        raise
    return sock


def _remove_stale(path: Path) -> None:
    """A socket file that nobody listens on was left behind by a crash."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1.0)
        try:
            probe.connect(str(path))
        except OSError as error:
            if error.errno == errno.ECONNREFUSED and path.is_socket():
                path.unlink()
            return
    raise LocalError(f"another splitter listens on {path}; stop it first, or set another gateway.control_socket")

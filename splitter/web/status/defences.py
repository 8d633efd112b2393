"""Bans, and changes of the configuration as the API orders them: what stands behind the port `security.Security`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import structlog

from splitter.core.clock import Clock
from splitter.core.errors import LocalError
from splitter.telemetry import metrics
from splitter.transport.bans import Ban
from splitter.transport.driver import Driver
from splitter.web.door.listener import HttpListener
from splitter.web.status.reloads import Drained, Reloaded

log = structlog.get_logger(__name__)


Reloads = Callable[[bool, str], Awaitable[Reloaded]]
"""Takes what has changed in the configuration; dry run or not, and who asks."""

Drains = Callable[[bool, str], Drained]
"""Takes no new calls, or takes them again; and who asks."""


class Defences:
    """The bans of the transport, the certificates of every network and of the API, and the configuration.

    Args:
        reload: takes a changed configuration.
        hand_over: gives the node to another host; None where there is no cluster.

    Attributes:
        drain: takes no new calls, or takes them again; see `security.Security`.
        restart: begins anew with the configuration as it is now; calls go on. Raises LocalError where that is faulty.
    """

    def __init__(
        self,
        driver: Driver,
        clock: Clock,
        reload: Reloads,
        drain: Drains,
        restart: Callable[[], None] = lambda: None,
        hand_over: Callable[[], None] | None = None,
    ) -> None:
        self._driver = driver
        self._clock = clock
        self._reload = reload
        self.drain = drain
        self.restart = restart
        self._hand_over = hand_over
        self._api: HttpListener | None = None

    async def reload(self, dry_run: bool, by: str) -> Reloaded:
        """Take what has changed in the configuration, or only tell. Raises LocalError; nothing has changed then."""
        return await self._reload(dry_run, by)

    def hand_over(self) -> None:
        """Give this node, and its calls, to another host. Raises LocalError where that cannot be."""
        if self._hand_over is None:
            raise LocalError("there is no cluster: nobody could take the calls")
        self._hand_over()

    def cover(self, api: HttpListener) -> None:
        """Look after the certificate of the API, too: its listener is made after us, since it serves us."""
        self._api = api

    def bans(self) -> list[tuple[Ban, float]]:
        """Sources that are banned, each with the seconds that it still lasts."""
        return self._driver.bans()

    def lift_ban(self, host: str) -> bool:
        """End a ban; False where there is none."""
        return self._driver.lift_ban(host)

    def measure(self) -> None:
        """Show when each certificate ends; say so of those that must be renewed."""
        for network, validity in self._driver.certificates().items():
            metrics.sip.TLS_CERTIFICATE_ENDS.labels(network).set(validity.ends)
            if warning := validity.warning(self._clock.wall()):
                log.error("certificate must be renewed", network=network, reason=warning)
        if self._api is not None and (own := self._api.validity):
            metrics.sip.TLS_CERTIFICATE_ENDS.labels("api").set(own.ends)

"""Bans, certificates and restarts as the API changes them: what stands behind the port `security.Security`.

Does I/O: reads certificates.
"""

from __future__ import annotations

from collections.abc import Callable

import structlog

from splitter.core.clock import Clock
from splitter.core.errors import LocalError
from splitter.telemetry import metrics
from splitter.transport.bans import Ban
from splitter.transport.driver import Driver
from splitter.web.listener import HttpListener

log = structlog.get_logger(__name__)


class Defences:
    """The bans of the transport, and the certificates of every network and of the API.

    Attributes:
        restart: begins anew with the configuration as it is now; calls go on. Raises LocalError where that is faulty.
    """

    def __init__(self, driver: Driver, clock: Clock, restart: Callable[[], None] = lambda: None) -> None:
        self._driver = driver
        self._clock = clock
        self.restart = restart
        self._api: HttpListener | None = None

    def cover(self, api: HttpListener) -> None:
        """Look after the certificate of the API, too: its listener is made after us, since it serves us."""
        self._api = api

    def bans(self) -> list[tuple[Ban, float]]:
        """Sources that are banned, each with the seconds that it still lasts."""
        return self._driver.bans()

    def lift_ban(self, host: str) -> bool:
        """End a ban; False where there is none."""
        return self._driver.lift_ban(host)

    def reload(self) -> None:
        """Read the certificates again; live connections keep theirs.

        Raises:
            LocalError: a file cannot be used; nothing has changed.
        """
        try:
            if self._api is not None:
                self._api.check()
            self._driver.reload()
            if self._api is not None:
                self._api.reload()
        except LocalError as error:
            metrics.TLS_RELOADS.labels("failed").inc()
            log.error("certificates not reloaded", reason=str(error))
            raise
        metrics.TLS_RELOADS.labels("done").inc()
        self.measure()
        log.info("certificates reloaded")

    def measure(self) -> None:
        """Show when each certificate ends; say so of those that must be renewed."""
        for network, validity in self._driver.certificates().items():
            metrics.TLS_CERTIFICATE_ENDS.labels(network).set(validity.ends)
            if warning := validity.warning(self._clock.wall()):
                log.error("certificate must be renewed", network=network, reason=warning)
        if self._api is not None and (own := self._api.validity):
            metrics.TLS_CERTIFICATE_ENDS.labels("api").set(own.ends)

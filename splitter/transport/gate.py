"""Who may come in: known sources, bans, limits per source; and what becomes of those who misbehave. No own I/O."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import structlog

from splitter.core.clock import Clock
from splitter.core.limits import KeyedBuckets
from splitter.core.net import Flow
from splitter.transport.bans import POINTS, Bans
from splitter.transport.counters import TransportCounters
from splitter.transport.quiet import Quiet
from splitter.transport.settings import TransportSettings

log = structlog.get_logger(__name__)


class Gate:
    """The check of every datagram, connection and message, before anything is read of it.

    Args:
        source_ok: true for a source that some trunk names.
        bans: scores and bans, by source.

    Attributes:
        on_ban: told of a source that was just banned.
    """

    def __init__(
        self,
        source_ok: Callable[[Flow], bool],
        bans: Bans,
        settings: TransportSettings,
        clock: Clock,
        counters: TransportCounters,
    ) -> None:
        self.bans = bans
        self.on_ban: Callable[[str], None] = lambda source: None
        self._source_ok = source_ok
        self._settings = settings
        self._clock = clock
        self._counters = counters
        self._quiet = Quiet()
        self._rates = KeyedBuckets(settings.source_messages_per_s, 1 / settings.source_messages_per_s)
        self._open: Counter[str] = Counter()
        self._shaking: Counter[str] = Counter()

    # ---- may it come in? ----

    def datagram(self, flow: Flow) -> bool:
        """Tell whether a datagram may be read."""
        return self._knows(flow) and self.message(flow)

    def message(self, flow: Flow) -> bool:
        """Tell whether one more message of this source may be handled. Neighbours are never held back."""
        host = flow.remote.host
        if self.bans.spares(host) or self._rates.permit(self.bans.source(host), self._clock.now()):
            return True
        self.abuse(flow, "flood")
        return False

    def connection(self, flow: Flow) -> bool:
        """Tell whether a connection may be opened. It counts from now until `closed`."""
        if not self._knows(flow):
            return False
        source = self.bans.source(flow.remote.host)
        if self._open[source] >= self._settings.tcp_connections_per_source:
            self._counters.connection_refused(flow.network, "source-limit")
            self.abuse(flow, "flood", "too many connections of one source")
            return False
        self._open[source] += 1
        return True

    def hand_on(self, proxy: Flow, client: Flow) -> bool:
        """Tell whether a connection that a proxy has opened may stay; it counts as this client's from now on."""
        if not self.connection(client):
            return False
        self.closed(proxy)
        return True

    def closed(self, flow: Flow) -> None:
        """A connection that `connection` let in is gone."""
        _less(self._open, self.bans.source(flow.remote.host))

    def handshake(self, flow: Flow) -> bool:
        """Tell whether a handshake may begin. It counts until `shaken`; no source may have more than a quarter."""
        source = self.bans.source(flow.remote.host)
        if self._shaking[source] >= max(1, self._settings.handshakes // 4):
            self._counters.connection_refused(flow.network, "handshakes")
            self.abuse(flow, "flood", "too many handshakes of one source")
            return False
        self._shaking[source] += 1
        return True

    def shaken(self, flow: Flow) -> None:
        """A handshake came to its end, good or bad."""
        _less(self._shaking, self.bans.source(flow.remote.host))

    def look(self) -> None:
        """Count out the bans that have ended; called now and then."""
        self._counters.banned(len(self.bans.list(self._clock.now())))

    # ---- what misbehaves ----

    def abuse(self, flow: Flow, reason: str, detail: str = "") -> None:
        """Count an abuse, log it now and then, and ban the source where it was one too many.

        Args:
            reason: one of `splitter.transport.bans.POINTS`.
            detail: for the log; where it is empty, whoever calls has logged already.
        """
        now = self._clock.now()
        host = flow.remote.host
        self._counters.abuse(flow.network, flow.transport, reason if reason in POINTS else "other")
        if detail and (held := self._quiet.permit(f"{reason} {host}", now)) is not None:
            log.warning("abuse", reason=reason, detail=detail, source=str(flow), similar=held)
        ban = self.bans.offend(host, reason, now)
        if ban is None:
            return
        self._counters.banned(len(self.bans))
        if (held := self._quiet.permit("ban", now)) is not None:
            log.warning("source banned", source=ban.source, reason=reason, for_s=self._settings.ban_s, similar=held)
        self.on_ban(ban.source)

    def _knows(self, flow: Flow) -> bool:
        """Tell whether anything of this source is read: some trunk names it, and it is not banned."""
        if self.bans.holds(flow.remote.host, self._clock.now()):
            self._counters.banned_drop(flow.network, flow.transport)
            return False
        if self._source_ok(flow):
            return True
        self._counters.unknown_source(flow.network, flow.transport)
        if (held := self._quiet.permit(flow.remote.host, self._clock.now())) is not None:
            log.warning("unknown source, ignored", source=str(flow), similar=held)
        self.abuse(flow, "unknown-source")
        return False


def _less(counter: Counter[str], key: str) -> None:
    counter[key] -= 1
    if counter[key] <= 0:
        del counter[key]

"""TCP: listeners, the pool of connections, and connecting (RFC 3261 §18.1, §18.2; RFC 5923). Does I/O."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import Protocol

import structlog

from splitter.core.clock import Clock
from splitter.core.errors import PeerError
from splitter.core.net import Address, Flow
from splitter.sip.events import Transmit
from splitter.sip.message import Response
from splitter.transport.counters import TransportCounters
from splitter.transport.settings import TransportSettings
from splitter.transport.tasks import Tasks
from splitter.transport.tcp import Connection

log = structlog.get_logger(__name__)

_WAITING = 1000
"""Messages that may wait for one connection to open."""
_WILDCARDS = frozenset(("0.0.0.0", "::"))


class StreamUser(Protocol):
    """What the pool tells the driver."""

    def received(self, flow: Flow, data: bytes) -> None:
        """One whole message."""
        ...

    def unframeable(self, flow: Flow, error: PeerError) -> None: ...

    def unsent(self, transmit: Transmit, reason: str) -> None:
        """No connection could be had for it."""
        ...

    def broken(self, requests: list[str], reason: str) -> None:
        """A connection broke over which these requests went."""
        ...


class Connections:
    """All TCP of the gateway. A connection is found by network and peer address, whichever side opened it."""

    def __init__(
        self,
        user: StreamUser,
        source_ok: Callable[[Flow], bool],
        settings: TransportSettings,
        clock: Clock,
        counters: TransportCounters,
        on_unknown: Callable[[Flow], None],
    ) -> None:
        self._user = user
        self._source_ok = source_ok
        self._settings = settings
        self._clock = clock
        self._counters = counters
        self._on_unknown = on_unknown
        self._servers: list[asyncio.Server] = []
        self._open: dict[tuple[str, Address], Connection] = {}
        self._aliases: dict[tuple[str, Address], Connection] = {}
        self._waiting: dict[tuple[str, Address], list[Transmit]] = {}
        self._per_network: Counter[str] = Counter()
        self._tasks = Tasks()

    async def listen(self, network: str, address: Address) -> Address:
        """Open a listener; port 0 takes a free one. Returns where it is bound.

        Raises:
            OSError: it cannot be bound.
        """
        bound = address

        def flow_of(transport: asyncio.Transport) -> Flow:
            return Flow(network, "tcp", bound, Address(*transport.get_extra_info("peername")[:2]))

        server = await asyncio.get_running_loop().create_server(
            lambda: Connection(self, flow_of, self._clock, self._settings.message_limit_bytes, inbound=True),
            address.host,
            address.port,
            backlog=512,
        )
        self._servers.append(server)
        bound = Address(*server.sockets[0].getsockname()[:2])
        return bound

    def start(self) -> None:
        """Begin to look after idle and slow connections."""
        self._tasks.start(self._sweep(), "tcp sweep")

    async def stop(self) -> None:
        """Close all listeners and connections; what was written still goes out."""
        for server in self._servers:
            server.close()
        await self._tasks.stop()
        for connection in list(self._open.values()):
            connection.close()
        self._waiting.clear()
        self._servers.clear()

    def send(self, transmit: Transmit) -> None:
        """Send over the connection of the flow, or open one. Failure is told to the user, later."""
        flow = transmit.flow
        connection = self._find(flow.network, flow.remote)
        if connection is None and isinstance(transmit.message, Response):
            # §18.2.2: the connection of the request is gone; its sent-by says where the peer listens.
            flow = flow._replace(remote=Address(flow.remote.host, transmit.message.via.port or 5060))
            connection = self._find(flow.network, flow.remote)
        if connection is not None:
            connection.send(transmit)
            return
        key = (flow.network, flow.remote)
        waiting = self._waiting.get(key)
        if waiting is None:
            self._waiting[key] = [transmit]
            self._tasks.start(self._connect(flow), f"tcp connect {flow.remote}")
        elif len(waiting) < _WAITING:
            waiting.append(transmit)
        else:
            asyncio.get_running_loop().call_soon(self._user.unsent, transmit, f"too much waits for {flow.remote}")

    def alias(self, flow: Flow, port: int) -> None:
        """The peer asked that requests to this port of its host go over its connection (RFC 5923 §5)."""
        connection = self._open.get((flow.network, flow.remote))
        if connection is not None and connection.inbound:
            self._aliases[flow.network, Address(flow.remote.host, port)] = connection

    def __len__(self) -> int:
        return len(self._open)

    # ---- what connections tell us ----

    def opened(self, connection: Connection) -> None:
        flow = connection.flow
        if connection.inbound:
            if not self._source_ok(flow):
                self._on_unknown(flow)
                connection.abort("unknown source")
                return
            if len(self._open) >= self._settings.tcp_connections:
                self._counters.connection_refused(flow.network)
                connection.abort("too many connections")
                return
        if (flow.network, flow.remote) not in self._open:
            self._per_network[flow.network] += 1
        self._open[flow.network, flow.remote] = connection
        self._counters.connections(flow.network, self._per_network[flow.network])

    def received(self, connection: Connection, data: bytes) -> None:
        self._user.received(connection.flow, data)

    def unframeable(self, connection: Connection, error: PeerError) -> None:
        self._user.unframeable(connection.flow, error)

    def lost(self, connection: Connection, fault: str) -> None:
        flow = connection.flow
        for key in [key for key, value in self._aliases.items() if value is connection]:
            del self._aliases[key]
        if self._open.get((flow.network, flow.remote)) is connection:  # it may have been refused, or replaced
            del self._open[flow.network, flow.remote]
            self._per_network[flow.network] -= 1
            self._counters.connections(flow.network, self._per_network[flow.network])
        if fault and connection.requests:
            self._user.broken(list(connection.requests), f"connection to {flow.remote} broke: {fault}")

    # ---- inside ----

    def _find(self, network: str, remote: Address) -> Connection | None:
        """A usable connection; on one that is closing, what is written gets lost."""
        for connections in (self._open, self._aliases):
            connection = connections.get((network, remote))
            if connection is not None and connection.usable:
                return connection
        return None

    async def _connect(self, flow: Flow) -> None:
        """Open a connection from the listener's own address, so that the peer knows us; then send what waits."""
        key = (flow.network, flow.remote)
        local = None if flow.local.host in _WILDCARDS else (flow.local.host, 0)
        reason = ""
        try:
            if len(self._open) >= self._settings.tcp_connections:
                raise OSError("too many connections are open")
            async with asyncio.timeout(self._settings.tcp_connect_limit_s):
                await asyncio.get_running_loop().create_connection(
                    lambda: Connection(
                        self, lambda _: flow, self._clock, self._settings.message_limit_bytes, inbound=False
                    ),
                    flow.remote.host,
                    flow.remote.port,
                    local_addr=local,
                )
        except TimeoutError:
            reason = f"no TCP connection to {flow.remote} within {self._settings.tcp_connect_limit_s:g} s"
        except OSError as error:
            reason = f"no TCP connection to {flow.remote}: {error.strerror or error}"
        for transmit in self._waiting.pop(key, ()):
            connection = self._find(*key)
            if connection is not None:
                connection.send(transmit)
            else:
                self._user.unsent(transmit, reason or f"connection to {flow.remote} closed at once")

    async def _sweep(self) -> None:
        """Close idle connections in order; drop those whose message never comes to its end."""
        settings = self._settings
        period_s = min(1.0, settings.tcp_message_limit_s / 2, settings.tcp_idle_limit_s / 2)
        while True:
            await asyncio.sleep(period_s)
            now = self._clock.now()
            for connection in list(self._open.values()):
                if connection.begun_at is not None and now - connection.begun_at > settings.tcp_message_limit_s:
                    log.warning("message never came to its end, connection closed", peer=str(connection.flow))
                    connection.abort("a message never came to its end")
                elif now - connection.used_at > settings.tcp_idle_limit_s:
                    connection.close()

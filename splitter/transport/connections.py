"""The pool of connections: TCP, TLS and WebSocket (RFC 3261 §18.1, §18.2; RFC 5923; RFC 5626 §3.5). Does I/O."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections import Counter, OrderedDict
from collections.abc import Mapping
from typing import NamedTuple

from splitter.core.clock import Clock
from splitter.core.errors import LocalError, PeerError
from splitter.core.net import Address, Flow
from splitter.sip.events import Transmit
from splitter.sip.message import Response
from splitter.transport.acceptor import Acceptor, reset
from splitter.transport.connecting import connect, reason_of
from splitter.transport.counters import TransportCounters
from splitter.transport.gate import Gate
from splitter.transport.holds import Holds
from splitter.transport.memory import Memory
from splitter.transport.settings import SECURE, WEB, Network, TransportSettings
from splitter.transport.stream import StreamConnection, StreamUser
from splitter.transport.tasks import Tasks
from splitter.transport.tcp import TcpConnection
from splitter.transport.tls import TlsIdentities
from splitter.transport.websocket import Doorway, WebServer, WebSocket

_WAITING = 1000
"""Messages that may wait for one connection to open."""
_CLOSING_S = 5.0
"""The time that a peer may take to let a connection be closed in order."""
_STOPPING_S = 1.0
"""The time that all of them together may take at the end."""
_PONG_S = 10.0  # RFC 5626 §4.4.1
_YOUNG_S = 2.0
"""A connection without a message gives way to others, but not sooner than this."""
_DEFAULT_PORTS = {"tls": 5061}


class _Key(NamedTuple):
    network: str
    transport: str
    remote: Address

    @classmethod
    def of(cls, flow: Flow) -> _Key:
        return cls(flow.network, flow.transport, flow.remote)


class Connections:
    """The connections of the gateway. One is found by network, transport and peer address, whoever opened it.

    Args:
        holds: flows that dialogs and registrations need.
    """

    def __init__(
        self,
        user: StreamUser,
        networks: Mapping[str, Network],
        settings: TransportSettings,
        clock: Clock,
        counters: TransportCounters,
        gate: Gate,
        credentials: TlsIdentities,
        holds: Holds,
    ) -> None:
        self._user = user
        self._networks = networks
        self._settings = settings
        self._clock = clock
        self._counters = counters
        self._gate = gate
        self._credentials = credentials
        self._holds = holds
        self._acceptors: list[Acceptor] = []
        self._arriving: set[StreamConnection] = set()
        # The oldest first: those whose handshake is under way; those that peers opened and that sent no message yet.
        self._shaking: OrderedDict[StreamConnection, socket.socket] = OrderedDict()
        self._silent: OrderedDict[StreamConnection, None] = OrderedDict()
        self._open: dict[_Key, StreamConnection] = {}
        self._aliases: dict[_Key, StreamConnection] = {}
        self._alias_of: dict[StreamConnection, _Key] = {}
        self._waiting: dict[_Key, list[Transmit]] = {}
        self._per_network: Counter[str] = Counter()
        self._memory = Memory()
        self._web: WebServer | None = None
        self._tasks = Tasks()
        self._emptied: asyncio.Future[None] | None = None
        gate.on_ban = self._drop

    def listen(self, network: str, transport: str, address: Address) -> Address:
        """Open a listener; port 0 takes a free one. Returns where it is bound.

        Raises:
            OSError: it cannot be bound.
        """

        def accepted(sock: socket.socket, remote: Address) -> None:
            self._accepted(Flow(network, transport, acceptor.address, remote), sock)

        acceptor = Acceptor(address, accepted, freebind=self._settings.freebind)
        self._acceptors.append(acceptor)
        return acceptor.address

    def start(self) -> None:
        """Begin to accept, and to look after idle and slow connections."""
        for acceptor in self._acceptors:
            acceptor.start()
        self._tasks.start(self._sweep(), "connections")

    def adopt(self, networks: Mapping[str, Network]) -> None:
        """Let pages of these networks' origins in, from the next connection on."""
        self._networks = networks

    async def stop(self) -> None:
        """Close all listeners and connections; what was written still goes out."""
        for acceptor in self._acceptors:
            acceptor.close()
        self._acceptors.clear()
        for stream in list(self._open.values()):
            stream.close()
        if self._open:
            self._emptied = asyncio.get_running_loop().create_future()
            await asyncio.wait({self._emptied}, timeout=_STOPPING_S)
        await self._tasks.stop()
        for stream in [*self._open.values(), *self._arriving]:
            stream.abort("")
        self._waiting.clear()

    def send(self, transmit: Transmit) -> None:
        """Send over the connection of the flow, or open one. Failure is told to the user, later."""
        flow = transmit.flow
        stream = self._find(_Key.of(flow))
        if flow.transport in WEB:  # RFC 7118 §5: the client's connection is the only way to it
            if stream is not None:
                stream.send(transmit)
            else:
                self._unsent(transmit, f"the WebSocket connection of {flow.remote} is gone")
            return
        if stream is None and isinstance(transmit.message, Response):
            # §18.2.2: the connection of the request is gone; its sent-by says where the peer listens.
            port = transmit.message.via.port or _DEFAULT_PORTS.get(flow.transport, 5060)
            flow = flow._replace(remote=Address(flow.remote.host, port))
            stream = self._find(_Key.of(flow))
        if stream is not None:
            stream.send(transmit)
        else:
            self._send_later(flow, transmit)

    def alias(self, flow: Flow, port: int) -> None:
        """The peer asked that requests to this port of its host go over its connection (RFC 5923 §5).

        Over TLS it must have shown a certificate (§5 again), or anybody behind the same address could ask.
        """
        stream = self._open.get(_Key.of(flow))
        if stream is None or not stream.inbound or flow.transport in WEB:
            return
        if flow.transport in SECURE and not stream.certificate:
            return
        self._drop_alias(stream)
        key = _Key(flow.network, flow.transport, Address(flow.remote.host, port))
        self._aliases[key], self._alias_of[stream] = stream, key

    def has(self, flow: Flow) -> bool:
        """True while a connection leads to the flow's peer."""
        return self._find(_Key.of(flow)) is not None

    def __len__(self) -> int:
        return len(self._open)

    @property
    def streams(self) -> tuple[StreamConnection, ...]:
        """The connections that are open."""
        return tuple(self._open.values())

    @property
    def aliases(self) -> int:
        """The number of connections that have one."""
        return len(self._aliases)

    # ---- what streams tell us ----

    def opened(self, stream: StreamConnection) -> None:
        flow = stream.flow
        if stream.inbound:
            self._arrived(stream)
            self._silent[stream] = None
        elif flow.transport in SECURE:
            objection = self._credentials.objection(flow.network, flow.remote, stream.certificate)
            if objection:
                stream.abort(objection)
                return
        if (replaced := self._open.get(_Key.of(flow))) is not None:
            self._forget(replaced)
        self._open[_Key.of(flow)] = stream
        self._count(flow.network, 1)

    def received(self, stream: StreamConnection, data: bytes) -> None:
        self._silent.pop(stream, None)
        if self._gate.message(stream.flow):
            self._user.received(stream.flow, data)

    def unframeable(self, stream: StreamConnection, error: PeerError) -> None:
        self._user.unframeable(stream.flow, error)

    def abused(self, stream: StreamConnection, reason: str, detail: str) -> None:
        self._gate.abuse(stream.flow, reason, detail)

    def lost(self, stream: StreamConnection, fault: str) -> None:
        flow = stream.flow
        if stream.inbound:
            self._arrived(stream)
            self._gate.closed(stream.counted)
            if not stream.carried and not stream.excused and not fault:
                self._gate.abuse(flow, "not-sip")
        self._forget(stream)
        if fault and stream.requests:
            self._user.broken(list(stream.requests), f"connection to {flow.remote} broke: {fault}")

    # ---- connections that peers open ----

    def _accepted(self, flow: Flow, sock: socket.socket) -> None:
        """Let it in, or cut it off without a byte."""
        if not self._gate.connection(flow):
            reset(sock)
            return
        if not self._has_room():
            self._counters.connection_refused(flow.network, "limit")
        elif flow.transport == "tcp" or self._gate.handshake(flow):
            stream = self._stream(flow)
            self._arriving.add(stream)
            if flow.transport != "tcp":
                self._begin_handshake(stream, sock)
            self._tasks.start(self._welcome(stream, sock), f"accept {flow.remote}")
            return
        self._gate.closed(flow)
        reset(sock)

    def _stream(self, flow: Flow) -> StreamConnection:
        if flow.transport not in WEB:
            return TcpConnection(self, flow, self._clock, True, self._settings.message_limit_bytes)
        network = self._networks[flow.network]
        doorway = Doorway(network.web_origins, network.web_proxies, self._gate.hand_on)
        if self._web is None:
            self._web = WebServer()
        return WebSocket(self, flow, self._clock, self._settings, doorway, self._web, self._tasks)

    async def _welcome(self, stream: StreamConnection, sock: socket.socket) -> None:
        """Hand the socket to asyncio, and see the TLS handshake through."""
        flow = stream.flow
        secure = flow.transport in SECURE
        limit_s = self._settings.handshake_limit_s if secure else None
        try:
            await asyncio.get_running_loop().connect_accepted_socket(
                lambda: stream,
                sock,
                ssl=self._credentials.server(flow.network) if secure else None,
                ssl_handshake_timeout=limit_s,
                ssl_shutdown_timeout=_CLOSING_S if secure else None,
            )
        except OSError as error:
            sock.close()
            self._arrived(stream)
            self._gate.closed(flow)
            self._gate.abuse(flow, "handshake", f"no TLS: {reason_of(error)}")

    def _arrived(self, stream: StreamConnection) -> None:
        """Its handshakes came to an end, good or bad."""
        self._arriving.discard(stream)
        if self._shaking.pop(stream, None) is not None:
            self._gate.shaken(stream.accepted)

    def _begin_handshake(self, stream: StreamConnection, sock: socket.socket) -> None:
        """Where too many are in progress, the oldest gives way: half-open ones must not keep everybody out."""
        self._shaking[stream] = sock
        if len(self._shaking) > self._settings.handshakes:
            oldest, its_sock = next(iter(self._shaking.items()))
            self._counters.connection_refused(oldest.flow.network, "handshakes")
            self._shaking.pop(oldest)
            self._gate.shaken(oldest.accepted)
            with contextlib.suppress(OSError):
                its_sock.shutdown(socket.SHUT_RDWR)  # whoever serves it now sees its end

    def _has_room(self) -> bool:
        """Room for one more; a connection that never carried a message gives way if it must."""
        if len(self._open) + len(self._arriving) < self._settings.tcp_connections:
            return True
        oldest = next(iter(self._silent), None)
        if oldest is None or self._clock.now() - oldest.made_at < _YOUNG_S:
            return False
        self._counters.connection_refused(oldest.flow.network, "gave-way")
        self._forget(oldest)
        oldest.abort("it carried nothing, and others wait")
        return True

    # ---- connections that we open ----

    def _send_later(self, flow: Flow, transmit: Transmit) -> None:
        key = _Key.of(flow)
        waiting = self._waiting.get(key)
        if waiting is None:
            self._waiting[key] = [transmit]
            self._tasks.start(self._connect(flow), f"connect {flow}")
        elif len(waiting) < _WAITING:
            waiting.append(transmit)
        else:
            self._unsent(transmit, f"too much waits for {flow.remote}")

    async def _connect(self, flow: Flow) -> None:
        """Open a connection; then send what waits for it."""
        key = _Key.of(flow)
        stream = TcpConnection(self, flow, self._clock, False, self._settings.message_limit_bytes)
        reason = ""
        try:
            if len(self._open) >= self._settings.tcp_connections:
                raise OSError("too many connections are open")
            await connect(stream, self._credentials, self._settings.tcp_connect_limit_s)
        except (OSError, LocalError) as error:
            reason = f"no {flow.transport.upper()} connection to {flow.remote}: {reason_of(error)}"
        for transmit in self._waiting.pop(key, ()):
            found = self._find(key)
            if found is not None:
                found.send(transmit)
            else:
                fault = stream.fault or "closed at once"
                self._user.unsent(transmit, reason or f"connection to {flow.remote}: {fault}")

    def _unsent(self, transmit: Transmit, reason: str) -> None:
        asyncio.get_running_loop().call_soon(self._user.unsent, transmit, reason)

    # ---- all of them ----

    def _find(self, key: _Key) -> StreamConnection | None:
        """A usable connection; on one that is closing, what is written gets lost."""
        for streams in (self._open, self._aliases):
            stream = streams.get(key)
            if stream is not None and stream.usable:
                return stream
        return None

    def _forget(self, stream: StreamConnection) -> None:
        """Use it as a way to its peer no longer; harmless where it is none already."""
        self._silent.pop(stream, None)
        self._drop_alias(stream)
        key = _Key.of(stream.flow)
        if self._open.get(key) is stream:
            del self._open[key]
            self._count(key.network, -1)
            if self._emptied is not None and not self._open and not self._emptied.done():
                self._emptied.set_result(None)

    def _drop_alias(self, stream: StreamConnection) -> None:
        """A connection has one alias at most: its peer chooses the number, and there are many."""
        key = self._alias_of.pop(stream, None)
        if key is not None and self._aliases.get(key) is stream:
            del self._aliases[key]

    def _count(self, network: str, change: int) -> None:
        self._per_network[network] += change
        self._counters.connections(network, self._per_network[network])

    def _drop(self, source: str) -> None:
        """A source was banned: what it has opened goes too."""
        for stream in [*self._open.values(), *self._arriving]:
            if stream.inbound and self._gate.bans.source(stream.flow.remote.host) == source:
                stream.abort("its source was banned")

    async def _sweep(self) -> None:
        settings = self._settings
        limits = (settings.tcp_message_limit_s, settings.tcp_idle_limit_s, settings.keep_alive_s)
        period_s = min(1.0, *(limit_s / 2 for limit_s in limits))
        while True:
            await asyncio.sleep(period_s)
            self._gate.look()
            self._memory.look(len(self._open) + len(self._arriving))
            now = self._clock.now()
            for stream in list(self._open.values()):
                self._look_after(stream, now)

    def _look_after(self, stream: StreamConnection, now: float) -> None:
        """Keep alive what somebody needs, close what nobody uses, drop what is stuck."""
        settings = self._settings
        if stream.closing_at is not None:
            if now - stream.closing_at > _CLOSING_S:
                stream.abort("it would not be closed")
        elif stream.begun_at is not None and now - stream.begun_at > settings.tcp_message_limit_s:
            self._gate.abuse(stream.flow, "slow", "a message never came to its end, connection closed")
            stream.abort("a message never came to its end")
        elif self._holds.held(stream.flow):
            if stream.pinged_at is not None and stream.answers_pings and now - stream.pinged_at > _PONG_S:
                stream.abort("no answer to a keep-alive")
            elif now - max(stream.used_at, stream.heard_at, stream.pinged_at or 0.0) > settings.keep_alive_s:
                stream.ping()
        elif now - stream.used_at > settings.tcp_idle_limit_s:
            stream.close()

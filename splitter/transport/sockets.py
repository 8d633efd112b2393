"""All sockets of all networks: opened, checked for their source, closed; one way out for every transport. Does I/O."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Protocol

from splitter.core.clock import Clock
from splitter.core.errors import LocalError
from splitter.core.net import Address, Flow
from splitter.sip.events import Transmit
from splitter.transport.addressing import Addressing
from splitter.transport.bans import EVERYBODY, Bans
from splitter.transport.connections import Connections
from splitter.transport.counters import TransportCounters
from splitter.transport.descriptors import make_room
from splitter.transport.gate import Gate
from splitter.transport.holds import Holds
from splitter.transport.settings import Network, TransportSettings
from splitter.transport.stream import StreamUser
from splitter.transport.tls import TlsIdentities, TlsIdentity
from splitter.transport.udp import UdpSocket


class SocketsUser(StreamUser, Protocol):
    """What the sockets tell the driver."""

    def bounced(self, quoted: bytes, remote: Address, reason: str) -> None:
        """An ICMP error came back for a datagram that begins with `quoted`."""
        ...


class Sockets:
    """Where bytes come in and messages go out.

    Args:
        user: told of messages from sources that `source_ok` accepts, and of what could not be sent.

    Attributes:
        gate: who may come in, and who is banned.
        credentials: certificates, by network.
        holds: flows that dialogs and registrations need.
    """

    def __init__(
        self,
        user: SocketsUser,
        networks: Mapping[str, Network],
        addressing: Addressing,
        settings: TransportSettings,
        clock: Clock,
        source_ok: Callable[[Flow], bool],
        counters: TransportCounters,
    ) -> None:
        self._user = user
        self._networks = networks
        self._addressing = addressing
        self._settings = settings
        bans = Bans(settings.ban_after, settings.ban_window_s, settings.ban_s, spared=EVERYBODY)
        self.gate = Gate(source_ok, bans, settings, clock, counters)
        self.credentials = TlsIdentities(networks)
        self.holds = Holds()
        self._udp: dict[tuple[str, Address], UdpSocket] = {}
        self._connections = Connections(
            user, networks, settings, clock, counters, self.gate, self.credentials, self.holds
        )

    async def start(self) -> None:
        """Read the certificates and open every listener.

        Raises:
            LocalError: a certificate cannot be used, or a listener not be opened; none is left open then.
        """
        try:
            self.credentials.load()
            for network in self._networks.values():
                for index, listener in enumerate(network.listeners):
                    try:
                        bound = self._listen(network.name, listener.transport, listener.address)
                    except OSError as error:
                        where = f"{listener.transport}:{listener.address}"
                        raise LocalError(f"cannot listen on {where} of network {network.name}: {error}") from error
                    self._addressing.bound(network.name, index, bound)
        except LocalError:
            await self.stop()
            raise
        if any(listener.transport != "udp" for network in self._networks.values() for listener in network.listeners):
            make_room(self._settings.tcp_connections)
        for sock in self._udp.values():
            sock.start()
        self._connections.start()

    def adopt(self, networks: Mapping[str, Network], identities: Mapping[str, TlsIdentity]) -> None:
        """Go by these from the next connection on; their listeners are those that are open."""
        self._networks = networks
        self.credentials.adopt(networks, identities)
        self._connections.adopt(networks)

    async def stop(self) -> None:
        """Close everything."""
        for sock in self._udp.values():
            sock.close()
        self._udp.clear()
        await self._connections.stop()

    def send(self, transmit: Transmit) -> None:
        """Send one message; failure is told to the user, later."""
        flow = transmit.flow
        if flow.transport != "udp":
            self._connections.send(transmit)
            return
        sock = self._udp.get((flow.network, flow.local))
        try:
            if sock is None:
                raise OSError("the socket is closed")
            sock.send(transmit.data, flow.remote)
        except OSError as error:
            reason = f"cannot send to {flow.remote}: {error.strerror or error}"
            asyncio.get_running_loop().call_soon(self._user.unsent, transmit, reason)

    def reaches(self, flow: Flow) -> bool:
        """True where a message can leave at once: over UDP, or over a connection that is open."""
        return not flow.reliable or self._connections.has(flow)

    def alias(self, flow: Flow, port: int) -> None:
        """See `Connections.alias`."""
        self._connections.alias(flow, port)

    @property
    def connections(self) -> Connections:
        """Connections of all kinds; their number is that of the open ones."""
        return self._connections

    def _listen(self, network: str, transport: str, address: Address) -> Address:
        if transport != "udp":
            return self._connections.listen(network, transport, address)
        sock = UdpSocket(network, address, self._datagram, self._user.bounced, self._settings.freebind)
        self._udp[network, sock.address] = sock
        return sock.address

    def _datagram(self, flow: Flow, data: bytes) -> None:
        if self.gate.datagram(flow):
            self._user.received(flow, data)

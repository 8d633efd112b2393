"""The ports of a room or relay in a worker: pairs for RTP and RTCP, and single ones for browsers. Does I/O."""

from __future__ import annotations

import socket
from collections.abc import Collection
from typing import TYPE_CHECKING

from splitter.core.net import Address
from splitter.media.fast.way import OpenedHandler, Rider
from splitter.media.wire.line import Line
from splitter.media.wire.pairs import Stragglers

if TYPE_CHECKING:
    from splitter.media.worker.loop import RoomLoop


class RoomPair:
    """A participant's two ports.

    Attributes:
        rtp_port, rtcp_port: where the peer sends to.
        send_rtp, send_rtcp: the lines' own: nothing stands between a packet and its socket.
        late: peers that are not to be learned: it was another's not long ago.
    """

    __slots__ = ("_loop", "_rtcp", "_rtp", "_socks", "closed", "late", "rtcp_port", "rtp_port", "send_rtcp", "send_rtp")

    def __init__(
        self, loop: RoomLoop, rtp: Line, rtcp: Line, socks: tuple[socket.socket, socket.socket], late: Stragglers
    ) -> None:
        self._loop, self.late = loop, late
        self._rtp, self._rtcp, self._socks = rtp, rtcp, socks
        self.send_rtp, self.send_rtcp = rtp.send, rtcp.send
        self.rtp_port, self.rtcp_port = rtp.port, rtcp.port
        self.closed = False

    def carry(self, way: Rider | None, on_opened: OpenedHandler | None = None) -> None:
        """Let RTP take this short way; see `Line.carry`."""
        self._rtp.carry(way, on_opened)

    @property
    def missed(self) -> int:
        """Packets that the kernel kept from us; see `Pair.missed`."""
        return self._rtp.missed

    @property
    def unsent(self) -> int:
        """Packets the kernel would not take; lost as on the way."""
        return self._rtp.unsent + self._rtcp.unsent

    def settle(self, peer: Address) -> None:
        """Have the packets of `peer` come by a short cut."""
        self._loop.settle(self._rtp, peer)

    def close(self, late: Collection[Address] | None = None) -> None:
        """Close both sockets; again is no error. `late`: who may still send to them, where that is known."""
        if not self.closed:
            self.closed = True
            self._rtp.close()
            self._rtcp.close()
            self._loop.release(self, *self._socks, late=late)


class RoomPort:
    """The one port of a WebRTC participant.

    Attributes:
        number: the port.
        line: what its packets come and go by.
        send: the line's own.
    """

    __slots__ = ("_loop", "_peers", "_sock", "closed", "line", "number", "send")

    def __init__(self, loop: RoomLoop, line: Line, sock: socket.socket) -> None:
        self._loop = loop
        self.line, self._sock = line, sock
        self._peers: set[Address] = set()
        self.send = line.send
        self.number = line.port
        self.closed = False

    def settle(self, peer: Address) -> None:
        """Have the packets of `peer` come by a short cut."""
        self._peers.add(peer)
        self._loop.settle(self.line, peer)

    def carry(self, way: Rider | None, on_opened: OpenedHandler | None = None) -> None:
        """Let media take this short way; see `Line.carry`."""
        self.line.carry(way, on_opened)

    def close(self) -> None:
        """Close the socket; again is no error."""
        if not self.closed:
            self.closed = True
            self.line.close()
            self._loop.release(self, self._sock, late=self._peers)  # the next user may be without ICE

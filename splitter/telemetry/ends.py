"""Whose address is whose: both ends of a message of a trace, which names the other side alone. No I/O.

Ours is that of our socket, where the event has it; else what our own Via says on that path, else what the peer sent its
request to, else one that stands for us.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address

from splitter.telemetry.trace import TraceEvent

SIP_PORT = 5060
PATHS = 4096
"""Peers whose path to us is remembered: over TCP each connection is one."""

_OURS: dict[int, IPv4Address | IPv6Address] = {
    4: IPv4Address("192.0.2.1"),  # addresses of documents (RFC 5737, RFC 3849): nobody has them
    6: IPv6Address("2001:db8::1"),
}
_PEER = re.compile(r"(?P<network>.*)/(?P<transport>\w+) \[?(?P<host>[^\]\s]+?)\]?:(?P<port>\d{1,5})\Z")
_VIA = re.compile(rb"(?im)^(?:Via|v)[ \t]*:[ \t]*SIP[ \t]*/[ \t]*2\.0[ \t]*/[ \t]*\w+[ \t]+([^;,\s]+)")
_TARGET = re.compile(rb"\A\w+ sips?:(?:[^@\s>]*@)?(\[[^\]\s]+\](?::\d+)?|[^;?\s]+)")
_HOST = re.compile(r"\[?(?P<host>[^\]\s]+?)\]?(?::(?P<port>\d{1,5}))?\Z")


@dataclass(frozen=True, slots=True)
class End:
    """An IP address with its port."""

    ip: IPv4Address | IPv6Address
    port: int


@dataclass(frozen=True, slots=True)
class MessagePath:
    """The path of a message: from where, to where, over what ("udp", "tcp", "tls", "ws", "wss")."""

    source: End
    target: End
    transport: str


class Ends:
    """Finds both ends of messages, and learns our own addresses from them."""

    def __init__(self) -> None:
        self._ours: OrderedDict[str, End] = OrderedDict()  # by peer, and by network and transport

    def learn(self, event: TraceEvent) -> None:
        """The top Via is ours in a request that we send, and in the response to it (RFC 3261 §18.1.1, §18.2.1)."""
        is_response = event.data.startswith(b"SIP/2.0 ")
        if event.kind != "message" or (event.direction == "in") != is_response:
            return
        found, via = _PEER.match(event.peer), _VIA.search(event.data[:65_536])
        ours = _written(via[1]) if via else None
        if found is not None and ours is not None:
            self._ours[event.peer] = ours
            self._ours.setdefault(f"{found['network']}/{found['transport']}", ours)
            while len(self._ours) > PATHS:
                self._ours.popitem(last=False)

    def path_of(self, event: TraceEvent) -> MessagePath | None:
        """The path of a message; None where the peer has no address."""
        found = _PEER.match(event.peer)
        peer = _end(found["host"], int(found["port"])) if found else None
        if found is None or peer is None:
            return None
        self.learn(event)
        transport = found["transport"].lower()
        ours = self._our_end(event, found["network"], transport, peer.ip.version)
        source, target = (peer, ours) if event.direction == "in" else (ours, peer)
        return MessagePath(source, target, transport)

    def _our_end(self, event: TraceEvent, network: str, transport: str, version: int) -> End:
        target = _TARGET.match(event.data[:4096]) if event.direction == "in" else None
        candidates = (
            _end(*event.local) if event.local is not None else None,
            self._ours.get(event.peer),
            self._ours.get(f"{network}/{transport}"),
            _written(target[1]) if target else None,
        )
        fitting = (
            end for end in candidates if end is not None and end.ip.version == version and not end.ip.is_unspecified
        )
        return next(fitting, End(_OURS[version], SIP_PORT))


def _end(host: str, port: int) -> End | None:
    try:
        return End(ip_address(host.partition("%")[0]), port) if port < 65_536 else None
    except ValueError:
        return None


def _written(text: bytes) -> End | None:
    """An address as messages write it: a literal with or without a port."""
    found = _HOST.match(text.decode("latin-1"))
    return _end(found["host"], int(found["port"] or SIP_PORT)) if found else None

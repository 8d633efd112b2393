"""rtnetlink(7), as much as the offload needs: the route to a peer, filters of an interface, and that something changed.

Does I/O. The kernel answers while it is asked: an exchange takes some 30 µs and waits for nobody.
"""

from __future__ import annotations

import errno
import os
import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import ip_address

from splitter.core.errors import LocalError

_ERROR, _DONE = 2, 3
_NEW_ROUTE, _GET_ROUTE = 24, 26
_NEW_QDISC, _NEW_FILTER, _DEL_FILTER, _GET_FILTER = 36, 44, 45, 46
_REQUEST, _ACK, _EXCL, _CREATE, _DUMP = 0x1, 0x4, 0x200, 0x400, 0x300
_DST, _SRC, _OIF, _GATEWAY, _METRICS, _VIA = 1, 2, 4, 5, 8, 18  # RTA_
_METRIC_MTU = 2
_KIND, _OPTIONS = 1, 2  # TCA_
_FD, _NAME, _FLAGS = 6, 7, 8  # TCA_BPF_
_DIRECT = 1
_CLSACT, _CLSACT_HANDLE, _INGRESS = 0xFFFF_FFF1, 0xFFFF_0000, 0xFFFF_FFF2
_ALL_PROTOCOLS = 3
_HEADER = struct.Struct("=IHHII")
_ROUTE = struct.Struct("=BBBBBBBBI")
_TRAFFIC = struct.Struct("=BxxxiIII")
_READ_BYTES = 1 << 16
_CHANGES = (1 << 0) | (1 << 4) | (1 << 6) | (1 << 7) | (1 << 8) | (1 << 10) | (1 << 18)
"""Groups: links, IPv4 addresses, routes and rules, IPv6 addresses and routes, and (19) IPv6 rules."""

PLACE = 30_000
"""The preference of our filters: others of the same interface come first, unless they were put behind on purpose."""


class RouteType:
    """Kinds of routes (rtnetlink(7))."""

    UNICAST, LOCAL = 1, 2


@dataclass(frozen=True, slots=True)
class KernelRoute:
    """How packets leave for an address.

    Attributes:
        kind: of `RouteType`, or another one: to nowhere.
        interface: its index.
        next_hop: the neighbour there.
        mtu: of the route; 0 where it is the interface's.
    """

    kind: int
    interface: int
    next_hop: str
    mtu: int


@dataclass(frozen=True, slots=True)
class Filter:
    """A program at the entrance of an interface, put there by tc."""

    interface: int
    preference: int
    handle: int
    name: str


class Changes:
    """Something of the machine's network changed: a link, an address, a route or a rule. Raises OSError."""

    def __init__(self) -> None:
        self._sock = _opened(_CHANGES)
        self._sock.setblocking(False)

    def seen(self) -> bool:
        """Whether anything did since the last time; what it was is not looked at."""
        found = False
        while True:
            try:
                self._sock.recv(_READ_BYTES)
            except BlockingIOError:
                return found
            except OSError as error:
                if error.errno != errno.ENOBUFS:  # more than we had room for
                    raise
            found = True

    def close(self) -> None:
        self._sock.close()


class Netlink:
    """A socket to ask the kernel, closed by a `with` block. Raises OSError."""

    def __init__(self) -> None:
        self._sock = _opened(0)
        self._sock.settimeout(1.0)  # never needed: the answer is there before the question returns
        self._sequence = 0

    def __enter__(self) -> Netlink:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        self._sock.close()

    # ---- routes --------------------------------------------------------------------------------------------------

    def route(self, destination: str, source: str) -> KernelRoute:
        """How packets leave for `destination` from our address. Raises OSError where they cannot."""
        to, own = ip_address(destination).packed, ip_address(source).packed
        family = socket.AF_INET6 if len(to) == 16 else socket.AF_INET
        bits = 8 * len(to)
        body = _ROUTE.pack(family, bits, bits, 0, 0, 0, 0, 0, 0) + _attribute(_DST, to) + _attribute(_SRC, own)
        for kind, answer in self._ask(_GET_ROUTE, _REQUEST, body):
            if kind == _NEW_ROUTE:
                return _route(answer, destination)
        raise OSError(errno.ENETUNREACH, os.strerror(errno.ENETUNREACH))

    # ---- programs at the entrance --------------------------------------------------------------------------------

    def put_filter(self, interface: int, program: int, name: str) -> None:
        """Put a program at the entrance of an interface, behind those that are there. Raises OSError."""
        clsact = _TRAFFIC.pack(0, interface, _CLSACT_HANDLE, _CLSACT, 0) + _attribute(_KIND, b"clsact\0")
        try:
            self._do(_NEW_QDISC, _CREATE | _EXCL, clsact)
        except OSError as error:
            if error.errno != errno.EEXIST:
                raise
        options = _attribute(_FD, struct.pack("=I", program)) + _attribute(_NAME, name.encode() + b"\0")
        options += _attribute(_FLAGS, struct.pack("=I", _DIRECT))
        head = _TRAFFIC.pack(0, interface, 0, _INGRESS, PLACE << 16 | socket.htons(_ALL_PROTOCOLS))
        self._do(_NEW_FILTER, _CREATE | _EXCL, head + _attribute(_KIND, b"bpf\0") + _attribute(_OPTIONS, options))

    def filters(self, interface: int) -> list[Filter]:
        """Programs that were put at the entrance of an interface. Raises OSError where there is no such interface."""
        head = _TRAFFIC.pack(0, interface, 0, _INGRESS, 0)
        found = []
        for kind, answer in self._ask(_GET_FILTER, _REQUEST | _DUMP, head):
            if kind == _NEW_FILTER:
                _, index, handle, _, info = _TRAFFIC.unpack_from(answer)
                options = _attributes(_attributes(answer[_TRAFFIC.size :]).get(_OPTIONS, b""))
                if handle and _NAME in options:
                    name = options[_NAME].rstrip(b"\0").decode(errors="replace")
                    found.append(Filter(index, info >> 16, handle, name))
        return found

    def take_filter_off(self, one: Filter) -> None:
        """Remove a program. Raises OSError where it is not there."""
        info = one.preference << 16 | socket.htons(_ALL_PROTOCOLS)
        head = _TRAFFIC.pack(0, one.interface, one.handle, _INGRESS, info)
        self._do(_DEL_FILTER, 0, head + _attribute(_KIND, b"bpf\0"))

    # ---- messages ------------------------------------------------------------------------------------------------

    def _do(self, kind: int, flags: int, body: bytes) -> None:
        for _ in self._ask(kind, _REQUEST | _ACK | flags, body):
            pass

    def _ask(self, kind: int, flags: int, body: bytes) -> Iterator[tuple[int, bytes]]:
        """Ask, and read to the end of the answer. Raises OSError."""
        self._sequence = (self._sequence + 1) & 0xFFFF_FFFF
        self._sock.send(_HEADER.pack(_HEADER.size + len(body), kind, flags, self._sequence, 0) + body)
        answers: list[tuple[int, bytes]] = []
        while self._read(answers, more=bool(flags & (_DUMP | _ACK))):
            pass
        return iter(answers)

    def _read(self, answers: list[tuple[int, bytes]], more: bool) -> bool:
        """One datagram of the answer. Returns: whether another one follows."""
        data = self._sock.recv(_READ_BYTES)
        while len(data) >= _HEADER.size:
            length, kind, _, sequence, _ = _HEADER.unpack_from(data)
            if not _HEADER.size <= length <= len(data):
                raise LocalError("netlink: a message of a wrong length")
            body, data = data[_HEADER.size : length], data[(length + 3) & ~3 :]
            if sequence != self._sequence:
                continue  # of a question whose answer was not read to its end
            if kind == _ERROR:
                code = -struct.unpack_from("=i", body)[0]
                if code:
                    raise OSError(code, os.strerror(code))
                return False
            if kind == _DONE:
                return False
            answers.append((kind, body))
        return more or not answers


def _opened(groups: int) -> socket.socket:
    sock = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, 0)
    try:
        sock.bind((0, groups))
    except BaseException:
        sock.close()
        raise
    return sock


def _attribute(kind: int, value: bytes) -> bytes:
    length = 4 + len(value)
    return struct.pack("=HH", length, kind) + value + bytes(-length % 4)


def _attributes(data: bytes) -> dict[int, bytes]:
    found = {}
    while len(data) >= 4:
        length, kind = struct.unpack_from("=HH", data)
        if not 4 <= length <= len(data):
            break
        found[kind & 0x3FFF] = data[4:length]
        data = data[(length + 3) & ~3 :]
    return found


def _route(answer: bytes, destination: str) -> KernelRoute:
    kind = _ROUTE.unpack_from(answer)[7]
    found = _attributes(answer[_ROUTE.size :])
    interface = struct.unpack("=I", found[_OIF])[0] if _OIF in found else 0
    if _GATEWAY in found:
        hop = str(ip_address(found[_GATEWAY]))
    elif _VIA in found:
        hop = str(ip_address(found[_VIA][2:]))
    else:
        hop = destination
    mtu = _attributes(found.get(_METRICS, b"")).get(_METRIC_MTU, b"")
    return KernelRoute(kind, interface, hop, struct.unpack("=I", mtu)[0] if mtu else 0)

"""A session description as values (RFC 8866): origin, lines, media, codecs. Pure.

Everything is immutable; what a parsed description holds, `write` gives back. Lines that are read over and over
(attributes, bandwidths) are named tuples: a ViLTE offer has some sixty of them and is parsed on every call.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import NamedTuple, Protocol

from splitter.core.net import numeric
from splitter.sdp.codec import Codec, read_codecs
from splitter.sdp.srtp import StreamKeys

DIRECTIONS = ("sendrecv", "sendonly", "recvonly", "inactive")
"""The four directions of RFC 3264 §5.1, as attribute names."""

NOWHERE = frozenset({"0.0.0.0", "::", "0:0:0:0:0:0:0:0"})
"""Addresses that mean "send me nothing" (RFC 3264 §8.4, as RFC 2543 put a call on hold)."""

_EVERYBODY = "255.255.255.255"
_LONGEST = 64
"""Characters of an address that is remembered, which is longer than any that can be used."""

_ON_HOLD = {"sendrecv": "sendonly", "recvonly": "inactive"}


class LocalPort(Protocol):
    """What a function needs to know of our end of a stream; `MediaPort` and the media engine's ends both fit."""

    @property
    def host(self) -> str: ...
    @property
    def rtp_port(self) -> int: ...
    @property
    def rtcp_port(self) -> int: ...


class MediaPort(NamedTuple):
    """One end of an RTP stream. `host` is a literal address without brackets (or a name, where a peer sent one)."""

    host: str
    rtp_port: int
    rtcp_port: int


class Connection(NamedTuple):
    """A c= line: `address_type` "IP4" or "IP6"; `address` may carry a multicast suffix such as "/127"."""

    address_type: str
    address: str

    @property
    def host(self) -> str:
        """The address without a multicast suffix."""
        return self.address.partition("/")[0]

    @property
    def is_null(self) -> bool:
        """True if the address means "send me nothing"."""
        return self.host in NOWHERE or self.address.endswith(".invalid")

    @property
    def is_literal(self) -> bool:
        """True for the IP address of one host: groups are no party to a call, and a name would have to be looked up."""
        return _is_literal(self.host)

    @classmethod
    def to(cls, host: str) -> Connection:
        """The line that names `host`."""
        return cls("IP6" if ":" in host else "IP4", host)


class Bandwidth(NamedTuple):
    """A b= line, e.g. ("AS", "960"). The value is text: RFC 8866 §5.8 lets others define its form."""

    kind: str
    value: str


class Attribute(NamedTuple):
    """An a= line; `value` is None for a property attribute such as "sendrecv"."""

    name: str
    value: str | None = None


@dataclass(frozen=True, slots=True)
class Origin:
    """The o= line (RFC 8866 §5.2). Session id and version are 64-bit numbers (RFC 3264 §5)."""

    username: str
    session_id: int
    version: int
    address_type: str
    address: str

    @classmethod
    def of(cls, host: str, session_id: int, version: int = 1) -> Origin:
        """Our own line; "-" as the user (RFC 8866 §5.2)."""
        return cls("-", session_id, version, "IP6" if ":" in host else "IP4", host)

    def next(self) -> Origin:
        """The line of the next, changed description of the same session (RFC 3264 §8)."""
        return replace(self, version=self.version + 1)


class _MediaMemory:
    """Memory of an m-line; a field of a dataclass would be written down with each call."""

    __slots__ = ("_codecs",)
    _codecs: tuple[Codec, ...]


class _SessionMemory:
    """Memory of a description, in the same way.

    Attributes:
        _lines: of each m-line its direction, and whether it is on hold; asked for at each step of a negotiation.
    """

    __slots__ = ("_lines",)
    _lines: tuple[tuple[str, bool], ...]


@dataclass(frozen=True, slots=True)
class Media(_MediaMemory):
    """One m-line and what belongs to it. `formats` are payload types for RTP, other words elsewhere.

    Attributes:
        keys: of a line of the peer's whose packets are encrypted (SRTP); never written, see `sdp.srtp`.
    """

    kind: str
    port: int
    proto: str
    formats: tuple[str, ...]
    port_count: int = 1
    title: str | None = None
    connection: Connection | None = None
    bandwidths: tuple[Bandwidth, ...] = ()
    key: str | None = None
    attributes: tuple[Attribute, ...] = ()
    keys: StreamKeys | None = None

    def get(self, name: str, default: str | None = None) -> str | None:
        """The value of the first attribute of this name; "" for a property attribute, `default` if there is none."""
        for attribute, value in self.attributes:
            if attribute == name:
                return value or ""
        return default

    def get_all(self, name: str) -> list[str]:
        """The values of all attributes of this name, in order."""
        return [value or "" for attribute, value in self.attributes if attribute == name]

    def has(self, name: str) -> bool:
        """True if an attribute of this name is there."""
        return any(attribute == name for attribute, _ in self.attributes)

    @property
    def direction(self) -> str:
        """The line's own direction, "sendrecv" if it has none. See `Session.direction_of` for the inherited one."""
        return _direction(self.attributes) or "sendrecv"

    @property
    def codecs(self) -> tuple[Codec, ...]:
        """The formats of an RTP line, in order of preference.

        Static payload types need no rtpmap (RFC 3551 §6). A format that cannot be understood is left out: it may
        not cost the others the call. Worked out once: one negotiation asks a line for its codecs several times.
        """
        try:
            return self._codecs
        except AttributeError:
            object.__setattr__(self, "_codecs", read_codecs(self.formats, self.attributes))
            return self._codecs

    def bandwidth(self, kind: str) -> int | None:
        """The number of the first b= line of this kind; None if absent or not a number."""
        for name, value in self.bandwidths:
            if name == kind:
                return int(value) if value.isascii() and value.isdigit() and len(value) <= 12 else None
        return None

    def with_(
        self,
        *,
        port: int | None = None,
        proto: str | None = None,
        formats: tuple[str, ...] | None = None,
        connection: Connection | None = None,
        bandwidths: tuple[Bandwidth, ...] | None = None,
        attributes: tuple[Attribute, ...] | None = None,
    ) -> Media:
        """A copy with the given fields changed; None leaves a field as it is."""
        return Media(  # not `replace`, which asks for each field by its name
            self.kind,
            self.port if port is None else port,
            proto or self.proto,
            self.formats if formats is None else formats,
            self.port_count,
            self.title,
            connection or self.connection,
            self.bandwidths if bandwidths is None else bandwidths,
            self.key,
            self.attributes if attributes is None else attributes,
            self.keys,
        )

    def without(self, names: Iterable[str]) -> Media:
        """A copy without the attributes of these names."""
        return self.with_(attributes=tuple(item for item in self.attributes if item.name not in names))

    def with_direction(self, direction: str) -> Media:
        """A copy with this direction in the place of the old one; "sendrecv" is written only to replace another."""
        kept: list[Attribute] = []
        placed = False
        for item in self.attributes:
            if item.name not in DIRECTIONS:
                kept.append(item)
            elif not placed:
                kept.append(Attribute(direction))
                placed = True
        if not placed and direction != "sendrecv":  # RFC 3264 §5.1: sendrecv is the default
            kept.append(Attribute(direction))
        return self.with_(attributes=tuple(kept))


@dataclass(frozen=True, slots=True)
class Session(_SessionMemory):
    """A session description.

    Attributes:
        times: the t=, r= and z= lines as they were, letters included.
        oddities: what was overlooked when it was read, in plain words for a trace; two descriptions that differ in
            nothing else are equal.
    """

    origin: Origin
    media: tuple[Media, ...] = ()
    connection: Connection | None = None
    name: str = "-"
    attributes: tuple[Attribute, ...] = ()
    bandwidths: tuple[Bandwidth, ...] = ()
    times: tuple[str, ...] = ("t=0 0",)
    info: str | None = None
    uri: str | None = None
    emails: tuple[str, ...] = ()
    phones: tuple[str, ...] = ()
    key: str | None = None
    version: int = 0
    oddities: tuple[str, ...] = field(default=(), compare=False, repr=False)

    def get(self, name: str, default: str | None = None) -> str | None:
        """The value of the first session-level attribute of this name, as in `Media.get`."""
        for attribute, value in self.attributes:
            if attribute == name:
                return value or ""
        return default

    def connection_of(self, index: int) -> Connection | None:
        """The c= line in force for an m-line: its own, else the session's (RFC 8866 §5.7)."""
        return self.media[index].connection or self.connection

    def direction_of(self, index: int) -> str:
        """An m-line's direction: its own, else the session's, else sendrecv (RFC 8866 §6.7)."""
        try:
            return self._lines[index][0]
        except AttributeError:
            return self._work_out()[index][0]

    def flow_of(self, index: int) -> str:
        """What an m-line really wants: its direction, with a null address read as hold (RFC 3264 §8.4)."""
        try:
            direction, held = self._lines[index]
        except AttributeError:
            direction, held = self._work_out()[index]
        return _ON_HOLD.get(direction, direction) if held else direction

    def is_hold(self, index: int) -> bool:
        """True if nothing may be sent to this m-line: its address is null or no IP address, or it has none."""
        try:
            return self._lines[index][1]
        except AttributeError:
            return self._work_out()[index][1]

    def _work_out(self) -> tuple[tuple[str, bool], ...]:
        inherited = _direction(self.attributes) or "sendrecv"
        lines = tuple([(_direction(media.attributes) or inherited, self._is_held(media)) for media in self.media])
        object.__setattr__(self, "_lines", lines)
        return lines

    def _is_held(self, media: Media) -> bool:
        connection = media.connection or self.connection
        if connection is None:
            return True
        return not (_kept if len(connection.address) <= _LONGEST else _hears)(connection)

    def address_fault(self, index: int, ours: str = "") -> str:
        """Why an m-line's address cannot be used, in plain words; "" if it can (null and inactive lines can).

        Args:
            ours: the address of our own media there; what is of the other family cannot be reached from it.
        """
        connection = self.connection_of(index)
        if connection is None:
            return "" if self.direction_of(index) == "inactive" else "no c= line (RFC 8866 §5.7)"
        if connection.is_null:
            return ""
        if not connection.is_literal:
            what = "a group of hosts" if _is_group(connection.host) else "a host"
            return f"c= names {what} ({shown(connection.address)}); only IP addresses of one host are used"
        if ours and (":" in ours) != (":" in connection.host):
            theirs, mine = ("IPv6", "IPv4") if ":" in connection.host else ("IPv4", "IPv6")
            return f"its media are {theirs} ({shown(connection.host)}), ours {mine} ({ours})"
        return ""

    def address_of(self, index: int, *, muxed: bool = False) -> MediaPort:
        """Where an m-line receives.

        Args:
            index: the m-line.
            muxed: both sides agreed on a=rtcp-mux; then RTCP goes to the RTP port. An offer of it alone changes
                nothing (RFC 5761 §5.1.1), and we never take it up.
        Returns: host, RTP port, RTCP port (a=rtcp of RFC 3605, else the next one). The host is "0.0.0.0" where the
            line has no address at all, which is legal for an inactive one; `is_hold` is true then.
        """
        media = self.media[index]
        connection = self.connection_of(index)
        host = connection.host if connection else "0.0.0.0"
        if muxed:
            return MediaPort(host, media.port, media.port)
        rtcp = (media.get("rtcp") or "").partition(" ")[0]
        if rtcp.isascii() and rtcp.isdigit() and 0 < len(rtcp) <= 5 and 0 < int(rtcp) < 65536:
            return MediaPort(host, media.port, int(rtcp))
        return MediaPort(host, media.port, min(media.port + 1, 65535) if media.port else 0)


def shown(text: str, limit: int = 60) -> str:
    """A piece of a peer's text that is safe in a log line or a SIP header: printable ASCII, the rest escaped."""
    return ascii(text[:limit])[1:-1]


def _hears(connection: Connection) -> bool:
    """False for an address that nothing may be sent to: a null one, or none of IP."""
    return not connection.is_null and _is_literal(connection.host)


_kept = lru_cache(maxsize=256)(_hears)


def _is_literal(host: str) -> bool:
    if "%" in host or len(host) > _LONGEST:  # a scope means nothing on another host (RFC 4007 §6)
        return False
    try:
        numeric(host)
    except ValueError:
        return False
    return not _is_group(host)


def _is_group(host: str) -> bool:
    """True for an address that many listen to: one packet would reach all of a network (RFC 5771, RFC 919)."""
    try:
        return host == _EVERYBODY or numeric(host).is_multicast
    except ValueError:
        return False


def _direction(attributes: tuple[Attribute, ...]) -> str | None:
    for name, _ in attributes:
        if name in DIRECTIONS:
            return name
    return None

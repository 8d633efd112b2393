"""The Via header: where a request came from and where its response goes (RFC 3261 §20.42, RFC 3581). Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from splitter.core.errors import PeerError
from splitter.sip.grammar import (
    BLANK,
    TOKEN,
    integer,
    parse_params,
    remembered,
    shown,
    split_host,
    write_host,
    write_params,
)


@dataclass(frozen=True, slots=True)
class Via:
    """One element of the Via header.

    Attributes:
        transport: "UDP", "TCP", "TLS", "WS"…, upper case.
        host: of sent-by; a name or a literal address, IPv6 without brackets.
        port: of sent-by; None where it is left to the default.
        params: names in lower case, values as written.
    """

    transport: str
    host: str
    port: int | None = None
    params: Mapping[str, str | None] = field(default_factory=dict)

    @classmethod
    def parse(cls, text: str) -> Via:
        """Read `SIP/2.0/UDP host:port;branch=…`, with white space wherever §25.1 allows it.

        Raises:
            PeerError: not SIP/2.0, no transport, no host, a port or rport that is no number.
        """
        head, _, params = text.partition(";")
        transport, host, port = _protocol_and_sent_by(head)
        return cls(transport, host, port, parse_params(params))

    @property
    def branch(self) -> str | None:
        """The transaction's identity; None where it is missing (RFC 2543 peers)."""
        return self.params.get("branch") or None

    @property
    def received(self) -> str | None:
        """The source address that the receiver saw, IPv6 without brackets (§18.2.1)."""
        value = self.params.get("received")
        return value.strip("[]") if value else None

    @property
    def rport(self) -> int | None:
        """The source port that the receiver saw; None also for an empty `rport`, which asks for it (RFC 3581 §3).

        Raises:
            PeerError: not a port number.
        """
        value = self.params.get("rport")
        return integer(value, "rport of Via", 65535) if value else None

    @property
    def wants_rport(self) -> bool:
        """True where the sender asks that responses go to the port its request came from (RFC 3581 §4)."""
        return "rport" in self.params

    def with_params(self, **params: str | None) -> Via:
        """A copy of the element with parameters set or replaced, e.g. `received` and `rport`."""
        return Via(self.transport, self.host, self.port, {**self.params, **params})

    def __str__(self) -> str:
        return f"SIP/2.0/{self.transport} {write_host(self.host, self.port)}{write_params(self.params)}"


@remembered
def _protocol_and_sent_by(head: str) -> tuple[str, str, int | None]:
    """`SIP / 2.0 / UDP host : port` → transport, host, port."""
    name, _, rest = head.partition("/")
    version, _, rest = rest.partition("/")
    transport, _, place = rest.lstrip(BLANK).replace("\t", " ").partition(" ")
    if name.strip(BLANK).upper() != "SIP" or version.strip(BLANK) != "2.0":
        raise PeerError(f"Via is not of SIP/2.0: {shown(head)}")
    if not TOKEN.fullmatch(transport):
        raise PeerError(f"Via names no transport: {shown(head)}")
    host, port = split_host(place.strip(BLANK), "Via")
    return transport.upper(), host, port

"""What the operator sets about trunks, routes and calls. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Network, IPv6Network

from splitter.core.net import Address


class Role(StrEnum):
    """What stands at the other end of a trunk."""

    ACCESS = "access"  # the operator's SBC: callers come from here
    CENTRE = "centre"  # the voice call centre: audio goes there
    SEAT = "seat"  # SIP video clients of agents


@dataclass(frozen=True, slots=True)
class Peer:
    """A source that is believed to be the trunk's. `port` None means any port."""

    network: IPv4Network | IPv6Network
    port: int | None = None


@dataclass(frozen=True, slots=True)
class Trunk:
    """A neighbour.

    Attributes:
        name: as in the configuration.
        role: see Role.
        network: the name of our network that faces it.
        peers: sources accepted as this trunk; anything else gets silence.
        address: where requests to it go (required for a centre); port 0 is never stored, 5060 is the default.
        transport: "udp" or "tcp", for requests to it.
        trusted: inside the trust domain: identity headers pass (RFC 3325).
        call_id_headers: how the call id is told to a centre: any of "user-to-user" and "x-splitter-call".
        answer_limit_s: without any response from it for this long, the next route is tried.
        ring_limit_s: ringing longer than this ends the attempt.
        reliable_provisional: send 18x with SDP reliably to a peer that supports it (RFC 3262); one that requires
            it always gets it.
        delayed_offer: send it INVITEs without an offer: it offers in its 200 (some centres insist on that).
    """

    name: str
    role: Role
    network: str
    peers: tuple[Peer, ...]
    address: Address | None = None
    transport: str = "udp"
    trusted: bool = False
    call_id_headers: tuple[str, ...] = ("x-splitter-call",)
    answer_limit_s: float = 4.0
    ring_limit_s: float = 180.0
    reliable_provisional: bool = True
    delayed_offer: bool = False


@dataclass(frozen=True, slots=True)
class Route:
    """Called numbers that match `called` (whole user part) go to the trunks in order.

    `number` is what the centre sees as called number; `\\1` style groups of `called` may be used; empty keeps it.
    """

    called: re.Pattern[str]
    trunks: tuple[str, ...]
    number: str = ""


@dataclass(frozen=True, slots=True)
class CallSettings:
    """Bounds on calls.

    Attributes:
        name: what Server, User-Agent and the SDP session name say.
        max_calls: past this an INVITE gets 503 with Retry-After.
        consult_limit_s: how long one side may take to answer a re-INVITE that was relayed to it.
        bitrate_kbps: what b=AS of our video lines asks for.
        session_expires_s: the session interval that we ask for on each leg (RFC 4028); 0 asks for none.
        min_session_expires_s: the shortest that we grant; 90 or more.
        end_on_missed_refresh: end a call whose peer did not refresh in time even while its voice flows.
    """

    name: str = "splitter"
    max_calls: int = 2000
    consult_limit_s: float = 20.0
    bitrate_kbps: int = 960
    session_expires_s: int = 1800
    min_session_expires_s: int = 90
    end_on_missed_refresh: bool = False
